"""What calls give that no annotation tells, and what the elements of containers are.

The table has `owner: names = result; …` on each line. The owner is a module or class; a result is a class, `[class]`
for a list of it, `class~` for a class or its subclasses, or several with `|` between them.
"""

from __future__ import annotations

import builtins
import functools
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from types import BuiltinFunctionType, FunctionType
from typing import Any

from openclaw_ipython.codecheck.inferred import UNKNOWN, Column, Either, Frame, Instance, Live, Value
from openclaw_ipython.codecheck.static_lookup import (
    class_dict,
    class_name,
    is_a,
    loaded,
    module_of,
    mro,
    one_of,
)

_SCALARS = "float64 int64 bool complex128 str_ bytes_ datetime64 timedelta64"
_ARRAY = "numpy.ndarray|" + "|".join(f"numpy.{name}" for name in _SCALARS.split())
_TABLE = """
builtins.str: capitalize casefold center expandtabs format format_map join ljust lower lstrip replace = str
builtins.str: rjust rstrip strip swapcase title translate upper zfill removeprefix removesuffix = str
builtins.str: split rsplit splitlines = [str]; encode = bytes; count find index rfind rindex = int
builtins.str: startswith endswith isdigit isalpha isupper islower = bool
builtins.bytes: decode hex = str; split = [bytes]; strip replace lower upper = bytes
builtins.dict: copy = dict
builtins.list: copy = list; index count = int
builtins.set: copy union intersection difference symmetric_difference = set
builtins: len ord hash id = int; repr chr ascii hex bin oct input = str; isinstance callable any all = bool
collections.Counter: most_common = [tuple]; elements = itertools.chain
re: match search fullmatch = re.Match; findall split = list; sub escape = str; finditer = [re.Match]
re: compile = re.Pattern
re.Pattern: match search fullmatch = re.Match; findall split = list; sub = str; finditer = [re.Match]
re.Match: start end = int; span groups = tuple; groupdict = dict
json: dumps = str; loads load = dict|list|str|int|float|bool
datetime.datetime: now today utcnow fromtimestamp fromisoformat strptime combine = datetime.datetime
datetime.datetime: replace astimezone = datetime.datetime
datetime.datetime: date = datetime.date; time = datetime.time; strftime isoformat ctime = str; timestamp = float
datetime.date: today fromisoformat fromtimestamp replace = datetime.date; strftime isoformat = str
datetime.date: weekday isoweekday = int
datetime.timedelta: total_seconds = float
pathlib.PurePath: with_suffix with_name with_stem joinpath relative_to parent = pathlib.Path~; parts = tuple
pathlib.PurePath: name stem suffix anchor as_posix as_uri = str; suffixes = [str]
pathlib.Path: cwd home resolve absolute expanduser rename replace = pathlib.Path~
pathlib.Path: glob rglob iterdir = [pathlib.Path~]; stat lstat = os.stat_result
pathlib.Path: read_text = str; read_bytes = bytes; exists is_file is_dir = bool
posixpath: join basename dirname abspath expanduser normpath = str; exists isfile isdir = bool; getsize = int
posix: getcwd = str; listdir = [str]
time: time perf_counter monotonic = float; strftime ctime = str
numpy: array asarray zeros ones empty full arange linspace logspace geomspace eye identity = numpy.ndarray
numpy: ascontiguousarray fromiter loadtxt genfromtxt tile outer flatnonzero = numpy.ndarray
numpy.linalg: inv pinv = numpy.ndarray
numpy.random: default_rng = numpy.random.Generator
numpy.random._generator: default_rng = numpy.random.Generator
numpy.random._generator.Generator: normal uniform random integers standard_normal = @|float|int
numpy.random._generator.Generator: poisson binomial exponential = @|float|int
numpy.ndarray: reshape ravel flatten astype copy transpose cumsum clip round repeat squeeze argsort T = @
numpy.ndarray: mean std var argmax argmin dot ptp trace = @; tolist = list|int|float|str|bool; shape = tuple
sklearn.model_selection._validation: cross_val_score cross_val_predict = @
sklearn.metrics._classification: accuracy_score = float; confusion_matrix = numpy.ndarray
sklearn.metrics._classification: classification_report = str|dict
matplotlib.axes._axes.Axes: bar barh = matplotlib.container.BarContainer; legend = matplotlib.legend.Legend
matplotlib.axes._axes.Axes: scatter = matplotlib.collections.PathCollection; imshow = matplotlib.image.AxesImage
matplotlib.axes._axes.Axes: plot = [matplotlib.lines.Line2D]; text set_title annotate = matplotlib.text.Text~
matplotlib.axes._base._AxesBase: twinx twiny = matplotlib.axes.Axes~; get_legend = matplotlib.legend.Legend
matplotlib.axes._base._AxesBase: set_xlabel set_ylabel = matplotlib.text.Text~
matplotlib.axes._base._AxesBase: get_figure = matplotlib.figure.Figure~
matplotlib.figure.FigureBase: add_subplot gca add_axes = matplotlib.axes.Axes~; suptitle = matplotlib.text.Text~
matplotlib.figure.FigureBase: colorbar = matplotlib.colorbar.Colorbar
"""
_GROUP_BYS = ("DataFrameGroupBy", "SeriesGroupBy")
_MANY = 50
_PLAIN = tuple(map(Instance, (str, int, float, bool, bytes, complex)))


@functools.cache
def _results() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in _TABLE.strip().splitlines():
        owner, _colon, rules = line.partition(": ")
        for rule in rules.split("; "):
            names, _equals, result = rule.partition(" = ")
            found.setdefault(owner, {}).update(dict.fromkeys(names.split(), result.replace("@", _ARRAY)))
    return found


def _made(text: str) -> Value:
    """The value that a result in the table stands for; unknown where its module is not loaded."""
    if "|" in text:
        return either(made for part in text.split("|") if (made := _made(part)) is not UNKNOWN)
    if text[0] == "[":
        return Instance(list, item=_made(text[1:-1]))
    module, _dot, name = text.rstrip("~").rpartition(".")
    cls = loaded(module or "builtins", name)
    return Instance(cls, exact=text[-1] != "~") if is_a(cls, type) else UNKNOWN


def either(values: Iterable[Value]) -> Value:
    """One of several values; unknown where one of them is."""
    every: list[Value] = []
    for value in values:
        every += value.options if isinstance(value, Either) else [value]
    unique = list(dict.fromkeys(every)) if len(every) > 1 else every
    if not unique or any(value is UNKNOWN for value in unique):
        return UNKNOWN
    return unique[0] if len(unique) == 1 else Either(tuple(unique))


def of_class(cls: type, name: str) -> Value | None:
    """What the table says of the attribute `name` of a class, or of calling it."""
    for base in mro(cls):
        if name in class_dict(base):
            qualified = f"{module_of(base)}.{type.__dict__['__qualname__'].__get__(base)}"
            result = _results().get(qualified, {}).get(name)
            return None if result is None else _made(result)
    return None


def of_function(thing: object) -> Value | None:
    """What the table says of calling a function of a library."""
    if not one_of(type(thing), FunctionType, BuiltinFunctionType) and not is_of_numpy(thing):
        return None
    module, name = thing.__module__, thing.__name__  # type: ignore[attr-defined]
    if type(module) is not str or name not in _results().get(module, {}) or loaded(module, name) is not thing:
        return None
    return _made(_results()[module][name])


def is_of_numpy(thing: object) -> bool:
    """Whether an object is a function of numpy in C: a dispatcher, a ufunc, a method compiled by Cython."""
    return module_of(type(thing)) == "numpy" or class_name(type(thing)) == "cython_function_or_method"


def item_of(value: Value) -> Value:
    """What a loop over a value gives."""
    match value:
        case Instance(item=item) if item is not None:
            return item
        case Instance(parts=parts) if parts is not None:
            return either(parts)
        case Instance(cls) if cls is str:
            return value
        case Frame(grouped=False) if value.columns and module_of(value.cls)[:6] == "pandas":
            return Instance(str)
        case Live(thing) if one_of(type(thing), list, tuple, set, frozenset, deque, dict):
            return _common(thing)
        case Frame(grouped=True) if class_name(value.cls) in _GROUP_BYS:
            frame = value.derived(loaded("pandas", "DataFrame"))
            known = frame.columns is not None and frame.index is not None
            frame.columns = frame.columns | frame.index if known else None  # type: ignore[operator]
            return pair(UNKNOWN, UNKNOWN if value.series else frame)
        case Live(thing) if one_of(type(thing), str, range):
            return Instance(str if type(thing) is str else int)
        case _:
            return UNKNOWN


def _common(things: Collection[Any]) -> Value:
    return either(map(_element, things)) if len(things) <= _MANY else UNKNOWN


def _element(thing: object) -> Value:
    plain = next((value for value in _PLAIN if value.cls is type(thing)), None)
    return plain or (UNKNOWN if thing is None else Live(thing))


def row_of(grid: Instance) -> Instance:
    """An array of axes with one dimension."""
    return row_of(grid.item) if isinstance(grid.item, Instance) and grid.item.item is not None else grid


def part_of(value: Value, key: object) -> Value:
    """What a subscript with a constant gives."""
    match value:
        case Instance(parts=parts) if parts is not None:
            return parts[key] if type(key) is int and -len(parts) <= key < len(parts) else UNKNOWN
        case Live(thing) if one_of(type(thing), list, tuple) and type(key) is int:
            return _element(thing[key]) if -len(thing) <= key < len(thing) else UNKNOWN
        case Live(thing) if type(thing) is dict and type(key) is str and len(thing) <= _MANY:
            return next((_element(v) for k, v in thing.items() if type(k) is str and k == key), UNKNOWN)
        case Live() | Instance() if class_of(value) is str:
            return Instance(str)
        case Instance(cls, _, Instance()) if type(key) is tuple and key and cls is loaded("numpy", "ndarray"):
            return part_of(part_of(value, key[0]), key[1:]) if len(key) > 1 else part_of(value, key[0])
        case Instance(cls, _, item) if item is not None and type(key) is int and cls is not set:
            return item
        case _:
            return UNKNOWN


def called(thing: object, arguments: Sequence[Value]) -> Value | None:
    """What a built-in function makes of containers."""
    items = [item_of(each) for each in arguments]
    match getattr(thing, "__name__", "") if any(thing is each for each in _BUILDERS) else "":
        case "enumerate" if items:
            return Instance(enumerate, item=pair(Instance(int), items[0]))
        case "zip":
            return Instance(zip, item=Instance(tuple, parts=tuple(items)))
        case "sorted" | "list" | "tuple" | "set" | "reversed" as name if items:
            cls = list if name == "sorted" else vars(builtins)[name]
            return collection(cls, items[0])
        case "range":
            return Instance(range, item=Instance(int))
        case "filter" if len(items) > 1:
            return Instance(filter, item=items[1])
        case "max" | "min" if len(items) == 1:
            return items[0]
        case _:
            return None


_BUILDERS = (enumerate, zip, sorted, list, tuple, set, reversed, range, filter, max, min)


def collection(cls: type, item: Value) -> Instance:
    """A list or the like of elements that are all `item`."""
    return Instance(cls, item=item if item is not UNKNOWN else None)


def split_of(value: Value) -> Value:
    """A part of a frame, Series, array or list, of the same kind."""
    if isinstance(value, Frame):
        return value.derived()
    cls = class_of(value)
    known = cls is not None and one_of(cls, list, loaded("numpy", "ndarray"))
    return value if isinstance(value, Column) else Instance(cls) if known else UNKNOWN  # type: ignore[arg-type]


def pair(first: Value, second: Value) -> Value:
    """A tuple of two."""
    return Instance(tuple, parts=(first, second))


def of_arithmetic(left: Value, right: Value) -> Value | None:
    """What arithmetic of arrays, strings and times gives."""
    first, second = class_of(left), class_of(right)
    if _is_array(left) or _is_array(right):
        known = [_is_array(value) or one_of(class_of(value), int, float, bool) for value in (left, right)]
        return _made(_ARRAY) if all(known) else None
    if first is str and second is str:
        return Instance(str)
    if first is datetime and one_of(second, datetime, timedelta):
        return Instance(timedelta if second is datetime else datetime)
    return None


def _is_array(value: Value) -> bool:
    """Whether a value is an array, or a number where numpy gives one for an array."""
    options = value.options if isinstance(value, Either) else (value,)
    array = loaded("numpy", "ndarray")
    return array is not None and any(class_of(each) is array for each in options)


def class_of(value: Value | None) -> type | None:
    """The class of a value that is not a class itself, if it is known exactly."""
    match value:
        case Live(thing):
            return type(thing)
        case Instance(cls, True) | Column(cls):
            return cls
        case _:
            return None
