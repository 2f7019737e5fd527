"""Light dataclasses behave as the standard library's, in everything this package asks of one."""

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.values import dataclass


def point(decorator):
    @decorator(frozen=True)
    class Point:
        """A place."""

        x: int
        y: int = 0
        names: list = field(default_factory=list)
        secret: str = field(default="s", repr=False)

        @property
        def far(self) -> bool:
            """Whether it is far away."""
            return self.x > 10

    return Point


Light, Standard = point(dataclass), point(dataclasses.dataclass)


@dataclass(frozen=True)
class Named:
    name: str


@dataclass(frozen=True)
class Aged(Named):
    age: int = 0


@dataclass()
class Mutable:
    count: int = 0


VALUES = st.integers(-2, 2)
GIVEN = st.fixed_dictionaries(
    {}, optional={"x": VALUES, "y": VALUES, "secret": st.just("t"), "other": VALUES}
)


def made(kind, args, kwargs):
    try:
        return kind(*args, **kwargs)
    except TypeError:
        return None


@given(st.lists(VALUES, max_size=5), GIVEN)
def test_it_is_made_of_the_same_arguments_and_looks_the_same(args, kwargs):
    light, standard = made(Light, args, kwargs), made(Standard, args, kwargs)
    assert (light is None) == (standard is None)
    if light is not None:
        assert repr(light) == repr(standard)
        assert dataclasses.asdict(light) == dataclasses.asdict(standard)
        assert light.far == standard.far


@given(VALUES, VALUES, VALUES, VALUES)
def test_values_with_equal_fields_are_equal_and_hash_alike(a, b, c, d):
    one, other = Light(a, b, ()), Light(c, d, ())
    assert (one == other) == (Standard(a, b, ()) == Standard(c, d, ()))
    assert one != other or hash(one) == hash(other)


def test_values_of_different_classes_are_never_equal():
    assert Light(1) != Standard(1)
    assert Named("a") != Aged("a")
    assert Named("a") != ("a",)


def test_a_default_that_is_made_is_made_for_each():
    assert Light(1).names is not Light(1).names


def test_a_frozen_value_stays_as_it_is():
    value = Named("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.other = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.name
    assert value == Named("a")


def test_one_that_is_not_frozen_can_change_and_has_no_hash():
    value = Mutable()
    value.count = 3
    assert value == Mutable(3)
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


def test_patterns_match_by_place_and_by_name():
    match Aged("Ada", 36):
        case Aged(name, age=age):
            assert (name, age) == ("Ada", 36)
        case _:
            raise AssertionError


def test_the_helpers_of_the_standard_library_take_them():
    assert dataclasses.replace(Aged("Ada", 1), age=2) == Aged("Ada", 2)
    assert [f.name for f in dataclasses.fields(Light)] == ["x", "y", "names", "secret"]
    assert dataclasses.is_dataclass(Light)
    assert copy.copy(Aged("Ada", 1)) == copy.deepcopy(Aged("Ada", 1)) == Aged("Ada", 1)
    assert pickle.loads(pickle.dumps(Aged("Ada", 1))) == Aged("Ada", 1)


def test_the_fields_of_a_base_come_first():
    assert Aged("Ada", 36) == Aged(name="Ada", age=36)


def test_its_signature_is_that_of_its_fields():
    light, standard = inspect.signature(Light), inspect.signature(Standard)
    assert list(light.parameters) == list(standard.parameters)
    assert light.parameters["y"] == standard.parameters["y"]
    assert light.parameters["x"].default is inspect.Parameter.empty


def test_methods_of_the_class_itself_are_kept():
    @dataclass(frozen=True)
    class Own:
        text: str

        def __init__(self, text):
            self.__dict__["text"] = text.upper()

        def __repr__(self):
            return "own"

        def __hash__(self):
            return 7

    assert (Own("a").text, repr(Own("a")), hash(Own("a"))) == ("A", "own", 7)
    assert Own("a") == Own("A")


def test_identity_can_be_the_equality():
    @dataclass(frozen=True, eq=False)
    class Thing:
        name: str

    thing = Thing("a")
    assert thing == thing
    assert thing != Thing("a")
    assert len({thing, Thing("a")}) == 2


def test_defining_one_compiles_nothing():
    @dataclass(frozen=True)
    class Plain:
        name: str

    Plain("a")
    assert Plain.__init__.__code__ is Named.__init__.__code__
