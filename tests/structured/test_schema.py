"""Python types → JSON schemas, and answers → objects of these types."""

import dataclasses
import json
import subprocess
import sys
from typing import Annotated, Literal, NamedTuple, NotRequired, TypedDict

import annotated_types
import jsonschema
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import UsageError
from openclaw_ipython.structured.schema import Mismatch, Schema, is_schema, schema_of


@dataclasses.dataclass
class Bird:
    """A penguin."""

    species: Literal["Adelie", "Gentoo"]
    mass: float
    tags: list[str] = dataclasses.field(default_factory=list)


class Row(TypedDict):
    name: str
    age: NotRequired[int]


class Point(NamedTuple):
    x: int
    y: int


class Struct(msgspec.Struct):
    n: int


class Model(pydantic.BaseModel):
    n: int = pydantic.Field(ge=1)
    inner: "Model | None" = None


@dataclasses.dataclass
class Tree:
    name: str
    children: "list[Tree]"


@dataclasses.dataclass
class Picky:
    n: int

    def __post_init__(self):
        {}["a key that is not there"]


BY_HAND = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("wanted", "text", "value"),
    [
        (Bird, '{"species": "Gentoo", "mass": 5000}', Bird("Gentoo", 5000)),
        (
            Bird,
            'So:\n```json\n{"species": "Adelie", "mass": 1.5, "tags": ["a"]}\n```',
            Bird("Adelie", 1.5, ["a"]),
        ),
        (Row, '{"name": "x"}', {"name": "x"}),
        (Struct, '{"n": 3}', Struct(3)),
        (Model, '{"n": 3, "inner": {"n": 1}}', Model(n=3, inner=Model(n=1))),
        (Tree, '{"name": "a", "children": [{"name": "b", "children": []}]}', Tree("a", [Tree("b", [])])),
        (BY_HAND, '{"n": 3}', {"n": 3}),
        (list[Bird], '{"value": [{"species": "Adelie", "mass": 1}]}', [Bird("Adelie", 1)]),
        (list[Bird], '[{"species": "Adelie", "mass": 1}]', [Bird("Adelie", 1)]),
        (list[Model], '{"value": [{"n": 2}]}', [Model(n=2)]),
        (Point, '{"value": [1, 2]}', Point(1, 2)),
        (int, '{"value": 4}', 4),
        (int, "4", 4),
        (bool, '{"value": true}', True),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        (int | None, '{"value": null}', None),
        (dict[str, int], '{"a": 1, "b": 2}', {"a": 1, "b": 2}),
        ({"type": "array", "items": {"type": "integer"}}, '{"value": [1]}', [1]),
        ({"type": "array", "items": {"type": "integer"}}, "[1]", [1]),
    ],
)
def test_an_answer_becomes_an_object(wanted, text, value):
    assert schema_of(wanted).validate(text) == value


@pytest.mark.parametrize(
    "wanted", [Bird, Row, Struct, Model, Tree, BY_HAND, list[Bird], list[Model], Point, int, dict[str, int]]
)
def test_the_schema_is_of_an_object_and_contains_every_definition_it_refers_to(wanted):
    schema = schema_of(wanted)
    jsonschema.Draft202012Validator.check_schema(schema.json)
    assert schema.json["type"] == "object"
    assert "$ref" not in schema.json
    names = set(schema.json.get("$defs", {}))
    written = json.dumps(schema.json)
    assert written.count('"$ref"') == sum(written.count(f'"$ref": "#/$defs/{name}"') for name in names)


@dataclasses.dataclass
class Page:
    birds: list[Bird]
    first: "Bird | None" = None


@pytest.mark.parametrize(
    ("wanted", "names"), [(Page, {"Bird"}), (Tree, {"Tree"}), (list[Page], {"Page", "Bird"})]
)
def test_every_definition_is_in_the_schema_once(wanted, names):
    schema = schema_of(wanted)
    assert set(schema.json["$defs"]) == names
    assert json.dumps(schema.json).count('"species"') <= 2  # as a property, and in the required ones


Count = Annotated[int, pydantic.Field(ge=3, description="how many")]


@dataclasses.dataclass
class Counted:
    n: Count


@dataclasses.dataclass
class ByDefault:
    n: int = pydantic.Field(ge=3, description="how many")


class CountedDict(TypedDict):
    n: Count
    more: NotRequired[int]


class CountedTuple(NamedTuple):
    n: Count


class AnnotatedTypes(TypedDict):
    n: Annotated[int, annotated_types.Ge(3)]


@dataclasses.dataclass
class Nested:
    inner: list[CountedTuple]
    other: "Counted | None" = None


@pytest.mark.parametrize(
    ("wanted", "fits", "value", "misfit"),
    [
        (Counted, '{"n": 3}', Counted(3), '{"n": 2}'),
        (ByDefault, '{"n": 3}', ByDefault(3), '{"n": 2}'),
        (CountedDict, '{"n": 3}', {"n": 3}, '{"n": 2}'),
        (CountedTuple, '{"value": [3]}', CountedTuple(3), '{"value": [2]}'),
        (AnnotatedTypes, '{"n": 3}', {"n": 3}, '{"n": 2}'),
        (Nested, '{"inner": [[3]]}', Nested([CountedTuple(3)]), '{"inner": [[2]]}'),
        (list[CountedDict] | None, '{"value": [{"n": 3}]}', [{"n": 3}], '{"value": [{"n": 2}]}'),
        (dict[str, Counted], '{"a": {"n": 3}}', {"a": Counted(3)}, '{"a": {"n": 2}}'),
        (Count, '{"value": 3}', 3, '{"value": 2}'),
    ],
)
def test_constraints_and_descriptions_in_annotations_are_sent_and_checked(wanted, fits, value, misfit):
    schema = schema_of(wanted)
    assert schema.validate(fits) == value
    with pytest.raises(Mismatch, match="greater than or equal to 3"):
        schema.validate(misfit)
    written = json.dumps(schema.json)
    assert '"minimum": 3' in written
    assert ("how many" in written) == (wanted is not AnnotatedTypes)


def test_a_schema_has_an_instruction_and_a_name_that_services_accept():
    schema = schema_of(list[Bird])
    assert schema.for_request["name"] == "list_of_Bird"
    assert json.dumps(schema.json) in schema.instruction
    assert "JSON" in schema.instruction
    odd = schema_of({"title": "größe, in %", "type": "object"})
    assert odd.for_request["name"] == "gr__e__in__"


def test_numbers_in_quotes_are_accepted():
    assert schema_of(Struct).validate('{"n": "3"}') == Struct(3)
    assert schema_of(list[str]).validate('["3"]') == ["3"]


@pytest.mark.parametrize(
    ("wanted", "text", "said"),
    [
        (Bird, '{"species": "Emu", "mass": 1}', "$.species"),
        (Bird, '{"mass": 1}', "species"),
        (Bird, "I do not know.", "no JSON"),
        (Bird, "", "no JSON"),
        (Model, '{"n": 0}', "n: Input should be greater than or equal to 1"),
        (Model, '{"inner": {"n": 0}}', "inner.n"),
        (BY_HAND, '{"n": 0}', "0 is less than the minimum of 1 - at $.n"),
        (BY_HAND, "[]", "is not of type 'object'"),
        (list[Bird], '{"value": 1}', "Expected `array`"),
        (Struct, '{"n": NaN}', "JSON"),
        (Picky, '{"n": 1}', "KeyError"),
    ],
)
def test_a_mismatch_says_where(wanted, text, said):
    with pytest.raises(Mismatch) as caught:
        schema_of(wanted).validate(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_of_several_json_values_the_one_that_fits_is_used():
    assert schema_of(Struct).validate('First {"m": 1000000000}, then {"n": 2}.') == Struct(2)


@pytest.mark.parametrize("wanted", [3, "Bird", object(), print, Bird("Adelie", 1), None])
def test_a_value_that_is_not_a_schema_is_refused_with_a_hint(wanted):
    with pytest.raises(UsageError) as caught:
        schema_of(wanted)
    assert "no schema" in str(caught.value)
    assert "dataclass" in caught.value.hint


@pytest.mark.parametrize("wanted", [{"type": "nonsense"}, {"properties": 3}])
def test_an_invalid_json_schema_is_refused(wanted):
    with pytest.raises(UsageError, match="no JSON schema"):
        schema_of(wanted)


def test_references_of_a_schema_are_not_fetched():
    schema = schema_of({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}})
    with pytest.raises(UsageError, match=r"127\.0\.0\.1"):
        schema.validate('{"a": 1}')


def test_an_undefined_type_is_named_in_the_error():
    @dataclasses.dataclass
    class Lost:
        x: "NotAnywhere"  # noqa: F821

    with pytest.raises(UsageError, match="NotAnywhere"):
        schema_of(Lost)


def test_a_schema_is_returned_unchanged():
    schema = schema_of(Bird)
    assert schema_of(schema) is schema
    assert isinstance(schema, Schema)


@pytest.mark.parametrize(
    ("value", "looks"),
    [
        (Bird, True),
        (Row, True),
        (Model, True),
        (Struct, True),
        (BY_HAND, True),
        ({"a": 1}, False),
        (int, False),
        (3, False),
    ],
)
def test_values_that_look_like_a_schema_are_recognised(value, looks):
    assert is_schema(value) is looks


def test_without_jsonschema_the_error_has_the_install_command():
    code = """
import sys
sys.modules["jsonschema"] = None
from openclaw_ipython.structured.schema import schema_of
from openclaw_ipython.errors import UsageError
try:
    schema_of({"type": "object"})
except UsageError as error:
    print(error, "->", error.hint)
import dataclasses
@dataclasses.dataclass
class D: x: int
print(schema_of(D).validate('{"x": 1}'), "pydantic" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'openclaw-ipython[schema]'" in out
    assert "D(x=1) False" in out


@given(
    st.builds(Bird, st.sampled_from(["Adelie", "Gentoo"]), st.floats(0, 1e6), st.lists(st.text(), max_size=3))
)
def test_an_encoded_object_is_read_back(bird):
    assert schema_of(Bird).validate(json.dumps(dataclasses.asdict(bird))) == bird
    assert schema_of(list[Bird]).validate(json.dumps({"value": [dataclasses.asdict(bird)]})) == [bird]


@given(st.text())
def test_any_text_fits_or_is_a_mismatch(text):
    try:
        assert isinstance(schema_of(Struct).validate(text), Struct)
    except Mismatch:
        pass
