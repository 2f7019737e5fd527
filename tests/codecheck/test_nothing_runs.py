"""Objects that record every access: the check reads their types and dictionaries and touches nothing."""

import functools
import sys
import types

import pytest

from openclaw_ipython.codecheck.checker import check

touched: list[str] = []


def touch(name):
    def method(*_args, **_kwargs):
        touched.append(name)
        return

    return method


def trap_property(name):
    return property(touch(name))


class Getattr:
    __getattr__ = touch("__getattr__")


class Getattribute:
    def __getattribute__(self, name):
        touched.append(f"__getattribute__ {name}")
        return object.__getattribute__(self, name)


class Property:
    value = trap_property("property")


class Descriptor:
    class Trap:
        def __get__(self, instance, owner):
            touched.append("descriptor")

    value = Trap()


class Cached:
    @functools.cached_property
    def value(self):
        touched.append("cached_property")


class FalseClass:
    __class__ = trap_property("__class__")
    __module__ = trap_property("__module__")
    __doc__ = trap_property("__doc__")
    __dict__ = trap_property("__dict__")


class Comparing:
    __eq__ = touch("__eq__")
    __bool__ = touch("__bool__")
    __len__ = touch("__len__")
    __iter__ = touch("__iter__")
    __contains__ = touch("__contains__")
    __repr__ = touch("__repr__")
    __str__ = touch("__str__")
    __getitem__ = touch("__getitem__")

    def __hash__(self):
        touched.append("__hash__")
        return 1


class Meta(type):
    __getattr__ = touch("metaclass __getattr__")
    __instancecheck__ = touch("metaclass __instancecheck__")
    __subclasscheck__ = touch("metaclass __subclasscheck__")
    __dir__ = touch("metaclass __dir__")
    __name__ = trap_property("metaclass __name__")
    __flags__ = trap_property("metaclass __flags__")

    def __eq__(cls, other):
        touched.append("metaclass __eq__")
        return cls is other

    def __hash__(cls):
        touched.append("metaclass __hash__")
        return 1

    def __call__(cls, *args, **kwargs):
        touched.append("metaclass __call__")
        return type.__call__(cls)


class WithMeta(metaclass=Meta):
    pass


class LazyModule(types.ModuleType):
    def __getattr__(self, name):
        touched.append(f"module {name}")
        raise AttributeError(name)


class Call:
    __call__ = touch("__call__")
    __signature__ = trap_property("__signature__")
    __wrapped__ = trap_property("__wrapped__")


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@decorated
def function(x):
    touched.append("function")
    return x


def signed(x):
    touched.append("signed")


signed.__signature__ = Property()


class DictSubclass(dict):
    keys = touch("keys")
    __getitem__ = touch("dict __getitem__")
    get = touch("get")
    __contains__ = touch("dict __contains__")


def frame_subclass():
    pd = pytest.importorskip("pandas")

    class Frame(pd.DataFrame):
        columns = trap_property("columns")

    return pd.DataFrame.__new__(Frame)


def lazy():
    module = LazyModule("lazy_trap")
    sys.modules.setdefault("lazy_trap", module)
    return module


def frame_type():
    return pytest.importorskip("pandas").DataFrame


TRAPS = {
    "getattr": Getattr,
    "getattribute": Getattribute,
    "property": Property,
    "descriptor": Descriptor,
    "cached property": Cached,
    "class": FalseClass,
    "comparing": Comparing,
    "metaclass": lambda: WithMeta,
    "metaclass instance": lambda: type.__call__(WithMeta),
    "lazy module": lazy,
    "callable": Call,
    "decorated": lambda: function,
    "signed": lambda: signed,
    "dict": DictSubclass,
    "frame": frame_subclass,
}
CELLS = [
    "x.value", "x.value.more", "x.nothing", "x()", "x(a=1)", "x.value()", "x['a']", "x['a'].b", "x == 1", "x in [1]",
    "for y in x: y.value", "with x as y: y.value", "x.columns", "x.groupby('a')", "y = x; y.value; y.z = 1",
    "def f(): return x.value\nf()", "[a.b for a in x]", "f'{x}'", "x.value = 1", "del x['a']", "x.__dict__",
    "import lazy_trap; lazy_trap.thing",
    "from lazy_trap import thing", "x.str.upper()", "x, y = x", "-x",
    "x if x else x",
    "match x:\n    case 1: pass", "try:\n    x.a\nexcept Exception:\n    x.b", "x.loc[x.a > 1, 'b'] = 2", "xx.value",
    "for a, b in x: a.c", "for k, v in x.items(): v.c", "for i, y in enumerate(x): y.c", "x[0].b", "(x - x).a",
    "sorted(x)[0].a", "for y in xs: y.value", "xs[0].value", "d['a'].value", "d['a'].nothing", "ks['a'].b",
    "for k, v in ks.items(): k.value", "[y.value for y in xs]", "max(xs).value", "def f(a: x): a.b",
    "class C(x): pass\nC().d", "xs[0](a=1)", "x.query('a > 1')", "x.assign(a=lambda d: d.b)", "x.apply(lambda r: r.b)",
]  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("cell", CELLS)
def test_nothing_of_the_users_runs(trap, cell):
    thing = TRAPS[trap]()
    keys = {thing: 1} if not isinstance(thing, dict | frame_type()) else {}
    touched.clear()
    try:
        check(cell, {"x": thing, "xx_": thing, "xs": [thing], "d": {"a": thing}, "ks": keys})
        assert touched == []
    finally:
        sys.modules.pop("lazy_trap", None)
