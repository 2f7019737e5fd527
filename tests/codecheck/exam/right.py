"""Correct cells, as language models answer them in notebooks.

Written by an outsider without sight of the check. Each cell was run.
"""

import re

_RAW = []

_RAW.append(r'''
# Revenue per store and category
summary = (
    sales.groupby(["store", "category"], as_index=False)["revenue"]
    .sum()
    .sort_values("revenue", ascending=False)
)
summary.head(10)
#~~
top = top_products(sales, n=3)
for rank, (product, value) in enumerate(top.items(), start=1):
    print(f"{rank}. {product:<10} {value:>10,.2f}")
#~~
merged = sales.merge(customers, on="customer_id", how="left", validate="many_to_one")
by_segment = merged.groupby("segment", observed=True)["revenue"].agg(["count", "mean", "sum"])
by_segment.round(2)
#~~
sales["month"] = sales["order_date"].dt.to_period("M")
monthly_units = sales.groupby("month")["units"].sum()
monthly_units.pct_change().mul(100).round(1)
#~~
weekly = (
    sales.set_index("order_date")
    .groupby("store")
    .resample("W")["revenue"]
    .sum()
    .unstack(level=0)
    .fillna(0)
)
weekly.tail()
#~~
discounted = sales.query("discount > 0 and channel == 'web'")
print(len(discounted), "discounted web orders")
discounted[["order_id", "product", "discount", "revenue"]].nlargest(5, "revenue")
#~~
sales["weekday"] = sales["order_date"].dt.day_name()
order = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
heat = sales.pivot_table(index="weekday", columns="store", values="units", aggfunc="mean").reindex(order)
fig, ax = plt.subplots(figsize=(8, 4))
sns.heatmap(heat, annot=True, fmt=".1f", cmap="viridis", ax=ax)
ax.set_title("Average units per order")
plt.tight_layout()
#~~
q1, q3 = sales["revenue"].quantile([0.25, 0.75])
iqr = q3 - q1
outliers = sales[(sales["revenue"] < q1 - 1.5 * iqr) | (sales["revenue"] > q3 + 1.5 * iqr)]
print(f"{len(outliers)} outliers of {len(sales)} orders")
#~~
missing = patients.isna().sum()
missing = missing[missing > 0].to_frame("n_missing")
missing["share"] = missing["n_missing"] / len(patients)
missing.style.format({"share": "{:.1%}"})
#~~
patients["bmi_group"] = patients["bmi"].dropna().apply(bmi_category)
pd.crosstab(patients["bmi_group"], patients["readmitted"], normalize="index").round(3)
#~~
patients["age_band"] = pd.cut(
    patients["age"], bins=[0, 40, 65, 80, 120], labels=["<40", "40-64", "65-79", "80+"], right=False
)
patients.groupby("age_band", observed=True).agg(
    n=("patient_id", "size"),
    mean_stay=("length_of_stay", "mean"),
    readmission_rate=("readmitted", "mean"),
)
#~~
latest = (
    labs.sort_values("taken_at")
    .drop_duplicates(subset=["patient_id", "test"], keep="last")
    .pivot(index="patient_id", columns="test", values="value")
)
latest.describe().T
#~~
combined = patients.merge(latest := labs.groupby("patient_id")["value"].max().rename("max_lab"),
                          left_on="patient_id", right_index=True, how="left")
combined[["patient_id", "max_lab"]].sort_values("max_lab", ascending=False).head()
#~~
daily = sensors.resample("D").agg({"temp_c": ["min", "max", "mean"], "humidity": "mean"})
daily.columns = ["_".join(col) for col in daily.columns]
daily["range"] = daily["temp_c_max"] - daily["temp_c_min"]
daily.head()
#~~
filled = sensors["temp_c"].interpolate(method="time")
print("gaps before:", sensors["temp_c"].isna().sum(), "after:", filled.isna().sum())
#~~
rolling = sensors["temp_c"].rolling("6h", min_periods=4)
smooth = pd.DataFrame({"mean": rolling.mean(), "std": rolling.std()})
upper = smooth["mean"] + 2 * smooth["std"]
anomalies = sensors.loc[sensors["temp_c"] > upper, "temp_c"]
anomalies.head()
#~~
night = sensors.between_time("22:00", "05:00")
day = sensors.drop(night.index)
pd.concat({"day": day.mean(), "night": night.mean()}, axis=1)
#~~
first_week = sensors.loc["2024-04-01":"2024-04-07", ["temp_c", "humidity"]]
fig, (ax1, ax2) = plt.subplots(2, 1, sharex=True, figsize=(10, 5))
ax1.plot(first_week.index, first_week["temp_c"], color="tab:red")
ax1.set_ylabel("Temperature (°C)")
ax2.plot(first_week.index, first_week["humidity"], color="tab:blue")
ax2.set_ylabel("Humidity (%)")
ax2.xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))
fig.autofmt_xdate()
#~~
sensors["hour"] = sensors.index.hour
profile = sensors.groupby("hour")[["temp_c", "co2_ppm"]].mean()
ax = profile.plot(subplots=True, layout=(1, 2), figsize=(10, 3), legend=False)
plt.suptitle("Daily profile")
#~~
switches = sensors["pump_on"].astype(int).diff().eq(1)
runs = switches.cumsum()
lengths = sensors.loc[sensors["pump_on"]].groupby(runs).size()
print("pump starts:", int(switches.sum()), "longest run:", lengths.max() * 15, "minutes")
#~~
energy["renewable"] = energy[["solar_gwh", "wind_gwh", "hydro_gwh"]].sum(axis=1)
energy["share"] = energy["renewable"] / energy["demand_gwh"]
energy["share"].unstack("region").round(2)
#~~
north = energy.xs("north", level="region")
growth = north.pct_change().dropna()
growth.style.background_gradient(axis=None)
#~~
recent = energy.sort_index().loc[pd.IndexSlice[:, 2021:2022], :]
recent.groupby(level="region").mean().sort_values("demand_gwh")
#~~
long = (
    energy.reset_index()
    .melt(id_vars=["region", "year"], var_name="source", value_name="gwh")
    .assign(source=lambda d: d["source"].str.replace("_gwh", ""))
)
long.groupby(["source", "year"])["gwh"].sum().unstack().head()
#~~
best_year = energy["wind_gwh"].groupby(level="region").idxmax()
for region, key in best_year.items():
    print(region, key[1], energy.loc[key, "wind_gwh"])
#~~
tidy = clean_columns(survey)
print(tidy.columns.tolist())
tidy.head(3)
#~~
survey["income"] = survey[" income "].str.replace(",", "").astype(int)
survey = survey.drop(columns=[" income "])
survey["income"].describe()
#~~
survey = survey.rename(columns={
    "How satisfied are you? (1-5)": "satisfaction",
    "Q2: Commute [min]": "commute_min",
    "Age (years)": "age",
})
survey[["satisfaction", "commute_min", "age"]].corr(method="spearman")
#~~
young = survey.query("`Age (years)` < 30 and `class` == 'A'")
young[["Respondent ID", "2023 score"]]
#~~
answered = survey["Comments"].fillna("").str.strip().ne("")
print(f"{answered.mean():.0%} left a comment")
survey.loc[answered, "Comments"].str.lower().value_counts()
#~~
survey["Zip/Postal Code"] = survey["Zip/Postal Code"].str.zfill(5)
region = survey["Zip/Postal Code"].str[0].rename("region")
survey.groupby(region)["2023 score"].agg(["mean", "median", "size"])
#~~
store_channel.div(store_channel.sum(axis=1), axis=0).plot(kind="bar", stacked=True, figsize=(7, 4))
plt.ylabel("share of revenue")
plt.legend(title="Channel", bbox_to_anchor=(1.02, 1), loc="upper left")
plt.show()
#~~
by_store["avg_order_value"] = by_store["total_revenue"] / by_store["orders"]
by_store.loc[by_store["avg_order_value"].idxmax()]
#~~
share = by_store.total_revenue / by_store.total_revenue.sum()
print(share.map("{:.1%}".format))
#~~
sales["cum_revenue"] = sales.groupby("store")["revenue"].cumsum()
sales["rank_in_store"] = sales.groupby("store")["revenue"].rank(ascending=False, method="dense").astype(int)
sales.loc[sales["rank_in_store"] <= 2, ["store", "order_id", "revenue", "rank_in_store"]]
#~~
def weighted_discount(group):
    return np.average(group["discount"], weights=group["revenue"])

sales.groupby("category")[["discount", "revenue"]].apply(weighted_discount)
#~~
z = (sales["revenue"] - sales.groupby("store")["revenue"].transform("mean")) / sales.groupby("store")["revenue"].transform("std")
sales.assign(z=z).loc[z.abs() > 2, ["order_id", "store", "revenue", "z"]]
#~~
first_orders = sales.sort_values("order_date").groupby("customer_id", as_index=False).first()
cohort = first_orders["order_date"].dt.to_period("Q").value_counts().sort_index()
cohort.plot.bar(title="New customers per quarter", rot=0)
#~~
rfm = sales.groupby("customer_id").agg(
    recency=("order_date", lambda s: (sales["order_date"].max() - s.max()).days),
    frequency=("order_id", "nunique"),
    monetary=("revenue", "sum"),
)
rfm["score"] = rfm.rank(pct=True).mean(axis=1)
rfm.nlargest(5, "score")
#~~
customers[["first_name", "last_name"]] = customers["full_name"].str.split(" ", n=1, expand=True)
customers["last_name"].value_counts().head()
#~~
customers["domain"] = customers["email"].str.extract(r"@(.+)$", expand=False)
customers["user_no"] = customers["email"].str.extract(r"(\d+)").astype(int)
customers.dtypes
#~~
no_orders = customers[~customers["customer_id"].isin(sales["customer_id"])]
print(f"{no_orders.shape[0]} customers never ordered")
#~~
tenure = (pd.Timestamp("2024-01-01") - customers["signup_date"]).dt.days
customers.assign(tenure_years=(tenure / 365.25).round(1)).sort_values("tenure_years").tail(3)
#~~
customers["segment"] = customers["segment"].cat.rename_categories(str.title)
customers["segment"].cat.categories.tolist()
#~~
sample = sales.sample(frac=0.1, random_state=SEED).reset_index(drop=True)
sample.info(memory_usage="deep")
#~~
conditions = [sales["revenue"] < 100, sales["revenue"] < 500]
sales["size"] = np.select(conditions, ["small", "medium"], default="large")
sales["size"].value_counts(normalize=True)
#~~
sales["big"] = np.where(sales["units"] >= 8, "bulk", "single")
table = sales.pivot_table(index="product", columns="big", values="revenue", aggfunc=["mean", "count"], margins=True)
table
#~~
corr = sales.select_dtypes("number").drop(columns="order_id").corr()
mask = np.triu(np.ones_like(corr, dtype=bool))
sns.heatmap(corr, mask=mask, center=0, square=True, cbar_kws={"shrink": 0.7})
#~~
exploded = pd.DataFrame({"tags": [["a", "b"], ["b"], []], "id": [1, 2, 3]}).explode("tags", ignore_index=True)
exploded["tags"].value_counts(dropna=False)
#~~
records = sales.head(3).to_dict(orient="records")
print(json.dumps(records, default=str, indent=2)[:300])
#~~
df = pd.read_csv(csv_path, parse_dates=["order_date"])
assert df["order_id"].is_unique
df.memory_usage(deep=True).sum() / 1024
#~~
total = 0.0
for chunk in pd.read_csv(csv_path, usecols=["store", "revenue"], chunksize=20):
    total += chunk.loc[chunk["store"] == "Harbour", "revenue"].sum()
print(f"Harbour total: {total:.2f}")
#~~
query = """
    SELECT store, ROUND(SUM(revenue), 2) AS total
    FROM sales
    GROUP BY store
    ORDER BY total DESC
"""
totals = pd.read_sql_query(query, conn)
totals.set_index("store")["total"].to_dict()
#~~
cursor.execute("SELECT product, COUNT(*) AS n FROM sales GROUP BY product HAVING n > ?", (10,))
for row in cursor.fetchall():
    print(row["product"], row["n"])
#~~
with conn:
    conn.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT)")
    conn.executemany("INSERT INTO notes (body) VALUES (?)", [(line,) for line in log_lines])
count, = conn.execute("SELECT COUNT(*) FROM notes").fetchone()
count
#~~
cols = [row[1] for row in conn.execute("PRAGMA table_info(sales)")]
print(cols)
#~~
asof = pd.merge_asof(
    labs.sort_values("taken_at"),
    patients[["patient_id", "admitted", "ward"]].sort_values("admitted"),
    left_on="taken_at", right_on="admitted", by="patient_id", direction="backward",
)
asof["ward"].isna().mean()
#~~
sex_stats = patients.groupby("sex")[["systolic_bp", "diastolic_bp"]].describe()
sex_stats.loc[:, (slice(None), ["mean", "std"])]
#~~
occupancy = pd.concat([
    pd.Series(1, index=patients["admitted"]),
    pd.Series(-1, index=patients["discharged"]),
]).sort_index().cumsum()
occupancy = occupancy.groupby(level=0).last().resample("D").ffill()
occupancy.plot(figsize=(9, 3), drawstyle="steps-post", title="Patients in hospital")
#~~
patients["pulse_pressure"] = patients.eval("systolic_bp - diastolic_bp")
patients.nsmallest(5, "pulse_pressure")[["patient_id", "age", "pulse_pressure"]]
#~~
patients.boxplot(column="length_of_stay", by="ward", grid=False, rot=30)
plt.suptitle("")
plt.title("Length of stay by ward")
#~~
s = pd.Series(signal)
peaks = s[(s.shift(1) < s) & (s.shift(-1) < s) & (s > 0.9)]
print(peaks.index.tolist()[:10])
#~~
pd.set_option("display.max_columns", 20)
with pd.option_context("display.precision", 2, "display.max_rows", 6):
    print(energy)
#~~
sensors_local = sensors.tz_localize("UTC").tz_convert("Europe/Warsaw")
print(sensors_local.index[0], sensors_local.index.tz)
#~~
lagged = pd.concat({f"lag_{k}": sensors["temp_c"].shift(k) for k in (1, 4, 96)}, axis=1)
lagged["target"] = sensors["temp_c"]
lagged.dropna().corr()["target"].drop("target")
#~~
top_days = sensors["co2_ppm"].groupby(sensors.index.date).max().nlargest(3)
top_days.index = pd.to_datetime(top_days.index)
top_days
#~~
melted = store_channel.reset_index().melt(id_vars="store", value_name="revenue")
sns.barplot(data=melted, x="store", y="revenue", hue="channel", palette="Set2")
plt.xticks(rotation=20)
#~~
diff = sales["customer_id"].map(customers.set_index("customer_id")["city"])
sales.assign(city=diff).groupby("city")["revenue"].sum().sort_values().plot.barh()
#~~
sales = sales.astype({"store": "category", "channel": "category"})
print(sales["store"].cat.codes.head(), sales["channel"].dtype, sep="\n")
#~~
def basket_stats(g: pd.DataFrame) -> pd.Series:
    return pd.Series({
        "orders": len(g),
        "products": g["product"].nunique(),
        "median": g["revenue"].median(),
    })

sales.groupby("channel").apply(basket_stats)
#~~
html = by_store.round(2).to_html(classes="table table-striped")
Path("report.html").write_text(html, encoding="utf-8")
#~~
print(by_store.round(1).to_markdown())
print(by_store.to_string(float_format="%.2f"))
''')

_RAW.append(r"""
# Busiest start stations
busiest = (
    trips.group_by("start_station")
    .agg(pl.len().alias("n"), pl.col("duration_min").mean().round(1).alias("avg_min"))
    .sort("n", descending=True)
)
busiest
#~~
joined = trips.join(stations, left_on="start_station", right_on="station_id", how="left")
joined.select("trip_id", "station_name", "capacity").head()
#~~
speed = trips.with_columns(
    (pl.col("distance_km") / (pl.col("duration_min") / 60)).alias("speed_kmh")
).filter(pl.col("speed_kmh").is_between(3, 40))
speed["speed_kmh"].describe()
#~~
(
    trips_lazy
    .filter(pl.col("rider_type") == "member")
    .group_by("bike_type")
    .agg(pl.col("distance_km").sum())
    .collect()
)
#~~
trips = trips.with_columns(
    pl.when(pl.col("duration_min") < 10).then(pl.lit("short"))
    .when(pl.col("duration_min") < 25).then(pl.lit("medium"))
    .otherwise(pl.lit("long"))
    .alias("length")
)
trips["length"].value_counts(sort=True)
#~~
hourly = (
    trips.sort("started_at")
    .group_by_dynamic("started_at", every="1d")
    .agg(pl.len().alias("trips"), pl.col("distance_km").sum())
)
plt.bar(hourly["started_at"].to_list(), hourly["trips"].to_list())
#~~
trips.null_count()
clean = trips.with_columns(pl.col("bike_type").fill_null("unknown"))
clean["bike_type"].unique().to_list()
#~~
round_trips = trips.filter(pl.col("start_station") == pl.col("end_station"))
print(f"{round_trips.height} of {trips.height} trips end where they started")
#~~
matrix = trips.pivot(on="end_station", index="start_station", values="trip_id", aggregate_function="len")
matrix.sort("start_station").fill_null(0)
#~~
ranked = trips.with_columns(
    pl.col("duration_min").rank("dense", descending=True).over("start_station").alias("rank")
)
ranked.filter(pl.col("rank") == 1).select(["start_station", "trip_id", "duration_min"])
#~~
pdf = trips.to_dict(as_series=False)
pd.DataFrame(pdf).groupby("rider_type")["distance_km"].mean()
#~~
for row in stations.iter_rows(named=True):
    print(f"{row['station_name']:<12}{row['capacity']:>4}")
#~~
trips.select(
    pl.col("started_at").dt.hour().alias("hour"),
    pl.col("started_at").dt.strftime("%A").alias("weekday"),
).unique().sort("hour").head(5)
#~~
print(trips_lazy.select(pl.col("trip_id"), pl.col("duration_min") * 60).explain())
trips_lazy.collect_schema().names()
#~~
stations.with_columns(pl.col("station_name").str.to_uppercase().str.replace_all(" ", "_"))
stations.write_csv("stations.csv")
pl.read_csv("stations.csv").shape
#~~
summary = trips.group_by("rider_type").agg(
    pl.col("distance_km").quantile(0.9).alias("p90"),
    pl.col("distance_km").filter(pl.col("bike_type") == "electric").mean().alias("electric_mean"),
)
dict(summary.select("rider_type", "p90").iter_rows())
#~~
ctx = pl.SQLContext(trips=trips, stations=stations)
ctx.execute("SELECT rider_type, COUNT(*) AS n FROM trips GROUP BY rider_type").collect()
#~~
numeric = trips.select(pl.col(pl.Float64))
numeric.corr()
#~~
stacked = pl.concat([trips.head(2), trips.tail(2)])
stacked.drop("bike_type").rename({"duration_min": "minutes"}).columns
#~~
# standardise the columns
A = (grid - grid.mean(axis=0)) / grid.std(axis=0, ddof=1)
cov = A.T @ A / (A.shape[0] - 1)
eigvals, eigvecs = np.linalg.eigh(cov)
print(np.round(eigvals[::-1] / eigvals.sum(), 3))
#~~
smoothed = moving_average(signal, window=9)
plt.plot(signal, alpha=0.4, label="raw")
plt.plot(np.arange(len(smoothed)) + 4, smoothed, lw=2, label="smoothed")
plt.legend(frameon=False)
plt.show()
#~~
freqs = np.fft.rfftfreq(signal.size, d=1 / 100)
power = np.abs(np.fft.rfft(signal - signal.mean())) ** 2
print("dominant frequency:", freqs[power.argmax()].round(3))
#~~
gray = image.astype(float) @ np.array([0.299, 0.587, 0.114])
fig, axs = plt.subplots(1, 2)
axs[0].imshow(image)
axs[1].imshow(gray, cmap="gray", vmin=0, vmax=255)
for a in axs.flat:
    a.axis("off")
#~~
flipped = image[:, ::-1]
padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")
print(flipped.shape, padded.shape, padded.dtype)
#~~
values, counts = np.unique(labels, return_counts=True)
dict(zip(values.tolist(), counts.tolist()))
#~~
assert np.isclose(weights.sum(), 1.0)
np.average(np.arange(4), weights=weights)
#~~
idx = np.argsort(grid[:, 0])[::-1]
print(grid[idx][:3].round(2))
rows, cols = np.nonzero(grid > 1.5)
#~~
a = np.array([[3.0, 1.0], [1.0, 2.0]])
b = np.array([9.0, 8.0])
x = np.linalg.solve(a, b)
np.allclose(a @ x, b)
#~~
boot = np.array([rng.choice(signal, size=signal.size).mean() for _ in range(300)])
low, high = np.percentile(boot, [2.5, 97.5])
print(f"95% CI: [{low:.3f}, {high:.3f}]")
#~~
blocks = grid.reshape(4, 3, 8).mean(axis=1)
stacked = np.vstack([blocks, blocks.max(axis=0, keepdims=True)])
stacked.shape
#~~
distances = np.linalg.norm(grid[:, None, :] - grid[None, :, :], axis=-1)
np.fill_diagonal(distances, np.inf)
nearest = distances.argmin(axis=1)
nearest
#~~
coeffs = np.polyfit(np.arange(50), signal[:50], deg=3)
poly = np.poly1d(coeffs)
residual = signal[:50] - poly(np.arange(50))
print("RMSE", np.sqrt((residual ** 2).mean()))
#~~
np.save("signal.npy", signal)
np.savez_compressed("arrays.npz", grid=grid, weights=weights)
with np.load("arrays.npz") as archive:
    print(archive.files)
#~~
clipped = np.clip(signal, -1, 1)
changes = np.where(np.diff(np.sign(clipped)))[0]
len(changes)
#~~
with np.errstate(divide="ignore", invalid="ignore"):
    ratio = np.true_divide(grid[:, 0], grid[:, 1] * 0)
np.nan_to_num(ratio, nan=0.0, posinf=0.0, neginf=0.0)
#~~
dates = np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]")
np.is_busday(dates).sum(), dates[-1] - dates[0]
#~~
structured = np.array([("rope", 4, 1.5), ("drill", 12, 89.0)], dtype=[("name", "U10"), ("n", "i4"), ("price", "f8")])
structured[structured["price"] > 10]["name"]
#~~
windows = np.lib.stride_tricks.sliding_window_view(signal, 20)
windows.std(axis=1).max()
#~~
hist, edges = np.histogram(signal, bins="auto", density=True)
centers = (edges[:-1] + edges[1:]) / 2
ax.bar(centers, hist, width=np.diff(edges), edgecolor="white")
#~~
np.set_printoptions(precision=3, suppress=True)
print(grid[:2])
print(repr(grid.argmax(axis=1)))
#~~
xx, yy = np.meshgrid(np.linspace(-2, 2, 40), np.linspace(-2, 2, 40))
zz = np.exp(-(xx**2 + yy**2))
cs = plt.contourf(xx, yy, zz, levels=10, cmap="magma")
plt.colorbar(cs, label="height")
#~~
ax.set_xlabel("Month")
ax.set_ylabel("Revenue (EUR)")
ax.grid(True, axis="y", linestyle="--", alpha=0.5)
ax.spines[["top", "right"]].set_visible(False)
fig
#~~
for a, col in zip(axes.flat, ["age", "bmi", "systolic_bp", "length_of_stay"]):
    a.clear()
    a.hist(patients[col].dropna(), bins=15, color="steelblue", edgecolor="white")
    a.set(title=col, xlabel="", ylabel="n")
fig2.suptitle("Patients", fontweight="bold")
fig2.tight_layout()
#~~
line.set_color("crimson")
line.set_linewidth(2.5)
axes[0, 0].legend(loc="lower right")
fig2.savefig("panels.png", dpi=120, bbox_inches="tight")
#~~
for bar, count in zip(hist_bars, hist_counts):
    if count == hist_counts.max():
        bar.set_facecolor("orange")
axes[0, 1].annotate("mode", xy=(hist_edges[hist_counts.argmax()], hist_counts.max()),
                    xytext=(10, -15), textcoords="offset points", arrowprops={"arrowstyle": "->"})
#~~
fig, ax = plt.subplots()
scatter = ax.scatter(patients["age"], patients["systolic_bp"], c=patients["bmi"], s=20, cmap="plasma")
fig.colorbar(scatter, ax=ax, label="BMI")
ax.axhline(140, color="red", ls=":", label="hypertension")
ax.legend()
#~~
ax.xaxis.set_major_locator(mdates.MonthLocator(interval=2))
ax.tick_params(axis="x", labelrotation=45)
ax.margins(x=0.01)
#~~
twin = ax.twinx()
twin.plot(monthly.index, monthly["units"], color="gray", ls="--")
twin.set_ylabel("Units")
twin.set_ylim(bottom=0)
#~~
sns.set_theme(style="whitegrid", context="notebook")
g = sns.relplot(data=sales, x="order_date", y="revenue", col="store", col_wrap=2, height=2.5, aspect=1.6)
g.set_titles("{col_name}")
g.set_axis_labels("", "Revenue")
#~~
sns.violinplot(data=patients, x="ward", y="age", hue="sex", split=True, inner="quart")
sns.despine(left=True)
#~~
g = sns.FacetGrid(patients, col="sex", hue="smoker")
g.map_dataframe(sns.scatterplot, x="age", y="bmi")
g.add_legend()
#~~
sns.pairplot(patients[["age", "bmi", "systolic_bp", "ward"]].dropna(), hue="ward", corner=True, height=1.5)
plt.show()
#~~
ax = sns.histplot(sales, x="revenue", hue="channel", multiple="stack", binwidth=100)
ax.set_xlim(0, 1000)
sns.move_legend(ax, "upper right")
#~~
order = patients.groupby("ward")["length_of_stay"].median().sort_values().index
sns.boxplot(data=patients, x="length_of_stay", y="ward", order=order, showfliers=False)
sns.stripplot(data=patients, x="length_of_stay", y="ward", order=order, color="k", size=2, alpha=0.4)
#~~
with plt.style.context("ggplot"):
    fig, ax = plt.subplots(constrained_layout=True)
    ax.pie(by_store["orders"], labels=by_store.index, autopct="%1.0f%%", startangle=90)
#~~
fig = plt.figure(figsize=(8, 5))
gs = fig.add_gridspec(2, 3)
main = fig.add_subplot(gs[:, :2])
side = fig.add_subplot(gs[0, 2])
main.plot(energy["demand_gwh"].unstack("region"))
side.text(0.5, 0.5, "note", ha="center", va="center", transform=side.transAxes)
#~~
plt.rcParams.update({"font.size": 11, "axes.titlesize": 13, "figure.dpi": 100})
colors = plt.get_cmap("tab10")(np.linspace(0, 1, 4))
for color, (region, group) in zip(colors, energy.groupby(level="region")):
    plt.plot(group.index.get_level_values("year"), group["solar_gwh"], "o-", color=color, label=region)
plt.legend(ncols=2)
#~~
ax = by_store["total_revenue"].sort_values().plot.barh(color="teal")
for container in ax.containers:
    ax.bar_label(container, fmt="%.0f", padding=3)
#~~
fig, ax = plt.subplots(subplot_kw={"projection": "polar"})
theta = np.linspace(0, 2 * np.pi, 24, endpoint=False)
ax.bar(theta, sensors["temp_c"].groupby(sensors.index.hour).mean(), width=0.2)
ax.set_theta_zero_location("N")
#~~
from matplotlib.ticker import FuncFormatter, PercentFormatter

ax.yaxis.set_major_formatter(FuncFormatter(lambda v, pos: f"{v / 1000:.0f}k"))
axes[1, 1].yaxis.set_major_formatter(PercentFormatter(xmax=1))
#~~
from matplotlib.patches import Patch
from matplotlib.colors import ListedColormap

cmap = ListedColormap(["#dddddd", "#336699"])
ax.legend(handles=[Patch(color=cmap(i), label=l) for i, l in enumerate(["off", "on"])])
#~~
ax.fill_between(smooth_x := np.arange(50), signal[:50] - 0.2, signal[:50] + 0.2, alpha=0.3, where=signal[:50] > 0)
ax.set_xlim(smooth_x[0], smooth_x[-1])
#~~
plot_series(monthly["revenue"], title="Monthly revenue", color="navy", marker="o")
plt.axvspan(pd.Timestamp("2023-06-01"), pd.Timestamp("2023-08-31"), color="gold", alpha=0.2)
#~~
plt.close("all")
fig, ax = plt.subplots()
ax.errorbar(by_store.index, by_store["avg_discount"], yerr=0.01, fmt="s", capsize=4)
buf = io.BytesIO()
fig.savefig(buf, format="png")
print(len(buf.getvalue()) > 1000)
#~~
import plotly.express as px

fig = px.scatter(sales, x="unit_price", y="revenue", color="store", hover_data=["product"], title="Orders")
fig.update_layout(template="simple_white", height=400)
fig.update_traces(marker={"size": 6, "opacity": 0.7})
len(fig.data)
#~~
import plotly.graph_objects as go

fig = go.Figure()
fig.add_trace(go.Bar(x=by_store.index, y=by_store["orders"], name="orders"))
fig.add_hline(y=by_store["orders"].mean(), line_dash="dot")
fig.update_xaxes(title_text="Store")
fig.to_dict()["layout"]["xaxis"]["title"]["text"]
""")

_RAW.append(r"""
# How good is the forest on the test set?
print(f"accuracy: {accuracy_score(y_test, y_pred):.3f}")
print(classification_report(y_test, y_pred, zero_division=0))
#~~
importances = pd.Series(forest.feature_importances_, index=features).sort_values()
importances.plot.barh()
plt.title("Feature importance")
#~~
proba = log_reg.predict_proba(scaler.transform(X_test))[:, 1]
threshold = 0.4
pred = (proba >= threshold).astype(int)
cm = confusion_matrix(y_test, pred)
tn, fp, fn, tp = cm.ravel()
print(f"sensitivity {tp / (tp + fn):.2f}, specificity {tn / (tn + fp):.2f}")
#~~
from sklearn.metrics import RocCurveDisplay, roc_auc_score

fig, ax = plt.subplots()
RocCurveDisplay.from_estimator(forest, X_test, y_test, ax=ax, name="forest")
ax.plot([0, 1], [0, 1], "k--")
print(roc_auc_score(y_test, forest.predict_proba(X_test)[:, 1]))
#~~
scores = cross_val_score(model, patients[["age", "bmi", "ward", "sex"]], y, cv=3, scoring="roc_auc")
print(f"{scores.mean():.3f} ± {scores.std():.3f}")
#~~
param_grid = {"max_depth": [2, 4], "min_samples_leaf": [1, 5]}
search = GridSearchCV(RandomForestClassifier(n_estimators=5, random_state=0), param_grid, cv=2, n_jobs=1)
search.fit(X_train, y_train)
results = pd.DataFrame(search.cv_results_)[["params", "mean_test_score", "rank_test_score"]]
print(search.best_params_, search.best_score_)
results.sort_values("rank_test_score")
#~~
coefs = pd.DataFrame({"feature": features, "coef": log_reg.coef_[0]})
coefs["odds_ratio"] = np.exp(coefs["coef"])
coefs.sort_values("odds_ratio", ascending=False)
#~~
X_scaled = scaler.transform(X)
inertias = []
for k in range(2, 6):
    km = KMeans(n_clusters=k, n_init=2, random_state=SEED).fit(X_scaled)
    inertias.append(km.inertia_)
plt.plot(range(2, 6), inertias, marker="o")
#~~
patients["cluster"] = kmeans.labels_
centers = pd.DataFrame(scaler.inverse_transform(kmeans.cluster_centers_), columns=features)
patients.groupby("cluster")[features].mean().round(1)
#~~
components = pca.transform(scaler.transform(X))
print("explained:", pca.explained_variance_ratio_.round(2))
plt.scatter(components[:, 0], components[:, 1], c=y, cmap="coolwarm", s=15)
plt.xlabel("PC1"); plt.ylabel("PC2")
#~~
loadings = pd.DataFrame(pca.components_.T, index=pca.feature_names_in_ if hasattr(pca, "feature_names_in_") else features,
                        columns=["PC1", "PC2"])
loadings.abs().idxmax()
#~~
print("intercept:", lin_reg.intercept_)
print(dict(zip(lin_reg.feature_names_in_, lin_reg.coef_)))
lin_reg.score(sales[["units", "unit_price"]], sales["revenue"])
#~~
names = model.named_steps["prep"].get_feature_names_out()
coef = model.named_steps["clf"].coef_.ravel()
pd.Series(coef, index=names).sort_values(key=abs, ascending=False).head()
#~~
model.set_params(clf__C=0.5)
model.fit(patients[["age", "bmi", "ward", "sex"]], y)
model.get_params()["clf__C"]
#~~
from sklearn.base import BaseEstimator, TransformerMixin

class Clipper(BaseEstimator, TransformerMixin):
    def __init__(self, low=0.01, high=0.99):
        self.low = low
        self.high = high

    def fit(self, X, y=None):
        self.bounds_ = np.quantile(X, [self.low, self.high], axis=0)
        return self

    def transform(self, X):
        return np.clip(X, *self.bounds_)
#~~
from sklearn.inspection import permutation_importance

result = permutation_importance(forest, X_test, y_test, n_repeats=2, random_state=0)
for i in result.importances_mean.argsort()[::-1]:
    print(f"{features[i]:<16}{result.importances_mean[i]:.3f} +/- {result.importances_std[i]:.3f}")
#~~
from sklearn.dummy import DummyClassifier

baseline = DummyClassifier(strategy="most_frequent").fit(X_train, y_train)
print("baseline", baseline.score(X_test, y_test), "forest", forest.score(X_test, y_test))
#~~
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.metrics import mean_squared_error, r2_score

poly = make_pipeline(PolynomialFeatures(degree=2, include_bias=False), LinearRegression())
poly.fit(sales[["units", "unit_price"]], sales["revenue"])
fit = poly.predict(sales[["units", "unit_price"]])
rmse = mean_squared_error(sales["revenue"], fit) ** 0.5
print(f"RMSE={rmse:.2f} R2={r2_score(sales['revenue'], fit):.3f}")
#~~
from sklearn.feature_extraction.text import TfidfVectorizer

vectorizer = TfidfVectorizer(stop_words="english", min_df=1)
tfidf = vectorizer.fit_transform(log_lines)
terms = vectorizer.get_feature_names_out()
print(tfidf.shape, terms[:5])
#~~
from sklearn.tree import DecisionTreeClassifier, export_text

tree = DecisionTreeClassifier(max_depth=2, random_state=0)
tree.fit(X_train, y_train)
print(export_text(tree, feature_names=list(X_train.columns)))
#~~
import joblib

joblib.dump(forest, "forest.joblib")
loaded = joblib.load("forest.joblib")
np.array_equal(loaded.predict(X_test), y_pred)
#~~
import pickle
blob = pickle.dumps(scaler)
print(f"{len(blob)} bytes")
pickle.loads(blob).mean_
#~~
from sklearn.model_selection import StratifiedKFold

skf = StratifiedKFold(n_splits=3, shuffle=True, random_state=SEED)
for fold, (train_idx, test_idx) in enumerate(skf.split(X, y)):
    clf = LogisticRegression(max_iter=1000).fit(X.iloc[train_idx], y.iloc[train_idx])
    print(fold, clf.score(X.iloc[test_idx], y.iloc[test_idx]).__round__(3))
#~~
from scipy import stats

f = patients.loc[patients["sex"] == "F", "length_of_stay"]
m = patients.loc[patients["sex"] == "M", "length_of_stay"]
t, p = stats.ttest_ind(f, m, equal_var=False)
print(f"t = {t:.2f}, p = {p:.3f}")
#~~
from scipy.signal import find_peaks, savgol_filter

smooth = savgol_filter(signal, window_length=31, polyorder=3)
peaks, props = find_peaks(smooth, prominence=0.5, distance=40)
print(peaks, props["prominences"].round(2))
#~~
from scipy.optimize import curve_fit

def wave(t, amplitude, freq, phase):
    return amplitude * np.sin(freq * t + phase)

t = np.linspace(0, 8 * np.pi, signal.size)
params, cov = curve_fit(wave, t, signal, p0=[1, 1, 0])
errors = np.sqrt(np.diag(cov))
params.round(3)
#~~
from scipy.stats import pearsonr, chi2_contingency

res = pearsonr(patients["age"], patients["systolic_bp"])
print(res.statistic, res.pvalue)
chi2, p, dof, expected = chi2_contingency(pd.crosstab(patients["ward"], patients["smoker"]))
#~~
from scipy.cluster.hierarchy import dendrogram, linkage
Z = linkage(grid, method="ward")
dendrogram(Z, no_labels=True, color_threshold=5)
plt.ylabel("distance")
#~~
# what words are most common?
words = [w for w in word_counts.elements() if len(w) > 3]
for word, n in word_counts.most_common(5):
    print(f"{word:<8} {'█' * n}")
#~~
sentences = re.split(r"(?<=[.!?])\s+", article.replace("\n", " "))
longest = max(sentences, key=len)
print(len(sentences), textwrap.shorten(longest, width=40, placeholder="…"))
#~~
parsed = [d for line in log_lines if (d := parse_log_line(line))]
log_df = pd.DataFrame(parsed)
log_df["time"] = pd.to_datetime(log_df["time"])
log_df.groupby("level").size()
#~~
errors = {d["module"]: d["message"] for d in map(parse_log_line, log_lines) if d.get("level") == "ERROR"}
errors
#~~
if match_obj:
    print(match_obj.group("level"), match_obj.span("message"))
    when = datetime.strptime(match_obj["time"], "%Y-%m-%d %H:%M:%S")
    print(when.isoformat(), match_obj.groupdict().keys())
#~~
durations = [float(m[1]) for line in log_lines if (m := re.search(r"([\d.]+)s\b", line))]
print(durations, statistics.mean(durations))
#~~
masked = re.sub(r"(?P<user>\w+)@", lambda m: m["user"][0] + "***@", ", ".join(customers["email"].head(3)))
print(masked)
#~~
def slugify(text: str) -> str:
    text = re.sub(r"[^\w\s-]", "", text.lower()).strip()
    return re.sub(r"[\s_-]+", "-", text)

[slugify(name) for name in customers["full_name"][:3]]
#~~
table = str.maketrans("", "", string.punctuation)
tokens = article.translate(table).casefold().split()
print(sorted(set(tokens), key=lambda w: (-len(w), w))[:5])
#~~
print(textwrap.fill(textwrap.dedent(article), width=50, initial_indent="> ", subsequent_indent="> "))
print(article.partition("?")[0].splitlines()[-1])
#~~
def is_palindrome(s):
    letters = [c for c in s.lower() if c.isalnum()]
    return letters == letters[::-1]

print(is_palindrome("Never odd or even"), is_palindrome(article))
#~~
for old, new in [("app.", "svc."), ("WARNING", "WARN")]:
    log_lines = [line.replace(old, new) for line in log_lines]
print(*log_lines, sep="\n")
#~~
close = difflib.get_close_matches("Harbor", sales["store"].unique().tolist(), n=1, cutoff=0.6)
ratio = difflib.SequenceMatcher(None, "Northgate", "North Gate").ratio()
close, round(ratio, 2)
#~~
from fractions import Fraction

half = Fraction(1, 2) + Fraction("1/3")
print(half.numerator, half.denominator, float(half))
#~~
r, g, b = colorsys.hsv_to_rgb(0.6, 0.5, 0.9)
print("#{:02x}{:02x}{:02x}".format(*(round(c * 255) for c in (r, g, b))))
#~~
from string import Template
t = Template("Dear $name, your order $order_id shipped.")
print(t.safe_substitute(name=customers.loc[0, "full_name"], order_id=sales["order_id"].iat[0]))
#~~
import unicodedata
text = "Łódź café naïve"
plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
plain.title()
#~~
vowels = sum(map(article.lower().count, "aeiou"))
consonants = sum(c.isalpha() for c in article) - vowels
f"{vowels=}, {consonants=}"
#~~
from itertools import groupby
by_len = {k: list(g) for k, g in groupby(sorted(set(article.split()), key=len), key=len)}
by_len[max(by_len)]
#~~
from bs4 import BeautifulSoup

html = "<ul><li class='x'>One</li><li><a href='/two'>Two</a></li></ul>"
soup = BeautifulSoup(html, "html.parser")
items = [li.get_text(strip=True) for li in soup.find_all("li")]
links = [a["href"] for a in soup.select("li > a[href]")]
items, links
#~~
import yaml
text = yaml.safe_dump(config, sort_keys=False)
print(text)
assert yaml.safe_load(text) == config
#~~
import base64, uuid, secrets
token = base64.urlsafe_b64encode(b"harbour:42").decode().rstrip("=")
print(token, len(secrets.token_hex(8)), uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"))
""")

_RAW.append(r"""
# Classes from earlier
account.deposit(75, note="refund").withdraw(20)
print(account.owner, account.balance, account.is_overdrawn)
for amount, note in account.history:
    print(f"{amount:+.2f} {note}")
#~~
try:
    account.withdraw(10_000, allow_overdraft=False)
except ValueError as err:
    print("refused:", err)
else:
    print("done")
finally:
    print(account.balance)
#~~
class SavingsAccount(Account):
    def __init__(self, owner, balance=0.0, rate=0.02):
        super().__init__(owner, balance, overdraft=0)
        self.rate = rate

    def add_interest(self):
        return self.deposit(self.balance * self.rate, note="interest")

savings = SavingsAccount("Jun", 1000)
savings.add_interest().balance
#~~
print(settings.database.host, settings.database.port)
if settings.features.dark_mode and not settings.features.beta:
    print(f"{settings.retries} retries for {', '.join(settings.admins)}")
#~~
for item in inventory:
    print(item, inventory.items[item])
"drill" in inventory, len(inventory), inventory.low_stock(threshold=8)
#~~
inventory.add("gloves", quantity=3)
left = inventory.remove("paint", 2)
assert left == 5, left
#~~
valid = [r for r in readings if r.is_valid(high=22)]
hottest = max(readings, key=lambda r: r.value)
print(len(valid), hottest.sensor_id, hottest.taken_at)
#~~
from dataclasses import replace

fixed = [replace(r, value=round(r.value * 9 / 5 + 32, 1), unit="F") for r in readings]
pd.DataFrame([asdict(r) for r in fixed])[["sensor_id", "value", "unit"]]
#~~
from operator import attrgetter
readings.sort(key=attrgetter("value"), reverse=True)
readings[0].tags.append("max")
readings[0]
#~~
v = Version.parse("1.4.2")
newer = v.bump_minor()
print(newer > v, max(v, newer), newer.minor)
#~~
def describe(priority: Priority) -> str:
    match priority:
        case Priority.URGENT:
            return "now"
        case Priority.NORMAL | Priority.LOW:
            return f"later ({priority.name.lower()})"

[describe(p) for p in Priority]
#~~
def handle(event):
    match event:
        case {"type": "click", "pos": (x, y)}:
            return f"click at {x},{y}"
        case {"type": "key", "code": int(code)} if code > 31:
            return chr(code)
        case [first, *rest]:
            return f"{first} and {len(rest)} more"
        case _:
            return None

handle({"type": "click", "pos": (3, 4)}), handle({"type": "key", "code": 65}), handle([1, 2, 3])
#~~
match points[1]:
    case Point(x=0, y=0):
        print("origin")
    case Point(x, y):
        print("distance", math.hypot(x, y))
#~~
shapes = [Rectangle(2, 3), Rectangle(4, 5).scale(0.5)]
total = sum(s.area() for s in shapes)
print([type(s).__name__ for s in shapes], total, isinstance(shapes[0], Shape))
#~~
class Circle(Shape):
    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return math.pi * self.radius ** 2

    def __repr__(self):
        return f"{type(self).__name__}(radius={self.radius!r})"

sorted([Circle(2), Circle(1)], key=Circle.area)
#~~
class Temperature:
    def __init__(self, celsius):
        self.celsius = celsius

    @property
    def fahrenheit(self):
        return self.celsius * 9 / 5 + 32

    @fahrenheit.setter
    def fahrenheit(self, value):
        self.celsius = (value - 32) * 5 / 9

t = Temperature(21); t.fahrenheit = 50; print(t.celsius)
#~~
from abc import ABC, abstractmethod

class Exporter(ABC):
    @abstractmethod
    def export(self, df): ...

class CsvExporter(Exporter):
    def export(self, df):
        return df.to_csv(index=False)

CsvExporter().export(by_store.reset_index())[:40]
#~~
class Stack:
    __slots__ = ("_data",)
    def __init__(self): self._data = []
    def push(self, x): self._data.append(x)
    def pop(self): return self._data.pop()
    def __bool__(self): return bool(self._data)

s = Stack()
for c in "abc": s.push(c)
out = ""
while s: out += s.pop()
out
#~~
@dataclass(order=True)
class Task:
    priority: int
    name: str = field(compare=False)
    done: bool = field(default=False, compare=False)

import heapq
heap = [Task(3, "report"), Task(1, "backup"), Task(2, "mail")]
heapq.heapify(heap)
print([heapq.heappop(heap).name for _ in range(3)])
#~~
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

class Cache(Generic[T]):
    def __init__(self) -> None:
        self._store: dict[str, T] = {}

    def get(self, key: str, default: T | None = None) -> T | None:
        return self._store.get(key, default)

Cache[int]().get("x", 3)
#~~
from enum import IntEnum, auto

class Level(IntEnum):
    DEBUG = auto()
    INFO = auto()

Level.INFO > Level.DEBUG, Level(1).name, list(Level.__members__)
#~~
def timed(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        begin = time.perf_counter()
        try:
            return func(*args, **kwargs)
        finally:
            print(f"{func.__name__}: {(time.perf_counter() - begin) * 1e3:.1f} ms")
    return wrapper

@timed
def slow_sum(n): return sum(range(n))
slow_sum(1000)
#~~
@lru_cache(maxsize=None)
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)

print(fib(60), fib.cache_info().hits)
fib.cache_clear()
#~~
attempts = []

@retry(times=2)
def flaky():
    attempts.append(1)
    if len(attempts) < 2:
        raise ConnectionError("try again")
    return "ok"

print(flaky(), len(attempts))
#~~
with timer("model fit") as _:
    forest.fit(X_train, y_train)
messages = []
with timer(label="quiet", printer=messages.append):
    sum(i * i for i in range(1000))
#~~
@contextlib.contextmanager
def cd(path):
    old = Path.cwd()
    os.chdir(path)
    try:
        yield Path(path).resolve()
    finally:
        os.chdir(old)

with cd(data_dir) as here:
    print(here.name, sorted(p.name for p in here.iterdir()))
#~~
with contextlib.suppress(FileNotFoundError):
    os.remove("does_not_exist.txt")
with contextlib.redirect_stdout(io.StringIO()) as out:
    print("captured")
out.getvalue().strip()
#~~
with contextlib.ExitStack() as stack:
    files = [stack.enter_context(open(p, encoding="utf-8")) for p in data_dir.glob("*.json")]
    sizes = [len(f.read()) for f in files]
sizes
#~~
results = await asyncio.gather(*(fetch_reading(f"s{i}") for i in range(4)))
{r.sensor_id: r.value for r in results}
#~~
async def worker(name, jobs, out):
    while True:
        job = await jobs.get()
        out.append((name, job ** 2))
        jobs.task_done()

jobs, out = asyncio.Queue(), []
for i in range(5): jobs.put_nowait(i)
tasks = [asyncio.create_task(worker(n, jobs, out)) for n in "ab"]
await jobs.join()
for t in tasks: t.cancel()
len(out)
#~~
try:
    reading = await asyncio.wait_for(fetch_reading("slow", delay=2), timeout=0.01)
except asyncio.TimeoutError:
    print("timed out")
#~~
sem = asyncio.Semaphore(2)

async def limited(sensor_id):
    async with sem:
        return (await fetch_reading(sensor_id)).value

async with asyncio.TaskGroup() as tg:
    tasks = [tg.create_task(limited(f"greenhouse-{i}")) for i in range(3)]
print([t.result() for t in tasks])
#~~
async def countdown(n):
    while n > 0:
        yield n
        n -= 1
        await asyncio.sleep(0)

values = [v async for v in countdown(4) if v % 2 == 0]
async for v in countdown(2):
    print(v)
#~~
answer = await asyncio.to_thread(sum, [1, 2, 3])
loop = asyncio.get_running_loop()
answer, loop.is_running()
#~~
from concurrent.futures import ThreadPoolExecutor, as_completed

def square(x):
    return x * x

with ThreadPoolExecutor(max_workers=2) as pool:
    futures = {pool.submit(square, i): i for i in range(5)}
    done = {futures[f]: f.result() for f in as_completed(futures)}
sorted(done.items())
#~~
import threading
import queue as queue_module

q = queue_module.Queue()
t = threading.Thread(target=lambda: q.put("from thread"), daemon=True)
t.start()
t.join(timeout=2)
q.get_nowait(), t.is_alive()
#~~
def read_batches(path, size=2):
    with path.open() as handle:
        for batch in chunked(handle, size=size):
            yield [line.rstrip() for line in batch]

for batch in read_batches(data_dir / "app.log"):
    print(len(batch), batch[0][:19])
#~~
def running_mean():
    total = count = 0
    mean = None
    while True:
        value = yield mean
        total += value
        count += 1
        mean = total / count

rm = running_mean(); next(rm)
[rm.send(v) for v in (10, 20, 60)]
#~~
def flatten(nested):
    for item in nested:
        if isinstance(item, (list, tuple)):
            yield from flatten(item)
        else:
            yield item

list(flatten([1, [2, (3, [4])], 5]))
#~~
pairs = itertools.pairwise(sorted(r.value for r in readings))
gaps = [round(b - a, 2) for a, b in pairs]
all(g > 0 for g in gaps), list(itertools.accumulate(gaps))
#~~
combos = itertools.product(["web", "shop"], range(2), repeat=1)
for channel, k in combos:
    print(channel, k, end="; ")
list(itertools.chain.from_iterable(itertools.combinations("xyz", r) for r in (1, 2)))
#~~
grouped = defaultdict(list)
for name in customers["full_name"]:
    first, *_, last = name.split()
    grouped[last].append(first)
dict(sorted(grouped.items(), key=lambda kv: -len(kv[1])))
#~~
inverted = {v: k for k, v in word_counts.items() if v == 1}
nested = {d: {m: d * m for m in range(1, 4)} for d in (2, 3)}
print(inverted, nested[3][2])
#~~
flat = {f"{section}.{key}": value
        for section, values in config.items() if isinstance(values, dict)
        for key, value in values.items()}
flat | {"extra": True}
#~~
def deep_get(d, path, default=None):
    return reduce(lambda acc, key: acc.get(key, default) if isinstance(acc, dict) else default, path.split("."), d)

deep_get(config, "database.port"), deep_get(config, "database.user", "nobody")
#~~
queue.appendleft("z")
queue.rotate(1)
while queue:
    print(queue.popleft(), end=" ")
#~~
a, b = Counter("mississippi"), Counter("imperial")
print((a & b).total(), (a - b).most_common(1), sum((a | b).values()))
#~~
Employee = namedtuple("Employee", ["name", "dept", "salary"], defaults=[0])
staff = [Employee("Ola", "ops", 4100), Employee("Per", "ops"), Employee._make(("Qi", "hr", 3900))]
staff[1]._replace(salary=3000)._asdict()
#~~
cm = collections.ChainMap({"debug": True}, config)
print(cm["debug"], cm["retries"], len(cm.maps))
od = OrderedDict(sorted(config["database"].items()))
od.move_to_end("host", last=False)
od
#~~
if (n_web := (sales["channel"] == "web").sum()) > 50:
    print(f"{n_web} web orders ({n_web / len(sales):.0%})")
#~~
to_eur = partial(lambda amount, rate: round(amount * rate, 2), rate=0.92)
list(map(to_eur, sales["revenue"].head(3)))
#~~
# transpose a list of lists
rows = [[1, 2, 3], [4, 5, 6]]
columns = [list(col) for col in zip(*rows, strict=True)]
first, *middle, last = columns
first, middle, last
#~~
matrix = [[0] * 3 for _ in range(3)]
for i, row in enumerate(matrix):
    for j, _ in enumerate(row):
        matrix[i][j] = i * j if i != j else 1
any(sum(r) > 3 for r in matrix), divmod(17, 5), pow(3, -1, 7)
#~~
def primes(limit):
    sieve = bytearray([1]) * (limit + 1)
    sieve[:2] = b"\x00\x00"
    for i in range(2, math.isqrt(limit) + 1):
        if sieve[i]:
            sieve[i * i::i] = bytearray(len(range(i * i, limit + 1, i)))
    return [i for i, flag in enumerate(sieve) if flag]

primes(50)
#~~
import bisect
scores = [33, 99, 77, 70, 89, 90, 100]
grades = ["FDCBA"[bisect.bisect([60, 70, 80, 90], s)] for s in scores]
bisect.insort(scores := sorted(scores), 75)
grades, scores
#~~
from decimal import Decimal, ROUND_HALF_UP
price = Decimal("2.675")
price.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP), sum([Decimal("0.1")] * 3) == Decimal("0.3")
#~~
ts = graphlib.TopologicalSorter({"report": {"clean", "model"}, "model": {"clean"}, "clean": {"load"}})
list(ts.static_order())
""")

_RAW.append(r'''
def summarise(df: pd.DataFrame, *, by: list[str], value: str = "revenue", **agg) -> pd.DataFrame:
    """Group a frame and name the results after the functions."""
    agg = agg or {"total": "sum", "mean": "mean"}
    out = df.groupby(by)[value].agg(list(agg.values()))
    out.columns = list(agg)
    return out.reset_index()

summarise(sales, by=["store", "channel"], biggest="max", n="count").sort_values("biggest")
#~~
# Build a nice overview of all frames in memory
frames = {name: obj for name, obj in globals().items() if isinstance(obj, pd.DataFrame) and not name.startswith("_")}
overview = pd.DataFrame(
    [(name, *df.shape, df.memory_usage().sum()) for name, df in frames.items()],
    columns=["name", "rows", "cols", "bytes"],
)
overview.sort_values("bytes", ascending=False)
#~~
best = None
for depth in range(1, 5):
    candidate = RandomForestClassifier(n_estimators=5, max_depth=depth, random_state=0).fit(X_train, y_train)
    score = candidate.score(X_test, y_test)
    if best is None or score > best[1]:
        best = (depth, score, candidate)
depth, score, candidate = best
print(f"best depth {depth}: {score:.3f}")
candidate.estimators_[0].get_depth()
#~~
kpi = {
    "orders": len(sales),
    "revenue": sales["revenue"].sum(),
    "customers": sales["customer_id"].nunique(),
    "first": sales["order_date"].min().date(),
}
for key, value in kpi.items():
    print(f"{key.title():<12}: {value:,.2f}" if isinstance(value, float) else f"{key.title():<12}: {value}")
#~~
sales_2023 = sales[sales["order_date"].dt.year == 2023].copy()
sales_2023.loc[:, "month"] = sales_2023["order_date"].dt.strftime("%b")
month_order = list(dict.fromkeys(sales_2023["month"]))
sales_2023["month"] = pd.Categorical(sales_2023["month"], categories=month_order, ordered=True)
sales_2023.groupby("month", observed=False)["revenue"].sum().idxmax()
#~~
def pipeline(df):
    return (
        df.pipe(clean_columns, sep="_")
        .assign(income=lambda d: pd.to_numeric(d["income"].str.replace(",", "")))
        .dropna(subset=["comments"])
        .loc[:, ["respondent_id", "income", "2023_score"]]
    )

pipeline(survey).set_index("respondent_id").head()
#~~
counts = survey["class"].value_counts()
print(counts.to_dict(), counts.index[0])
survey.columns = survey.columns.str.strip().str.lower()
survey.filter(like="score").mean()
#~~
dummies = pd.get_dummies(patients, columns=["ward", "sex"], drop_first=True, dtype=int)
dummies.filter(regex=r"^(ward|sex)_").sum()
#~~
patients["bmi"] = patients.groupby("sex")["bmi"].transform(lambda s: s.fillna(s.median()))
assert patients["bmi"].notna().all()
patients.loc[patients["bmi"] > 30, "obese"] = True
patients["obese"] = patients["obese"].eq(True)
patients["obese"].mean()
#~~
stay = patients["discharged"] - patients["admitted"]
print(stay.dt.days.mean(), stay.max())
patients.groupby(patients["admitted"].dt.month)["length_of_stay"].mean().rename_axis("month").reset_index(name="mean_stay")
#~~
worst = labs.loc[labs.groupby("test")["value"].idxmax()]
for row in worst.itertuples(index=False):
    print(f"{row.test}: {row.value} ({row.patient_id}, {row.taken_at:%Y-%m-%d})")
#~~
labs["z"] = labs.groupby("test")["value"].transform(lambda v: (v - v.mean()) / v.std())
flagged = labs[labs["z"].abs() > 2].merge(patients[["patient_id", "ward"]], how="inner")
flagged.groupby(["ward", "test"]).size().unstack(fill_value=0)
#~~
labs.set_index(["patient_id", "test"]).sort_index().loc[(labs["patient_id"].iloc[0], slice(None)), "value"].tolist()
labs.groupby("test", sort=False)["value"].nth(0)
#~~
corr = sensors[["temp_c", "humidity", "co2_ppm", "soil_moisture"]].corr().stack()
corr = corr[corr.index.get_level_values(0) < corr.index.get_level_values(1)]
corr.sort_values(key=np.abs, ascending=False).head(3)
#~~
hourly = sensors[["temp_c", "humidity"]].resample("h").mean()
is_hot = hourly["temp_c"].gt(23)
spells = (is_hot != is_hot.shift()).cumsum()[is_hot]
spells.groupby(spells).agg(start=lambda s: s.index.min(), hours="size").head()
#~~
weekend = sensors.index.dayofweek >= 5
print(f"weekend mean {sensors.loc[weekend, 'temp_c'].mean():.2f}, weekday mean {sensors.loc[~weekend, 'temp_c'].mean():.2f}")
sensors.iloc[::96].asfreq("D")["temp_c"].ewm(span=3).mean().tail(2)
#~~
compare = pd.DataFrame({"raw": sensors["temp_c"], "smooth": sensors["temp_c"].rolling(8, center=True).median()})
ax = compare.loc["2024-04-02"].plot(style=[".", "-"], alpha=0.8, figsize=(8, 3))
ax.set(xlabel="", ylabel="°C")
ax.get_figure().savefig("smooth.svg")
#~~
e = energy.reset_index()
wide = e.pivot(index="year", columns="region", values=["solar_gwh", "wind_gwh"])
wide.columns = [f"{a.removesuffix('_gwh')}_{b}" for a, b in wide.columns]
wide.swaplevel(axis=1) if wide.columns.nlevels > 1 else wide.iloc[-1]
#~~
energy.index = energy.index.set_names(["area", "year"])
totals = energy.groupby("year").sum(numeric_only=True)
totals.loc[2020:2022].pipe(lambda d: d / d.iloc[0] * 100).round(1)
#~~
with sqlite3.connect("shop.db") as db:
    customers.astype({"segment": str, "signup_date": str}).to_sql("customers", db, if_exists="replace", index=False)
    cities = [c for (c,) in db.execute("SELECT DISTINCT city FROM customers ORDER BY city")]
db.close()
cities
#~~
try:
    cursor.execute("SELECT nonsense FROM sales")
except sqlite3.OperationalError as exc:
    print(f"SQL problem: {exc}")
finally:
    row = cursor.execute("SELECT AVG(units) AS u FROM sales").fetchone()
    print(dict(row))
#~~
class ValidationFailed(Exception):
    """Raised when a frame breaks a rule."""

def check(df, *rules):
    problems = [rule.__name__ for rule in rules if not rule(df)]
    if problems:
        raise ValidationFailed(", ".join(problems))

def no_negative_units(df): return df["units"].ge(0).all()
check(sales, no_negative_units)
#~~
class Registry(dict):
    def register(self, name):
        def decorator(func):
            self[name] = func
            return func
        return decorator

metrics = Registry()

@metrics.register("range")
def value_range(s): return s.max() - s.min()

{k: f(sales["revenue"]) for k, f in metrics.items()}
#~~
class Vector:
    def __init__(self, *xs): self.xs = xs
    def __add__(self, other): return Vector(*(a + b for a, b in zip(self.xs, other.xs)))
    def __matmul__(self, other): return sum(a * b for a, b in zip(self.xs, other.xs))
    def __eq__(self, other): return self.xs == other.xs
    def __getitem__(self, i): return self.xs[i]

Vector(1, 2) + Vector(3, 4) == Vector(4, 6), Vector(1, 2) @ Vector(3, 4), Vector(5, 6)[1]
#~~
class Timer:
    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, exc_type, exc, tb):
        self.elapsed = time.perf_counter() - self.start
        return False

with Timer() as t:
    np.linalg.svd(grid)
print(f"{t.elapsed:.4f}s")
#~~
def memoize(func):
    cache = {}
    def wrapper(*args):
        if args not in cache:
            cache[args] = func(*args)
        return cache[args]
    wrapper.cache = cache
    return wrapper

lev = memoize(lambda a, b: len(a) + len(b) if not a or not b else min(
    lev(a[1:], b) + 1, lev(a, b[1:]) + 1, lev(a[1:], b[1:]) + (a[0] != b[0])))
lev("drill", "grill"), len(lev.cache)
#~~
counter = 0
def increment(by=1):
    global counter
    counter += by
    return counter

def make_adder(start):
    def add(x):
        nonlocal start
        start += x
        return start
    return add

add = make_adder(10); add(5); increment(by=3), add(1)
#~~
numbers = [int(tok) if tok.isdigit() else tok for tok in "3 + 4 * ( 2 - 1 )".split()]
ops = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}
stack = []
for tok in [3, 4, "*", 2, "-"]:
    stack.append(tok if isinstance(tok, int) else ops[tok](*reversed([stack.pop(), stack.pop()])))
stack
#~~
graph = {"A": ["B", "C"], "B": ["D"], "C": ["D"], "D": []}

def bfs(start, goal):
    frontier, seen = deque([[start]]), {start}
    while frontier:
        path = frontier.popleft()
        if path[-1] == goal:
            return path
        for nxt in graph[path[-1]]:
            if nxt not in seen:
                seen.add(nxt)
                frontier.append(path + [nxt])

bfs("A", "D")
#~~
sim = rng.random((500, 2))
inside = (sim ** 2).sum(axis=1) <= 1
estimates = 4 * np.cumsum(inside) / np.arange(1, len(sim) + 1)
fig, ax = plt.subplots(1, 2, figsize=(9, 4))
ax[0].scatter(*sim.T, c=inside, s=4)
ax[0].set_aspect("equal")
ax[1].plot(estimates); ax[1].axhline(np.pi, c="r")
#~~
from sklearn.metrics import ConfusionMatrixDisplay, precision_recall_curve

precision, recall, thresholds = precision_recall_curve(y_test, forest.predict_proba(X_test)[:, 1])
ConfusionMatrixDisplay.from_predictions(y_test, y_pred, cmap="Blues", colorbar=False)
plt.figure()
plt.step(recall, precision, where="post")
#~~
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder

ct = make_column_transformer(
    (MinMaxScaler(), make_column_selector(dtype_include=np.number)),
    (OrdinalEncoder(), ["ward"]),
    remainder="drop", verbose_feature_names_out=False,
).set_output(transform="pandas")
ct.fit_transform(patients[["age", "bmi", "ward"]]).head(2)
#~~
import dask

@dask.delayed
def store_mean(name):
    return name, sales.loc[sales["store"] == name, "revenue"].mean().round(2)

parts = [store_mean(s) for s in stores]
dict(dask.compute(*parts, scheduler="synchronous"))
#~~
import polars.selectors as cs

trips.select(cs.numeric().mean().round(2))
trips.with_row_index("row").filter(pl.col("row") % 50 == 0).glimpse()
#~~
def trip_report(df: pl.DataFrame, rider: str | None = None) -> dict[str, float]:
    if rider is not None:
        df = df.filter(rider_type=rider)
    if df.is_empty():
        raise ValueError(f"no trips for {rider!r}")
    return {"n": df.height, "km": round(df["distance_km"].sum(), 1), "longest": df["duration_min"].max()}

trip_report(trips, "member"), trip_report(trips)
#~~
scan = trips.lazy().with_columns(km_h=pl.col("distance_km") / pl.col("duration_min") * 60)
fastest = scan.sort("km_h", descending=True).limit(3).select("trip_id", "km_h").collect()
fastest.rows(named=True)[0]["trip_id"], fastest.item(0, "km_h")
#~~
trips.group_by("start_station", "rider_type").len().sort("len").tail(3)
trips.unpivot(on=["duration_min", "distance_km"], index="trip_id").sample(5, seed=1)
#~~
first_names = {name.split()[0] for name in customers.full_name}
vowel_first = [*filter(lambda n: n[0] in "AEIOU", first_names)]
print(f"{len(first_names)} names, {sorted(vowel_first)!r:>20}", end="\n\n")
lookup = dict.fromkeys(first_names, 0) | {"Ana": 8}
max(lookup, key=lookup.get)
''')

_RAW.append(r"""
# Files
for path in sorted(data_dir.rglob("*")):
    if path.is_file():
        print(f"{path.relative_to(data_dir)!s:<15}{path.stat().st_size:>8} bytes  {path.suffix}")
#~~
out = Path("output") / "2024"
out.mkdir(parents=True, exist_ok=True)
target = (out / csv_path.stem).with_suffix(".txt")
target.write_text("hello\n", encoding="utf-8")
print(target.exists(), target.parent.name, target.read_text().strip())
#~~
with open(csv_path, newline="") as f:
    reader = csv.DictReader(f)
    revenue = sum(float(row["revenue"]) for row in reader if row["channel"] == "shop")
print(reader.fieldnames, round(revenue, 2))
#~~
with open("people.csv", "w", newline="", encoding="utf-8") as f:
    writer = csv.DictWriter(f, fieldnames=["name", "city"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(customers.rename(columns={"full_name": "name"}).to_dict("records"))
os.path.getsize("people.csv") > 100
#~~
loaded = json.loads((data_dir / "config.json").read_text())
loaded["database"].setdefault("user", "reader")
loaded["admins"].extend(["zed"])
json.dump(loaded, open("new_config.json", "w"), indent=2, sort_keys=True)
#~~
class Encoder(json.JSONEncoder):
    def default(self, o):
        if isinstance(o, (datetime, date)):
            return o.isoformat()
        if isinstance(o, np.generic):
            return o.item()
        return super().default(o)

json.dumps({"start": start_time, "n": np.int64(3), "d": deadline}, cls=Encoder)
#~~
text = fastjson.dumps({"a": [1, 2]})
try:
    fastjson.loads("{bad json}")
except ValueError as e:
    print(type(e).__name__, e)
#~~
toml = tomllib.loads('title = "x"\n[owner]\nname = "Ana"\nborn = 1990-01-02\n')
print(toml["owner"]["born"].year)
#~~
import zipfile
with zipfile.ZipFile("bundle.zip", "w", compression=zipfile.ZIP_DEFLATED) as zf:
    for p in data_dir.glob("*.csv"):
        zf.write(p, arcname=p.name)
with zipfile.ZipFile("bundle.zip") as zf:
    print(zf.namelist(), zf.getinfo("sales.csv").file_size)
#~~
import gzip
with gzip.open("log.gz", "wt") as f:
    f.writelines(line + "\n" for line in log_lines)
with gzip.open("log.gz", "rt") as f:
    print(sum(1 for _ in f))
#~~
digest = hashlib.sha256()
with csv_path.open("rb") as f:
    while block := f.read(4096):
        digest.update(block)
print(digest.hexdigest()[:16], digest.digest_size)
#~~
with tempfile.TemporaryDirectory() as tmp:
    copy = shutil.copy2(csv_path, tmp)
    print(os.path.basename(copy), os.path.exists(copy))
usage = shutil.disk_usage("/")
f"{usage.free / usage.total:.0%} free"
#~~
from glob import glob
files = glob(str(data_dir / "*.log"))
root, ext = os.path.splitext(files[0])
print(os.sep in root, ext, os.environ.get("HOME", "?"))
#~~
result = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True)
print(result.stdout.strip(), result.returncode, repr(result.stderr))
#~~
try:
    subprocess.run(["ls", "/no/such/dir"], check=True, stderr=subprocess.PIPE, timeout=10)
except subprocess.CalledProcessError as exc:
    print(exc.returncode, exc.stderr.decode()[:30])
#~~
proc = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
stdout, _ = proc.communicate("hi there\n")
stdout.upper()
#~~
import shlex, platform
print(shlex.split("grep -n 'two words' file.txt"))
print(platform.system(), platform.python_version_tuple()[0], sys.platform)
#~~
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(message)s"))
logger.addHandler(handler)
logger.warning("stock of %s is low: %d", "rope", 4)
logger.removeHandler(handler)
#~~
log = logging.getLogger(__name__)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("division failed")
log.isEnabledFor(logging.DEBUG)
#~~
with warnings.catch_warnings():
    warnings.simplefilter("ignore", category=RuntimeWarning)
    np.log(np.array([-1.0]))
warnings.warn("check the units", UserWarning, stacklevel=2)
#~~
import argparse
parser = argparse.ArgumentParser(description="demo")
parser.add_argument("--n", type=int, default=5, help="rows")
parser.add_argument("-v", "--verbose", action="store_true")
args = parser.parse_args(["--n", "8"])
args.n, args.verbose
#~~
from urllib.parse import parse_qs, urlencode, urljoin, urlparse
url = urlparse("https://example.org:8080/search?q=rope&page=2#top")
print(url.netloc, url.port, parse_qs(url.query)["q"])
urljoin("https://example.org/a/", "b?" + urlencode({"x": 1}))
#~~
import requests
session = requests.Session()
session.headers.update({"User-Agent": "notebook"})
req = requests.Request("GET", "https://example.org/api", params={"page": 2})
prepared = session.prepare_request(req)
prepared.url
#~~
def get_json(url: str, timeout: float = 10) -> dict:
    import requests
    response = requests.get(url, timeout=timeout)
    response.raise_for_status()
    return response.json()

callable(get_json)
#~~
# Days until the deadline
today = date(2024, 5, 1)
left = (deadline - today).days
print(f"{left} days = {left // 7} weeks and {left % 7} days; {deadline:%A %d %B %Y}")
#~~
end = start_time + timedelta(hours=2, minutes=45)
print(end.strftime("%H:%M"), (end - start_time).total_seconds() / 3600)
print(start_time.replace(hour=0, minute=0).isoformat(timespec="minutes"), start_time.weekday())
#~~
from zoneinfo import ZoneInfo
utc = start_time.replace(tzinfo=timezone.utc)
local = utc.astimezone(ZoneInfo("Asia/Tokyo"))
print(local.tzname(), local.utcoffset(), utc.timestamp())
#~~
now = dt.datetime.now(dt.timezone.utc)
parsed = dt.datetime.fromisoformat("2024-02-29T12:00:00+00:00")
year, week, weekday = parsed.isocalendar()
now > parsed, week, dt.date.today() >= dt.date(2024, 1, 1)
#~~
from dateutil.relativedelta import relativedelta
from dateutil import parser as date_parser
renewal = deadline + relativedelta(months=+1, day=31)
renewal, date_parser.parse("3 March 2024 10:15").month
#~~
import calendar
print(calendar.monthrange(2024, 2), calendar.isleap(2023))
print(calendar.month_name[deadline.month], calendar.TextCalendar(firstweekday=6).formatmonth(2024, 6)[:20])
#~~
stamp = pd.Timestamp("2024-03-31 23:15", tz="Europe/Paris")
print(stamp.floor("h"), stamp.day_of_week, stamp.quarter, stamp.is_month_end)
pd.Timedelta("1 days 06:00:00") / pd.Timedelta(hours=1)
#~~
bdays = pd.bdate_range("2024-05-01", periods=5)
offset = pd.offsets.MonthEnd(1)
bdays + offset, bdays.isocalendar().week.tolist()
#~~
start = time.perf_counter()
time.sleep(0.01)
elapsed = time.perf_counter() - start
print(time.strftime("%Y", time.gmtime(0)), f"{elapsed:.3f}")
#~~
for region in tqdm(energy.index.unique("region"), desc="regions", leave=False):
    _ = energy.loc[region].mean()
#~~
bar = tqdm(total=10, disable=True)
for _ in range(10):
    bar.update(1)
bar.close()
#~~
random.seed(3)
deck = [f"{r}{s}" for s in "SHDC" for r in "A23456789TJQK"]
random.shuffle(deck)
hand = random.sample(deck, k=5)
hand, random.choices(["a", "b"], weights=[3, 1], k=4), random.uniform(0, 1) < 1
#~~
print(statistics.median([3, 1, 2]), statistics.stdev(hist_counts.tolist()).__round__(2))
statistics.quantiles(range(1, 100), n=4), statistics.NormalDist(100, 15).cdf(130)
#~~
print(math.comb(49, 6), math.gcd(84, 30), math.isclose(0.1 + 0.2, 0.3), math.log2(1024))
bin(37), hex(255), int("ff", 16), round(-2.5), f"{1234567.891:,.1f}", f"{0.25:%}"
#~~
model_info = {k: v for k, v in vars(Account).items() if not k.startswith("_")}
[name for name in dir(account) if not name.startswith("_")], getattr(account, "limit", None), sorted(model_info)
#~~
import inspect
sig = inspect.signature(top_products)
print(sig, list(sig.parameters), sig.parameters["n"].default)
print(inspect.getdoc(clean_columns), inspect.iscoroutinefunction(fetch_reading))
#~~
if HAS_XGB:
    booster = xgb.XGBClassifier(n_estimators=10).fit(X_train, y_train)
else:
    from sklearn.ensemble import GradientBoostingClassifier
    booster = GradientBoostingClassifier(n_estimators=5, learning_rate=0.2).fit(X_train, y_train)
booster.score(X_test, y_test)
#~~
try:
    import torch
    device = "cuda" if torch.cuda.is_available() else "cpu"
except ImportError:
    torch = None
    device = "cpu"
print(device)
#~~
spec = importlib.util.find_spec("tensorflow")
print("tensorflow installed" if spec else "tensorflow is missing")
import importlib.metadata as md
md.version("pandas").split(".")[0]
#~~
from pydantic import BaseModel, Field, ValidationError, field_validator

class Item(BaseModel):
    name: str = Field(min_length=2)
    price: float = Field(gt=0)
    tags: list[str] = []

try:
    Item(name="x", price=-1)
except ValidationError as e:
    print(e.error_count(), [err["loc"] for err in e.errors()])
Item.model_validate({"name": "rope", "price": "3.5"}).model_dump()
#~~
from sqlalchemy import create_engine, text
engine = create_engine("sqlite://")
with engine.begin() as db:
    db.execute(text("CREATE TABLE t (a INTEGER)"))
    db.execute(text("INSERT INTO t VALUES (:a)"), [{"a": 1}, {"a": 2}])
    rows = db.execute(text("SELECT SUM(a) AS s FROM t")).mappings().all()
rows[0]["s"]
#~~
from IPython.display import HTML, Markdown, display
display(Markdown(f"**{len(sales)}** orders from {sales['store'].nunique()} stores"))
display(HTML("<hr>"))
#~~
import ipywidgets as widgets
slider = widgets.IntSlider(value=3, min=1, max=10, description="Top n:")
slider.observe(lambda change: print(top_products(sales, n=change["new"])), names="value")
slider.value = 4
widgets.VBox([slider])
#~~
from PIL import Image, ImageFilter, ImageOps
img = Image.fromarray(image)
small = ImageOps.grayscale(img).resize((16, 16), Image.Resampling.LANCZOS)
blurred = img.filter(ImageFilter.GaussianBlur(radius=1))
print(img.size, small.mode, np.asarray(blurred).mean().round(1))
#~~
print(f"Python {sys.version.split()[0]}, pandas {pd.__version__}, numpy {np.__version__}")
print(sys.getsizeof(grid), sys.getrecursionlimit(), os.cpu_count() or 1)
""")

_RAW.append(r"""
#~~ not run
%timeit -n 10 -r 2 sales.groupby("store")["revenue"].sum()
%timeit -n 10 -r 2 [s for s in sales["store"] if s == "Harbour"]
#~~ not run
%%time
total = 0
for value in sales["revenue"]:
    total += value
print(total)
#~~ not run
%matplotlib inline
import matplotlib.pyplot as plt
plt.plot(signal[:50])
plt.show()
#~~ not run
!ls -la
!echo "files: $(ls | wc -l)"
files = !ls
print(len(files))
#~~ not run
%load_ext autoreload
%autoreload 2
sales.shape
#~~ not run
out = !echo hello {len(sales)}
print(out[0].upper())
%who DataFrame
#~~ not run
%%capture captured
print("hidden")
by_store.describe()
#~~ not run
%%bash
for i in 1 2 3; do
  echo "row $i"
done
#~~ not run
%%writefile helpers.py
def double(x):
    return 2 * x
#~~ not run
import numpy as np
data = np.random.default_rng(0).normal(size=1000)
%timeit -n 5 np.sort(data)
res = %timeit -o -n 5 -r 2 -q sorted(data)
print(f"{res.best * 1e6:.0f} µs")
#~~ not run
# Where are we?
%pwd
!python --version
path = %pwd
print(path)
#~~ not run
%config InlineBackend.figure_format = "retina"
fig, ax = plt.subplots()
ax.plot(grid[0])
#~~ not run
sales.groupby?
by_store.head()
""")

CELLS: list[str] = []
NOT_RUN: set[int] = set()  # cells with magics: right too, but only IPython runs them
for _part in _RAW:
    _part = _part if _part.startswith("\n#~~") else "#~~\n" + _part.strip("\n")
    _pieces = re.split(r"^#~~(.*)\n", _part.strip("\n") + "\n", flags=re.M)[1:]
    for _mark, _code in zip(_pieces[::2], _pieces[1::2], strict=True):
        if "not run" in _mark:
            NOT_RUN.add(len(CELLS))
        CELLS.append(_code.rstrip("\n") + "\n")
