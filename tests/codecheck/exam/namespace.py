"""The namespace of a notebook in the middle of its work, which the cells of the exam are about."""

import linecache

_SOURCE = r'''
import asyncio
import collections
import contextlib
import csv
import functools
import hashlib
import io
import itertools
import json
import logging
import math
import os
import random
import re
import shutil
import sqlite3
import statistics
import string
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
import datetime as dt
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import Enum
from functools import lru_cache, partial, reduce
from pathlib import Path
from typing import Any, Iterable, Iterator, Optional
#%%
import matplotlib
matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import seaborn as sns
from tqdm import tqdm
#%%
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
#%%
try:
    import xgboost as xgb
    HAS_XGB = True
except ImportError:
    xgb = None
    HAS_XGB = False

try:
    import orjson as fastjson
except ImportError:
    import json as fastjson

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib
#%%
import importlib.util

def lazy_import(name):
    """Import a module on first use only."""
    spec = importlib.util.find_spec(name)
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module

graphlib = lazy_import("graphlib")
colorsys = lazy_import("colorsys")
difflib = lazy_import("difflib")
#%%
SEED = 11
rng = np.random.default_rng(SEED)
random.seed(SEED)
logger = logging.getLogger("notebook")
logger.setLevel(logging.WARNING)
data_dir = Path(_folder)
#%%
# hardware store sales
n = 240
stores = ["Harbour", "Old Town", "Northgate", "Riverside"]
sales = pd.DataFrame({
    "order_id": np.arange(1000, 1000 + n),
    "order_date": pd.date_range("2023-01-03", periods=n, freq="36h"),
    "store": rng.choice(stores, n),
    "product": rng.choice(["hammer", "drill", "paint", "ladder", "screws", "rope"], n),
    "category": rng.choice(["tools", "materials", "safety"], n),
    "units": rng.integers(1, 12, n),
    "unit_price": rng.uniform(3, 120, n).round(2),
    "discount": rng.choice([0.0, 0.05, 0.1, 0.25], n),
    "customer_id": rng.integers(1, 41, n),
    "channel": rng.choice(["web", "shop", "phone"], n, p=[0.4, 0.5, 0.1]),
})
sales["revenue"] = (sales["units"] * sales["unit_price"] * (1 - sales["discount"])).round(2)
customers = pd.DataFrame({
    "customer_id": np.arange(1, 41),
    "full_name": [f"{f} {l}" for f in ["Ana", "Bo", "Chidi", "Dana", "Emre"]
                  for l in ["Lopez", "Berg", "Okafor", "Weiss", "Kaya", "Silva", "Novak", "Ito"]],
    "city": rng.choice(["Porto", "Gdansk", "Leeds", "Turin"], 40),
    "segment": pd.Categorical(rng.choice(["trade", "retail", "school"], 40)),
    "signup_date": pd.to_datetime("2020-05-01") + pd.to_timedelta(rng.integers(0, 900, 40), unit="D"),
    "email": [f"user{i}@example.org" for i in range(40)],
})
by_store = sales.groupby("store").agg(
    orders=("order_id", "count"), total_revenue=("revenue", "sum"), avg_discount=("discount", "mean"))
monthly = sales.set_index("order_date").resample("MS")[["revenue", "units"]].sum()
store_channel = sales.pivot_table(index="store", columns="channel", values="revenue", aggfunc="sum")
#%%
# hospital patients and their lab tests
m = 150
patients = pd.DataFrame({
    "patient_id": [f"P{i:04d}" for i in range(m)],
    "sex": rng.choice(["F", "M"], m),
    "age": rng.integers(18, 95, m),
    "ward": rng.choice(["cardiology", "oncology", "surgery", "geriatrics"], m),
    "bmi": rng.normal(26, 4, m).round(1),
    "systolic_bp": rng.normal(128, 15, m).round(),
    "diastolic_bp": rng.normal(80, 9, m).round(),
    "smoker": rng.random(m) < 0.25,
    "admitted": pd.to_datetime("2022-02-01") + pd.to_timedelta(rng.integers(0, 300, m), unit="D"),
    "length_of_stay": rng.integers(1, 21, m),
    "readmitted": (rng.random(m) < 0.3).astype(int),
})
patients.loc[rng.choice(m, 12, replace=False), "bmi"] = np.nan
patients["discharged"] = patients["admitted"] + pd.to_timedelta(patients["length_of_stay"], unit="D")
labs = pd.DataFrame({
    "patient_id": rng.choice(patients["patient_id"], 400),
    "test": rng.choice(["creatinine", "glucose", "hemoglobin"], 400),
    "value": rng.gamma(4, 2, 400).round(2),
    "taken_at": pd.to_datetime("2022-03-01") + pd.to_timedelta(rng.integers(0, 5000, 400), unit="h"),
})
#%%
# greenhouse sensors, energy by region and year, a survey as it was exported
stamps = pd.date_range("2024-04-01", periods=14 * 96, freq="15min", name="timestamp")
hours = stamps.hour + stamps.minute / 60
sensors = pd.DataFrame({
    "temp_c": 18 + 6 * np.sin((hours - 8) / 24 * 2 * np.pi) + rng.normal(0, 0.6, len(stamps)),
    "humidity": (65 + rng.normal(0, 5, len(stamps))).clip(20, 100),
    "co2_ppm": rng.normal(420, 25, len(stamps)).round(),
    "soil_moisture": rng.uniform(0.2, 0.5, len(stamps)),
    "pump_on": rng.random(len(stamps)) < 0.1,
}, index=stamps)
sensors.iloc[100:110, 0] = np.nan
energy = pd.DataFrame(
    rng.uniform(50, 900, (20, 4)).round(1),
    index=pd.MultiIndex.from_product([["north", "south", "east", "west"], range(2018, 2023)], names=["region", "year"]),
    columns=["solar_gwh", "wind_gwh", "hydro_gwh", "demand_gwh"])
survey = pd.DataFrame({
    "Respondent ID": range(1, 61),
    "Age (years)": rng.integers(16, 80, 60),
    "How satisfied are you? (1-5)": rng.integers(1, 6, 60),
    "Q2: Commute [min]": rng.integers(3, 95, 60),
    " income ": [f"{v:,}" for v in rng.integers(12000, 90000, 60)],
    "Zip/Postal Code": [f"{v:05d}" for v in rng.integers(1000, 99999, 60)],
    "2023 score": rng.normal(50, 10, 60).round(1),
    "class": rng.choice(list("ABC"), 60),
    "Comments": rng.choice(["good, thanks", "Too SLOW!!", "", "would recommend", None], 60),
})
#%%
# bike sharing, in polars
trips = pl.DataFrame({
    "trip_id": range(200),
    "start_station": rng.choice(["S1", "S2", "S3", "S4", "S5"], 200),
    "end_station": rng.choice(["S1", "S2", "S3", "S4", "S5"], 200),
    "started_at": [datetime(2024, 5, 1) + timedelta(minutes=37 * i) for i in range(200)],
    "duration_min": rng.gamma(3, 6, 200).round(1),
    "distance_km": rng.gamma(2, 1.5, 200).round(2),
    "rider_type": rng.choice(["member", "casual"], 200),
    "bike_type": rng.choice(["classic", "electric", None], 200),
})
stations = pl.DataFrame({
    "station_id": ["S1", "S2", "S3", "S4", "S5"],
    "station_name": ["Central", "Museum", "Park Gate", "Dock", "Campus"],
    "capacity": [30, 18, 22, 12, 40],
    "lat": [52.1, 52.2, 52.15, 52.3, 52.05],
    "lon": [21.0, 21.1, 20.9, 21.05, 20.95],
})
trips_lazy = trips.lazy()
#%%
# arrays
signal = np.sin(np.linspace(0, 8 * np.pi, 500)) + rng.normal(0, 0.2, 500)
grid = rng.normal(size=(12, 8))
image = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
weights = np.array([0.1, 0.2, 0.3, 0.4])
labels = np.array(["low", "mid", "high", "mid", "low"])
#%%
# models
features = ["age", "bmi", "systolic_bp", "diastolic_bp", "length_of_stay"]
X = patients[features].fillna(patients[features].median())
y = patients["readmitted"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=SEED, stratify=y)
scaler = StandardScaler().fit(X_train)
log_reg = LogisticRegression(max_iter=500).fit(scaler.transform(X_train), y_train)
forest = RandomForestClassifier(n_estimators=15, max_depth=4, random_state=SEED).fit(X_train, y_train)
lin_reg = LinearRegression().fit(sales[["units", "unit_price"]], sales["revenue"])
kmeans = KMeans(n_clusters=3, n_init=2, random_state=SEED).fit(scaler.transform(X))
pca = PCA(n_components=2).fit(scaler.transform(X))
preprocess = ColumnTransformer([
    ("num", Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())]), ["age", "bmi"]),
    ("cat", OneHotEncoder(handle_unknown="ignore"), ["ward", "sex"]),
])
model = Pipeline([("prep", preprocess), ("clf", LogisticRegression(max_iter=300))])
model.fit(patients[["age", "bmi", "ward", "sex"]], y)
y_pred = forest.predict(X_test)
#%%
# classes
@dataclass
class Reading:
    sensor_id: str
    value: float
    unit: str = "C"
    taken_at: Optional[datetime] = None
    tags: list = field(default_factory=list)

    def is_valid(self, low: float = -40.0, high: float = 60.0) -> bool:
        return low <= self.value <= high


@dataclass(frozen=True, order=True)
class Version:
    major: int
    minor: int = 0
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> "Version":
        return cls(*map(int, text.split(".")))

    def bump_minor(self):
        return Version(self.major, self.minor + 1)


class Priority(Enum):
    LOW = 1
    NORMAL = 2
    URGENT = 3


class Account:
    """A bank account with an overdraft."""
    currency = "EUR"

    def __init__(self, owner, balance=0.0, overdraft=100):
        self.owner = owner
        self._balance = balance
        self.overdraft = overdraft
        self.history = []

    @property
    def balance(self):
        return round(self._balance, 2)

    @property
    def is_overdrawn(self) -> bool:
        return self._balance < 0

    def deposit(self, amount, note=""):
        self._balance += amount
        self.history.append((amount, note))
        return self

    def withdraw(self, amount, *, allow_overdraft=True):
        if amount > self._balance + (self.overdraft if allow_overdraft else 0):
            raise ValueError("insufficient funds")
        self._balance -= amount
        self.history.append((-amount, ""))
        return self


class Settings:
    """Attribute access to a nested dict."""
    def __init__(self, values):
        self._values = values

    def __getattr__(self, key):
        try:
            found = self.__dict__["_values"][key]
        except KeyError:
            raise AttributeError(f"no setting named {key!r}") from None
        return Settings(found) if isinstance(found, dict) else found


class Inventory:
    def __init__(self):
        self.items: dict[str, int] = {}

    def add(self, name: str, quantity: int = 1) -> None:
        self.items[name] = self.items.get(name, 0) + quantity

    def remove(self, name: str, quantity: int = 1) -> int:
        left = self.items.get(name, 0) - quantity
        self.items[name] = max(left, 0)
        return self.items[name]

    def low_stock(self, threshold: int = 5) -> list[str]:
        return [name for name, q in self.items.items() if q < threshold]

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)

    def __contains__(self, name):
        return name in self.items


class Shape:
    def area(self) -> float:
        raise NotImplementedError

class Rectangle(Shape):
    def __init__(self, width, height):
        self.width, self.height = width, height

    def area(self):
        return self.width * self.height

    def scale(self, factor):
        return Rectangle(self.width * factor, self.height * factor)
#%%
# functions
def clean_columns(df: pd.DataFrame, lowercase: bool = True, sep: str = "_") -> pd.DataFrame:
    """Return df with tidy column names."""
    names = [re.sub(r"[^0-9a-zA-Z]+", sep, c).strip(sep) for c in df.columns]
    return df.set_axis([c.lower() if lowercase else c for c in names], axis=1)

def bmi_category(bmi):
    if bmi < 18.5: return "underweight"
    return "normal" if bmi < 25 else "overweight" if bmi < 30 else "obese"

def moving_average(values, window=5):
    return np.convolve(values, np.ones(window) / window, mode="valid")

def top_products(df: pd.DataFrame, n: int = 3, by: str = "revenue") -> pd.Series:
    return df.groupby("product")[by].sum().nlargest(n)

def parse_log_line(line: str) -> dict[str, str]:
    found = LOG_PATTERN.match(line)
    return found.groupdict() if found else {}

def chunked(items: Iterable, size: int = 10) -> Iterator[list]:
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch

def retry(times=3, delay=0.0):
    def wrap(func):
        @functools.wraps(func)
        def inner(*args, **kwargs):
            for attempt in range(times):
                try:
                    return func(*args, **kwargs)
                except Exception:
                    if attempt == times - 1:
                        raise
                    time.sleep(delay)
        return inner
    return wrap

@contextlib.contextmanager
def timer(label="block", printer=print):
    start = time.perf_counter()
    yield
    printer(f"{label}: {time.perf_counter() - start:.3f}s")

async def fetch_reading(sensor_id: str, delay: float = 0.0) -> Reading:
    await asyncio.sleep(delay)
    return Reading(sensor_id, 20.0 + len(sensor_id))

def plot_series(series, ax=None, title="", **kwargs):
    ax = ax or plt.gca()
    ax.plot(series.index, series.values, **kwargs)
    ax.set_title(title)
    return ax
#%%
# values
LOG_PATTERN = re.compile(r"(?P<time>\S+ \S+) (?P<level>[A-Z]+) (?P<module>[\w.]+): (?P<message>.*)")
log_lines = [
    "2024-03-01 08:00:01 INFO app.start: service started",
    "2024-03-01 08:02:17 WARNING app.db: slow query (1.8s)",
    "2024-03-01 08:05:40 ERROR app.api: timeout after 30s",
    "2024-03-01 08:06:02 INFO app.api: retrying request 2/3",
    "not a log line",
]
match_obj = LOG_PATTERN.match(log_lines[1])
article = """The harbour was quiet in the morning. Two boats left before sunrise, and the third
stayed. "Why is it here?" asked the keeper; nobody had an answer. By noon the wind was strong."""
config = {
    "database": {"host": "localhost", "port": 5432, "name": "shop"},
    "features": {"dark_mode": True, "beta": False},
    "retries": 3,
    "admins": ["ines", "tomasz"],
}
settings = Settings(config)
account = Account("Mira", 250)
inventory = Inventory()
for name_, count_ in [("rope", 4), ("drill", 12), ("paint", 7)]:
    inventory.add(name_, count_)
readings = [Reading(f"s{i}", 15 + 1.5 * i, taken_at=datetime(2024, 4, 1, i)) for i in range(8)]
Point = namedtuple("Point", "x y")
points = [Point(0, 0), Point(3, 4), Point(6, 8)]
start_time = datetime(2024, 4, 1, 9, 30)
deadline = date(2024, 6, 30)
word_counts = Counter(re.findall(r"[a-z]+", article.lower()))
queue = deque(["a", "b", "c"], maxlen=10)
#%%
# files and a database
sales.head(50).to_csv(data_dir / "sales.csv", index=False)
(data_dir / "config.json").write_text(json.dumps(config, indent=2))
(data_dir / "app.log").write_text("\n".join(log_lines) + "\n")
csv_path = data_dir / "sales.csv"
conn = sqlite3.connect(":memory:")
conn.row_factory = sqlite3.Row
sales.assign(order_date=sales["order_date"].astype(str)).to_sql("sales", conn, index=False)
cursor = conn.cursor()
#%%
# figures that are still open
fig, ax = plt.subplots(figsize=(7, 4))
monthly["revenue"].plot(ax=ax)
fig2, axes = plt.subplots(2, 2, figsize=(8, 6), sharex=False)
line, = axes[0, 0].plot(signal[:100], label="signal")
hist_counts, hist_edges, hist_bars = axes[0, 1].hist(patients["age"], bins=12)
'''

CELLS = _SOURCE.strip("\n").split("\n#%%\n")
_CODE = []
for _n, _cell in enumerate(CELLS, 1):
    _file = f"<notebook cell {_n}>"
    linecache.cache[_file] = (len(_cell), None, _cell.splitlines(True), _file)
    _CODE.append(compile(_cell, _file, "exec"))


def namespace(folder) -> dict:
    """The globals after all earlier cells ran, made anew by each call. Their files are in `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot

    matplotlib.pyplot.close("all")
    names = {"__name__": "__main__", "__builtins__": __builtins__, "_folder": folder}
    for code in _CODE:
        exec(code, names)
    del names["_folder"]
    return names
