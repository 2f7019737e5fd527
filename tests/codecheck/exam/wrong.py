"""Cells with exactly one invented name each, as language models produce them.

Written by an outsider without sight of the check. Each cell was run and fails with that name; with the right name
in its place, where there is one, it runs.
"""

import re

# (kind, cells); each cell follows a line "#~~ invented" or "#~~ invented => right".
# "##": the right name cannot simply be put in the place of the invented one.
_RAW = []

_RAW.append(
    (
        "column",
        r"""
#~~ total => revenue
sales.groupby("store")["total"].sum().sort_values(ascending=False)
#~~ quantity => units
# Best sellers by quantity
best = sales.groupby("product", as_index=False).agg({"quantity": "sum", "revenue": "sum"})
best.head()
#~~ date => order_date
sales["month"] = sales["date"].dt.month
sales.groupby("month")["revenue"].sum().plot(kind="bar")
plt.show()
#~~ sales_amount
daily = sales.set_index("order_date").resample("D").sum(numeric_only=True)
daily["sales_amount"].rolling(7).mean().plot()
plt.title("7-day average")
#~~ customer_name => full_name
merged = sales.merge(customers, on="customer_id")
top = merged.groupby("customer_name")["revenue"].sum().nlargest(10)
print(top)
#~~ region
sales.pivot_table(index="region", columns="category", values="revenue", aggfunc="sum").round(0)
#~~ price => unit_price
expensive = sales.query("price > 50 and units >= 2")
print(f"{len(expensive)} expensive orders")
#~~ order_total => revenue
sales.sort_values("order_total", ascending=False).head(5)[["order_id", "store"]]
#~~ customer => customer_id
orders_per_customer = (
    sales.groupby(["customer", "channel"])
    .size()
    .unstack(fill_value=0)
)
orders_per_customer.describe()
#~~ revenue_total => total_revenue
by_store["share"] = by_store["revenue_total"] / by_store["revenue_total"].sum()
by_store.style.format({"share": "{:.1%}"})
#~~ n_orders => orders
ax = by_store.plot(kind="scatter", x="n_orders", y="total_revenue")
for store, row in by_store.iterrows():
    ax.annotate(store, (row["avg_discount"], row["total_revenue"]))
#~~ online => web
store_channel["online_share"] = store_channel["online"] / store_channel.sum(axis=1)
store_channel.sort_values("online_share")
#~~ signup_year
customers.groupby("signup_year").size().plot(marker="o")
plt.ylabel("new customers")
#~~ name => full_name
for _, row in customers.iterrows():
    print(row["name"].upper(), row["email"])
    break
#~~ customer_segment => segment
sales.merge(customers[["customer_id", "customer_segment"]], on="customer_id", how="left")
#~~ cust_id => customer_id
enriched = pd.merge(sales, customers, how="inner", on="cust_id")
print(enriched.shape)
#~~ gender => sex
patients.groupby("gender").agg(mean_age=("age", "mean"), n=("patient_id", "count"))
#~~ stay_days => length_of_stay
fig, ax = plt.subplots()
for ward, group in patients.groupby("ward"):
    ax.hist(group["stay_days"], alpha=0.5, label=ward)
ax.legend()
#~~ blood_pressure
sns.scatterplot(data=patients, x="age", y="blood_pressure", hue="sex")
#~~ department => ward
sns.boxplot(x="department", y="length_of_stay", data=patients)
plt.xticks(rotation=45)
#~~ systolic => systolic_bp
hypertensive = patients[(patients["systolic"] >= 140) | (patients["diastolic_bp"] >= 90)]
print(f"{len(hypertensive) / len(patients):.1%} are hypertensive")
#~~ diagnosis
patients["diagnosis"] = patients["diagnosis"].fillna("unknown").str.lower()
patients["diagnosis"].value_counts()
#~~ discharge_date => discharged
patients["stay"] = (patients["discharge_date"] - patients["admitted"]).dt.days
patients[["patient_id", "stay"]].head()
#~~ is_smoker => smoker
smokers = patients.loc[patients.is_smoker, "bmi"]
print("mean BMI of smokers:", smokers.mean())
#~~ outcome => readmitted
X = patients.drop(columns=["outcome", "patient_id"]).select_dtypes("number")
y = patients["ward"]
X.shape, y.nunique()
#~~ weight
patients.dropna(subset=["bmi", "weight"]).reset_index(drop=True)
#~~ test_name => test
wide = labs.pivot_table(index="patient_id", columns="test_name", values="value", aggfunc="mean")
wide.isna().mean()
#~~ result => value
glucose = labs[labs["test"] == "glucose"]
print(f"mean {glucose['value'].mean():.2f}, highest {glucose['result'].max():.2f}")
#~~ measured_at => taken_at
recent = labs.sort_values(["patient_id", "measured_at"]).groupby("patient_id").tail(1)
recent.head()
#~~ temperature => temp_c
hourly = sensors.resample("h").mean(numeric_only=True)
hourly["temp_smooth"] = hourly["temperature"].ewm(span=6).mean()
hourly[["temp_smooth", "humidity"]].plot(secondary_y="humidity")
#~~ timestamp
sensors["timestamp"] = pd.to_datetime(sensors["timestamp"])
sensors = sensors.set_index("timestamp").sort_index()
#~~ co2 => co2_ppm
sensors.assign(high=lambda d: d["co2"] > 450).groupby("pump_on")["high"].mean()
#~~ moisture => soil_moisture
sensors.plot(y=["moisture", "humidity"], subplots=True, figsize=(9, 4))
#~~ light
sensors[["temp_c", "light"]].corr().iloc[0, 1]
#~~ demand => demand_gwh
energy["coverage"] = energy["wind_gwh"] / energy["demand"]
energy["coverage"].unstack().idxmax(axis=1)
#~~ country => region
energy.groupby(level="country")["solar_gwh"].mean()
#~~ nuclear_gwh
energy.reset_index().melt(id_vars=["region", "year"], value_vars=["solar_gwh", "nuclear_gwh"])
#~~ Age => Age (years)
survey["age_group"] = pd.cut(survey["Age"], bins=[15, 30, 50, 80])
survey.groupby("age_group", observed=True)["2023 score"].mean()
#~~ income =>  income 
survey["income"].str.replace(",", "").astype(float).median()
#~~ comments => Comments
tidy = survey.loc[survey["comments"].notna()]
tidy["class"].value_counts()
#~~ respondent_id => Respondent ID
survey.set_index("respondent_id").sort_index().head(3)
#~~ age => age_years
tidy = clean_columns(survey)
tidy = tidy.drop(columns=["comments"])
tidy.sort_values("age").tail()
#~~ station => start_station
trips.group_by("station").agg(pl.col("duration_min").mean()).sort("duration_min")
#~~ duration => duration_min
long_trips = trips.filter(pl.col("duration") > 30)
print(long_trips.height)
#~~ member_type => rider_type
trips.with_columns(is_member=pl.col("member_type") == "member").select("trip_id", "is_member")
#~~ name => station_name
joined = trips.join(stations, left_on="end_station", right_on="station_id")
joined.group_by("name").len().sort("len", descending=True)
#~~ id => station_id
trips.join(stations.select(["id", "capacity"]), left_on="start_station", right_on="id")
#~~ start_time => started_at
trips_lazy.with_columns(pl.col("start_time").dt.date().alias("day")).group_by("day").len().collect()
#~~ speed
summary = trips.group_by("bike_type").agg(
    pl.col("distance_km").sum().alias("km"),
    pl.col("speed").max().alias("top_speed"),
)
#~~ avg_revenue => avg
stats = sales.groupby("category")["revenue"].agg(avg="mean", biggest="max")
stats["ratio"] = stats["biggest"] / stats["avg_revenue"]
stats
#~~ temp_max => temp_c_max
daily = sensors[["temp_c"]].resample("D").agg(["min", "max"])
daily.columns = [f"{a}_{b}" for a, b in daily.columns]
daily["spread"] = daily["temp_max"] - daily["temp_c_min"]
#~~ month
monthly["year_to_date"] = monthly["revenue"].cumsum()
monthly.sort_values("month", ascending=False).head()
#~~ orders
monthly.assign(per_order=monthly["revenue"] / monthly["orders"]).round(2)
#~~ item => product
by_city = (
    sales.merge(customers, on="customer_id")
    .groupby(["city", "product"], as_index=False)["units"]
    .sum()
)
by_city.pivot(index="city", columns="item", values="units").fillna(0)
#~~ unit_price => price ##
s = sales.rename(columns={"unit_price": "price", "units": "qty"})
s["gross"] = s["unit_price"] * s["qty"]
s["gross"].describe()
#~~ index => ward
counts = patients["ward"].value_counts().reset_index()
counts = counts.sort_values("index")
sns.barplot(data=counts, y="count")
#~~ count
sizes = sales.groupby(["store", "channel"]).size().reset_index()
print("largest group:", sizes["count"].max())
#~~ median => 50%
summary = patients["age"].describe()
print(f"median age {summary['median']:.0f}, oldest {summary['max']:.0f}")
#~~ amount => value
long = store_channel.reset_index().melt(id_vars="store")
sns.barplot(data=long, x="store", y="amount", hue="channel")
plt.tight_layout()
#~~ Yes
tab = pd.crosstab(patients["ward"], patients["smoker"], margins=True)
tab["share"] = tab["Yes"] / tab["All"]
tab
#~~ revenue_sum
agg = sales.groupby("store").agg({"revenue": ["sum", "mean"], "units": "sum"})
agg["revenue_sum"].plot.bar()
#~~ test_score_mean => mean_test_score
gs = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1, 10]}, cv=2).fit(scaler.transform(X_train), y_train)
cv = pd.DataFrame(gs.cv_results_)
cv[["param_C", "test_score_mean"]]
#~~ cnt => n
per_store = pd.read_sql("SELECT store, COUNT(*) AS n FROM sales GROUP BY store", conn)
per_store.plot(kind="barh", x="store", y="cnt", legend=False)
#~~ sale_amount => revenue
small = pd.read_csv(csv_path, usecols=["store", "sale_amount"], nrows=20)
small.groupby("store").mean()
#~~ distance_km_mean => distance_km
(
    trips.group_by("rider_type", "bike_type")
    .agg(pl.col("distance_km").mean())
    .sort("distance_km_mean", nulls_last=True)
)
#~~ count => len
popular = trips.group_by("end_station").len()
popular.filter(pl.col("count") > 30)
#~~ bike => bike_type
slim = trips.drop("bike").with_columns(pl.col("distance_km").round(1))
slim.write_json("trips.json")
#~~ ward_Surgery => ward_surgery
encoded = pd.get_dummies(patients, columns=["ward"])
encoded.loc[encoded["ward_Surgery"], "length_of_stay"].median()
#~~ lng => lon
for row in stations.to_dicts():
    print(f'{row["station_name"]}: {row["lat"]:.2f}, {row["lng"]:.2f}')
#~~ temp => temp_c
first_day = sensors.loc["2024-04-01", ["temp", "humidity"]]
first_day.plot(subplots=True)
""",
    )
)

_RAW.append(
    (
        "attribute",
        r"""
#~~ with_columns => assign
sales = sales.with_columns(net=sales["revenue"] * 0.8)
sales[["revenue", "net"]].head()
#~~ group_by => groupby
sales.group_by("store")["units"].sum()
#~~ append
new_row = {"customer_id": 41, "full_name": "Ida Moe", "city": "Oslo"}
customers = customers.append(new_row, ignore_index=True)
customers.tail(1)
#~~ iteritems => items
for col, values in patients.iteritems():
    print(col, values.nunique())
#~~ ix => loc
patients.ix[patients["age"] > 80, ["patient_id", "ward"]]
#~~ filter_by
old = patients.filter_by(age__gte=65)
old["readmitted"].mean()
#~~ to_numpy_array => to_numpy
matrix = energy.to_numpy_array()
print(matrix.mean(axis=0))
#~~ unique_values => unique
print("wards:", sorted(patients["ward"].unique_values()))
#~~ mad
spread = sensors["humidity"].mad()
print(f"mean absolute deviation: {spread:.2f}")
#~~ weekday_name => day_name
names = labs["taken_at"].dt.weekday_name()
names.value_counts()
#~~ includes => contains
web_users = customers[customers["email"].str.includes("example", regex=False)]
len(web_users)
#~~ trim => strip
survey["Comments"] = survey["Comments"].str.trim().str.lower()
survey["Comments"].unique()
#~~ length => len ##
survey["n_chars"] = survey["Comments"].fillna("").str.length
survey["n_chars"].max()
#~~ median_by
sales.groupby("category").median_by("revenue")
#~~ to_julian => to_julian_date
days = sensors.index.to_julian() - 2400000.5
print(days[:3])
#~~ groupby => group_by
avg = trips.groupby("rider_type").agg(pl.col("distance_km").mean())
print(avg)
#~~ sort_values => sort
trips.sort_values("duration_min", descending=True).head(10)
#~~ isin => is_in
north = stations.filter(pl.col("station_name").isin(["Dock", "Museum"]))
north["capacity"].sum()
#~~ fillna => fill_null
trips = trips.with_columns(pl.col("bike_type").fillna("unknown"))
trips["bike_type"].value_counts()
#~~ iterrows => iter_rows
for row in stations.iterrows():
    print(row[1], row[2])
#~~ loc
trips.loc[trips["distance_km"] > 5, "trip_id"]
#~~ month_name
trips.select(pl.col("started_at").dt.month_name().alias("month")).unique()
#~~ apply => map_elements
trips.select(pl.col("distance_km").apply(lambda km: km * 0.621).alias("miles")).head()
#~~ shape
lf = trips_lazy.filter(pl.col("distance_km") > 1)
print(lf.shape)
#~~ append
squares = np.array([])
for k in range(5):
    squares.append(k ** 2)
squares
#~~ length => size
print(f"{signal.length} samples, mean {signal.mean():.3f}")
#~~ map
scaled = weights.map(lambda w: w * 100)
print(scaled)
#~~ rows
n_rows, n_cols = image.rows, image.shape[1]
print(n_rows, n_cols)
#~~ coefs_ => coef_
for name, c in zip(features, log_reg.coefs_[0]):
    print(f"{name:<16}{c:+.3f}")
#~~ feature_importance_ => feature_importances_
pd.Series(forest.feature_importance_, index=X_train.columns).nlargest(3)
#~~ centroids_ => cluster_centers_
plt.scatter(*scaler.transform(X)[:, :2].T, c=kmeans.labels_, s=8)
plt.scatter(*kmeans.centroids_[:, :2].T, marker="x", color="k")
#~~ explained_variance_ratio => explained_variance_ratio_
cumulative = np.cumsum(pca.explained_variance_ratio)
plt.step(range(1, len(cumulative) + 1), cumulative)
#~~ get_step
clf = model.get_step("clf")
print(clf.classes_)
#~~ best_estimator => best_estimator_
gs = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1]}, cv=2)
gs.fit(scaler.transform(X_train), y_train)
gs.best_estimator.score(scaler.transform(X_test), y_test)
#~~ set_x_label => set_xlabel
fig, ax = plt.subplots()
ax.hist(sales["revenue"], bins=30)
ax.set_x_label("Revenue")
ax.set_ylabel("Orders")
#~~ xlim => set_xlim
ax.xlim(0, 12)
ax.set_title("Revenue by month")
fig
#~~ set_size => set_size_inches
fig2.set_size(10, 8)
fig2.tight_layout()
#~~ set_colour => set_color
line.set_colour("darkgreen")
line.set_linestyle("--")
#~~ read => read_text
raw = (data_dir / "config.json").read()
json.loads(raw)["retries"]
#~~ extension => suffix
by_ext = defaultdict(list)
for p in data_dir.iterdir():
    by_ext[p.extension].append(p.name)
dict(by_ext)
#~~ list_files => glob
for f in data_dir.list_files("*.csv"):
    print(f.name, f.stat().st_size)
#~~ to_timestamp => timestamp
epoch = start_time.to_timestamp()
print(int(epoch))
#~~ add_days
reminder = deadline.add_days(-14)
print("remind on", reminder.isoformat())
#~~ total_minutes => total_seconds
duration = timedelta(hours=3, minutes=20)
print(duration.total_minutes(), "minutes")
#~~ get => group
m = LOG_PATTERN.search(log_lines[2])
if m is not None:
    print(m.get("level"), "-", m["message"])
#~~ matches
for hit in match_obj.matches():
    print(hit)
#~~ contains
if article.contains("harbour"):
    print("mentions the harbour")
#~~ trim => strip
cleaned = [line.trim() for line in log_lines if line]
cleaned[:2]
#~~ push => append
stack = []
for token in "a b c".split():
    stack.push(token)
print(stack)
#~~ has_key
if config.has_key("database"):
    print(config["database"]["host"])
#~~ top => most_common
for word, n in word_counts.top(3):
    print(f"{word}: {n}")
#~~ columns => description
cursor.execute("SELECT * FROM sales LIMIT 1")
names = [c[0] for c in cursor.columns]
print(names)
#~~ output => stdout
result = subprocess.run(["echo", "hi"], capture_output=True, text=True)
print(result.output.strip())
#~~ add => deposit
account.add(50, note="birthday")
print(account.balance)
#~~ get_balance => balance ##
savings = Account("Lena", 1200, overdraft=0)
savings.withdraw(200)
print(f"{savings.owner} has {savings.get_balance():.2f}")
#~~ transactions => history
total_in = sum(amount for amount, _ in account.transactions if amount > 0)
total_in
#~~ valid => is_valid
ok = [r.sensor_id for r in readings if r.valid()]
print(len(ok), "valid readings")
#~~ timestamp => taken_at
latest = max(readings, key=lambda r: r.timestamp)
latest.sensor_id
#~~ HIGH => URGENT
tasks = {"backup": Priority.NORMAL, "restore": Priority.HIGH}
sorted(tasks, key=lambda t: tasks[t].value)
#~~ bump_major
current = Version(2, 3, 1)
print(current.bump_minor(), current.bump_major())
#~~ get_low_stock => low_stock
to_order = inventory.get_low_stock(10)
print(", ".join(to_order) or "nothing to order")
#~~ perimeter
r = Rectangle(3, 4)
print(r.area(), r.perimeter())
#~~ hostname => host
url = f"postgresql://{settings.database.hostname}:{settings.database.port}/{settings.database.name}"
print(url)
#~~ is_null => isnull
mask = pd.Series([1.0, None, 3.0]).is_null()
print(mask.sum())
""",
    )
)

_RAW.append(
    (
        "keyword",
        r"""
#~~ descending => ascending
patients.sort_values("age", descending=True).head(5)
#~~ error_bad_lines
df = pd.read_csv(csv_path, error_bad_lines=False)
df.shape
#~~ delimeter => delimiter
df = pd.read_csv(data_dir / "sales.csv", delimeter=",", nrows=10)
df.columns.tolist()
#~~ sheet_name
by_store.reset_index().to_csv("by_store.csv", sheet_name="stores", index=False)
#~~ indent_size => indent
print(customers.head(2).to_json(orient="records", indent_size=2))
#~~ cols => columns
slim = patients.drop(cols=["admitted", "discharged"])
slim.info()
#~~ ascending
sales.groupby("channel", ascending=False)["revenue"].apply(lambda s: s.nlargest(2))
#~~ agg_func => aggfunc
pd.pivot_table(labs, index="patient_id", columns="test", values="value", agg_func="max").head()
#~~ keys => on
pd.merge(patients, labs, keys="patient_id", how="inner").shape
#~~ join => how
pd.merge(sales, customers, on="customer_id", join="left").head()
#~~ by => subset
labs.drop_duplicates(by=["patient_id", "test"], keep="first").shape
#~~ name => names
long = energy["solar_gwh"].unstack("region").reset_index(name="period")
long.columns
#~~ fraction => frac
sensors.sample(fraction=0.05, random_state=0).sort_index()
#~~ line_terminator => lineterminator
text = by_store.to_csv(line_terminator="\r\n", float_format="%.2f")
print(len(text.splitlines()))
#~~ centre => center
roll = sensors["humidity"].rolling(12, centre=True, min_periods=3).mean()
roll.tail(3)
#~~ fill => fillchar
customers["user_id"] = customers["customer_id"].astype(str).str.pad(6, side="left", fill="0")
customers["user_id"].head()
#~~ format_string => format
pd.to_datetime(["03/04/2024", "17/04/2024"], format_string="%d/%m/%Y")
#~~ label => labels
band = pd.cut(patients["age"], bins=[0, 40, 70, 120], label=["young", "middle", "old"])
band.value_counts()
#~~ ascending => descending
trips.sort("duration_min", ascending=False).head(3)
#~~ columns => subset
pairs = trips.unique(columns=["start_station", "end_station"], maintain_order=True)
print(pairs.height, "distinct routes")
#~~ suffixes => suffix ##
trips.join(stations, left_on="start_station", right_on="station_id", suffixes=("_start", "_end"))
#~~ axis
trips.drop("bike_type", axis=1).columns
#~~ inplace
patients_pl = pl.DataFrame(patients[["age", "length_of_stay"]].to_dict("list"))
patients_pl.rename({"length_of_stay": "los"}, inplace=True)
#~~ dims => axis
centered = grid - np.mean(grid, dims=0, keepdims=True)
print(centered.std())
#~~ n => num
t = np.linspace(0, 1, n=200)
plt.plot(t, np.sin(2 * np.pi * 3 * t))
#~~ random_state
noise = rng.normal(0, 1, size=100, random_state=0)
noise.mean()
#~~ reverse
order = np.argsort(weights, reverse=True)
weights[order]
#~~ figure_size => figsize
fig, ax = plt.subplots(1, 2, figure_size=(10, 4))
ax[0].boxplot(patients["age"])
#~~ colour => color
fig, ax = plt.subplots()
ax.plot(monthly.index, monthly["revenue"], colour="teal", linewidth=2)
ax.set_title("Revenue")
#~~ line_width => linewidth
plt.axhline(0, color="gray", line_width=0.8)
plt.plot(signal)
#~~ font_size => fontsize
ax.set_title("Revenue by month", font_size=14, pad=12)
ax.set_xlabel("")
#~~ location => loc
axes[0, 0].legend(location="best", frameon=False)
fig2
#~~ transparency => alpha
plt.scatter(sales["units"], sales["revenue"], transparency=0.4, s=12)
#~~ nbins => bins
ax.clear()
ax.hist(sales["unit_price"], nbins=25, edgecolor="white")
#~~ resolution => dpi
fig2.savefig("panels.png", resolution=300)
#~~ colors => palette
sns.boxplot(data=sales, x="store", y="revenue", hue="store", colors="Set3", legend=False)
#~~ show_values => annot
pivot = sales.pivot_table(index="product", columns="store", values="revenue")
sns.heatmap(pivot, cmap="Blues", show_values=True)
#~~ test_ratio => test_size
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_ratio=0.25, random_state=1)
len(X_tr), len(X_te)
#~~ num_trees => n_estimators
rf = RandomForestClassifier(num_trees=20, max_depth=3, random_state=0)
rf.fit(X_train, y_train).score(X_test, y_test)
#~~ normalize
lr = LinearRegression(normalize=True)
lr.fit(sales[["units", "discount"]], sales["revenue"])
#~~ sparse => sparse_output
enc = OneHotEncoder(sparse=False, handle_unknown="ignore")
enc.fit_transform(patients[["ward"]])[:3]
#~~ k => n_clusters
km = KMeans(k=4, random_state=0, n_init=3)
km.fit_predict(X)[:10]
#~~ metric => scoring
acc = cross_val_score(forest, X, y, cv=3, metric="accuracy")
acc.mean()
#~~ param_distributions => param_grid
search = GridSearchCV(log_reg, param_distributions={"C": [0.01, 0.1, 1.0]}, cv=3)
search.fit(scaler.transform(X_train), y_train)
#~~ pretty
print(json.dumps(config, pretty=True))
#~~ recursive => parents
report_dir = Path("reports/2024/q2")
report_dir.mkdir(recursive=True, exist_ok=True)
#~~ append
with open("notes.txt", "w") as f:
    f.write("first\n")
Path("notes.txt").write_text("second\n", append=True)
#~~ months
next_review = start_time + timedelta(months=1)
next_review.strftime("%d %b %Y")
#~~ capture => capture_output
done = subprocess.run(["date", "+%Y"], capture=True, text=True)
done.returncode
#~~ desc => reverse
ranking = sorted(word_counts.items(), key=lambda kv: kv[1], desc=True)
ranking[:5]
#~~ default_value => default
longest = max((w for w in word_counts if len(w) > 20), key=len, default_value="")
longest
#~~ ignore_case
pattern = re.compile(r"harbour|wind", ignore_case=True)
pattern.findall(article)
#~~ limit => maxsplit
parts = log_lines[0].split(" ", limit=3)
parts[-1]
#~~ filepath => filename
logging.basicConfig(filepath="run.log", level=logging.INFO, force=True)
#~~ sort_by => by
top_products(sales, n=5, sort_by="units")
#~~ top_n => n
best = top_products(sales, top_n=2)
best.plot.pie()
#~~ window_size => window
smooth = moving_average(signal, window_size=11)
plt.plot(smooth)
#~~ separator => sep
tidy = clean_columns(survey, separator="-")
list(tidy.columns)
#~~ retries => times
@retry(retries=5, delay=0.1)
def load():
    return pd.read_csv(csv_path)

load().shape
#~~ chunk_size => size
for group in chunked(range(25), chunk_size=8):
    print(sum(group))
#~~ sensor => sensor_id
Reading(sensor="roof", value=21.5, tags=["outdoor"])
#~~ description => note
account.deposit(30, description="lottery")
account.history[-1]
#~~ qty => quantity
inventory.add("nails", qty=200)
inventory.low_stock()
#~~ minimum => low
[r.is_valid(minimum=18) for r in readings]
#~~ timeout
values = await asyncio.gather(*[fetch_reading(s, timeout=1.0) for s in ("a", "bb")])
[v.value for v in values]
#~~ name => label
with timer(name="sorting"):
    sorted(signal.tolist())
""",
    )
)

_RAW.append(
    (
        "module",
        r"""
#~~ statsmodels
import statsmodels.api as sm

exog = sm.add_constant(patients[["age", "bmi"]].dropna())
print(exog.shape)
#~~ lightgbm
from lightgbm import LGBMClassifier

lgbm = LGBMClassifier(n_estimators=50)
lgbm.fit(X_train, y_train)
#~~ geopandas
import geopandas as gpd
gdf = gpd.GeoDataFrame(stations.to_dict(as_series=False))
gdf.plot()
#~~ cross_validation => model_selection
from sklearn.cross_validation import train_test_split
X_a, X_b = train_test_split(X, test_size=0.2, random_state=0)
#~~ joblib
from sklearn.externals import joblib
joblib.dump(forest, "forest.pkl")
#~~ simps => simpson
from scipy.integrate import simps
total = simps(signal, dx=0.1)
print(round(total, 3))
#~~ openpyxl
from openpyxl import Workbook
wb = Workbook()
wb.active.append(["store", "orders"])
wb.save("stores.xlsx")
#~~ nltk
from nltk.corpus import stopwords
stop = set(stopwords.words("english"))
[w for w in word_counts if w not in stop]
#~~ duckdb
import duckdb
duckdb.sql("SELECT store, SUM(revenue) FROM sales GROUP BY store").df()
#~~ root_mean_square_error => root_mean_squared_error
from sklearn.metrics import r2_score, root_mean_square_error
fitted = lin_reg.predict(sales[["units", "unit_price"]])
print(r2_score(sales["revenue"], fitted), root_mean_square_error(sales["revenue"], fitted))
#~~ signals => signal
from scipy.signals import butter, filtfilt
b, a = butter(3, 0.1)
plt.plot(filtfilt(b, a, signal))
#~~ preprocess => preprocessing
from sklearn.preprocess import RobustScaler
RobustScaler().fit_transform(X_train)[:2]
#~~ pandas_profiling
from pandas_profiling import ProfileReport
report = ProfileReport(sales, title="Sales", minimal=True)
report.to_file("report.html")
#~~ ticks => ticker
from matplotlib.ticks import MaxNLocator
ax.yaxis.set_major_locator(MaxNLocator(integer=True))
#~~ missingno
import missingno as msno
msno.matrix(patients)
#~~ beautifulsoup4 => bs4
from beautifulsoup4 import BeautifulSoup
soup = BeautifulSoup("<p>hi</p>", "html.parser")
soup.p.text
""",
    )
)

_RAW.append(
    (
        "function",
        r"""
#~~ float => float64
arr = np.array([1, 2, 3], dtype=np.float)
arr / 2
#~~ cumproduct => cumprod
growth = np.cumproduct(1 + weights / 100)
print(f"final growth: {growth[-1] - 1:.2%}")
#~~ in1d => isin
hits = np.in1d(labels, ["low", "high"])
hits.sum()
#~~ trapz => trapezoid
area = np.trapz(signal, dx=0.05)
print(f"area under the curve: {area:.2f}")
#~~ NaN => nan
patients.loc[patients["bmi"] > 60, "bmi"] = np.NaN
patients["bmi"].isna().sum()
#~~ product => prod
dims = np.product(grid.shape)
dims
#~~ moving_average
smoothed = np.moving_average(signal, 10)
plt.plot(smoothed)
#~~ normalize
unit = np.linalg.normalize(weights)
unit
#~~ append => concat
both = pd.append([sales.head(3), sales.tail(3)])
both.shape
#~~ read_yaml
settings_df = pd.read_yaml(data_dir / "config.json")
settings_df
#~~ to_date => to_datetime
patients["admitted"] = pd.to_date(patients["admitted"])
patients["admitted"].dtype
#~~ ntile
patients["risk"] = pd.ntile(patients["systolic_bp"], 3)
#~~ column => col
trips.select(pl.column("distance_km") * 1000)
#~~ n => len
trips.group_by("end_station").agg(pl.n().alias("n"))
#~~ figsize => figure ##
plt.figsize(10, 4)
plt.plot(signal[:200])
#~~ x_label => xlabel
plt.hist(sales["discount"])
plt.x_label("Discount")
plt.show()
#~~ set_title => title
plt.bar(by_store.index, by_store["orders"])
plt.set_title("Orders")
#~~ barchart => barplot
sns.barchart(data=sales, x="channel", y="units", errorbar=None)
#~~ tsplot
sns.tsplot(data=sensors["temp_c"])
#~~ scatter => scatterplot
sns.scatter(x=patients["age"], y=patients["bmi"])
plt.grid(alpha=0.3)
#~~ parse => loads
payload = json.parse('{"ok": true, "items": [1, 2]}')
payload["items"]
#~~ match_all => findall
numbers = re.match_all(r"\d+", log_lines[0])
numbers
#~~ replace => sub
re.replace(r"\s+", " ", article)[:40]
#~~ now => time
began = time.now()
sum(range(10_000))
print(began)
#~~ clock => perf_counter
t0 = time.clock()
sorted(signal)
print(f"{time.clock() - t0:.4f}s")
#~~ flatten
flat = itertools.flatten([[1, 2], [3]])
list(flat)
#~~ izip
for a, b in itertools.izip(labels, weights):
    print(a, b)
#~~ average => mean
statistics.average([r.value for r in readings])
#~~ rand => random
price = 5 + random.rand() * 10
round(price, 2)
#~~ round
math.round(7.5 * 1.19, 2)
#~~ copy_file => copyfile
shutil.copy_file(csv_path, "backup.csv")
os.listdir(".")
#~~ exists
if os.exists("backup.csv"):
    os.remove("backup.csv")
#~~ call_output => check_output
text = subprocess.call_output(["uname"], text=True)
text.strip()
#~~ defaultDict => defaultdict
by_level = collections.defaultDict(list)
for entry in map(parse_log_line, log_lines):
    by_level[entry.get("level")].append(entry)
#~~ md5sum => md5
checksum = hashlib.md5sum(csv_path.read_bytes()).hexdigest()
print(checksum)
#~~ parse => fromisoformat
when = dt.datetime.parse("2024-05-05T10:00:00")
when.hour
#~~ WeekLocator => WeekdayLocator
ax.xaxis.set_major_locator(mdates.WeekLocator(byweekday=mdates.MO))
#~~ wait_all => gather
both = await asyncio.wait_all(fetch_reading("x"), fetch_reading("yy"))
len(both)
#~~ get_closest_matches => get_close_matches
difflib.get_closest_matches("Rivrside", by_store.index)
#~~ open => connect
db = sqlite3.open("shop.db")
db.execute("SELECT 1").fetchone()
""",
    )
)

_RAW.append(
    (
        "name",
        r"""
#~~ df
df.head()
print(df.shape)
#~~ sale => sales
cheap = sale[sale["unit_price"] < 10]
len(cheap)
#~~ patient_df => patients
elderly = patient_df[patient_df["age"] >= 80]
elderly["ward"].value_counts(normalize=True)
#~~ customer => customers
customer.groupby("city")["customer_id"].count().sort_values()
#~~ sensor_data => sensors
sensor_data["temp_c"].resample("D").mean().plot(marker=".")
#~~ X_scaled
model2 = LogisticRegression(max_iter=200)
model2.fit(X_scaled, y)
#~~ y_proba
from sklearn.metrics import roc_auc_score
print(f"AUC: {roc_auc_score(y_test, y_proba):.3f}")
#~~ random_forest => forest
pred = random_forest.predict(X_test)
(pred == y_test).mean()
#~~ logreg => log_reg
odds = np.exp(logreg.coef_[0])
pd.Series(odds, index=features)
#~~ feature_names => features
sorted(zip(forest.feature_importances_, feature_names), reverse=True)[:3]
#~~ by_stores => by_store
for store, row in by_stores.iterrows():
    print(store, int(row["orders"]))
#~~ cleanColumns => clean_columns
tidy = cleanColumns(survey)
tidy.shape
#~~ parse_log => parse_log_line
levels = Counter(parse_log(line).get("level", "?") for line in log_lines)
levels.most_common()
#~~ categorize_bmi => bmi_category
patients["bmi_class"] = patients["bmi"].map(categorize_bmi)
#~~ rolling_average => moving_average
trend = rolling_average(signal, window=21)
plt.plot(trend, lw=2)
#~~ fetch_readings => fetch_reading
async def collect(ids):
    return [await fetch_readings(i) for i in ids]

await collect(["roof", "door"])
#~~ TaskPriority => Priority
def is_urgent(p):
    return p is TaskPriority.URGENT

is_urgent(Priority.LOW)
#~~ BankAccount => Account
class JointAccount(BankAccount):
    def __init__(self, owners, **kwargs):
        super().__init__(" & ".join(owners), **kwargs)

JointAccount(["Ana", "Bo"]).owner
#~~ log_pattern => LOG_PATTERN
hits = [m.group("module") for line in log_lines if (m := log_pattern.match(line))]
set(hits)
#~~ logs => log_lines
errors = [entry for entry in logs if " ERROR " in entry]
print(len(errors))
#~~ data_path => data_dir
files = sorted(data_path.glob("*"))
[f.name for f in files]
#~~ cfg => config
retries = cfg["retries"] + 1
print(retries, cfg["admins"])
#~~ copy
backup = copy.deepcopy(config)
backup["retries"] = 0
#~~ glob
for path in glob.glob(str(data_dir / "*.csv")):
    print(os.path.basename(path))
#~~ StringIO
buffer = StringIO("a,b\n1,2\n")
pd.read_csv(buffer)
#~~ mean_squared_error
pred = lin_reg.predict(sales[["units", "unit_price"]])
print("RMSE:", mean_squared_error(sales["revenue"], pred) ** 0.5)
#~~ unicode => str
values = [unicode(v) for v in hist_counts]
"".join(values)[:10]
#~~ null => None
result = {"user": "mira", "score": null}
result.get("score")
""",
    )
)

CELLS: list[tuple[str, str, str | None]] = []
NOT_DROP_IN: set[int] = set()  # the right name cannot simply be put in the invented one's place
KINDS: list[str] = []  # of each cell: column, attribute, keyword, module, function, name
for _kind, _part in _RAW:
    _pieces = re.split(r"^#~~ (.*)\n", _part.strip("\n") + "\n", flags=re.M)[1:]
    for _mark, _code in zip(_pieces[::2], _pieces[1::2], strict=True):
        _name, _, _right = _mark.partition(" => ")
        if _right.endswith(" ##"):
            _right = _right.removesuffix(" ##")
            NOT_DROP_IN.add(len(CELLS))
        CELLS.append((_code.rstrip("\n") + "\n", _name, _right or None))
        KINDS.append(_kind)
