"""Functions for a model: their schemas, the conversion of arguments, the text of results."""

import dataclasses
import functools
import json
import operator
from typing import Annotated, Literal, TypedDict

import jsonschema
import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import UsageError
from openclaw_ipython.structured.tools import (
    RESULT_LIMIT,
    BadArguments,
    error_text,
    name_of,
    result_text,
    tool_of,
    tools_of,
)


@dataclasses.dataclass
class Place:
    lat: float
    lon: float = 0.0


class Options(TypedDict):
    deep: bool


class Query(pydantic.BaseModel):
    words: str
    inner: "Query | None" = None


class Database:
    """Rows."""

    def find(self, name: str, limit: int = 3) -> list[str]:
        """Rows whose name begins so."""
        return [name] * limit

    def __call__(self, number: int):
        """The row of that number."""


def weather(
    place: Place,
    day: Literal["today", "tomorrow"] = "today",
    *rest,
    hours: Annotated[int, msgspec.Meta(description="how many")] = 24,
    note=None,
    **more,
):
    """The weather.

    As long as it is there.
    """
    return place, day, rest, hours, note, more


def parameters(function, name="f"):
    return tool_of(function, name).spec["function"]["parameters"]


def test_the_spec_comes_from_the_signature_and_the_docstring():
    spec = tool_of(weather, "weather").spec
    assert spec["type"] == "function"
    assert spec["function"]["name"] == "weather"
    assert spec["function"]["description"] == "The weather.\n\nAs long as it is there."
    schema = spec["function"]["parameters"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["place"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["day"] == {"enum": ["today", "tomorrow"], "default": "today"}
    assert schema["properties"]["hours"] == {"type": "integer", "description": "how many", "default": 24}
    assert schema["properties"]["note"] == {"default": None}
    assert set(schema["properties"]) == {"place", "day", "rest", "hours", "note"}
    assert set(schema["$defs"]) == {"Place"}


def test_arguments_are_converted_to_the_annotated_types():
    args, kwargs = tool_of(weather, "weather").arguments('{"place": {"lat": "48.5"}, "hours": "12"}')
    assert (args, kwargs) == ((), {"place": Place(48.5), "hours": 12})
    assert weather(*args, **kwargs)[:2] == (Place(48.5), "today")


def test_left_out_arguments_take_the_defaults_of_the_function():
    marker = object()

    def f(a: int, b=marker, c: list[int] = []):  # noqa: B006
        return b is marker, c

    tool = tool_of(f, "f")
    _, kwargs = tool.arguments('{"a": 1}')
    assert f(**kwargs) == (True, [])
    assert "default" not in tool.spec["function"]["parameters"]["properties"]["b"]


def test_positional_only_parameters_are_passed_by_position():
    def f(a: int, /, b: int):
        return a - b

    args, kwargs = tool_of(f, "f").arguments('{"b": 1, "a": 3}')
    assert f(*args, **kwargs) == 2


def total(start: float, factor: float = 2.0, *numbers: float, round_to: int = 1):
    return round(start + factor * sum(numbers), round_to)


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ('{"start": 1, "numbers": [1, 2]}', 7),
        ('{"start": 1, "factor": 3, "numbers": ["1"], "round_to": 0}', 4),
        ('{"start": 1}', 1),
        ('{"start": 1, "numbers": []}', 1),
    ],
)
def test_any_number_of_arguments_is_a_list_for_the_model(arguments, result):
    args, kwargs = tool_of(total, "total").arguments(arguments)
    assert total(*args, **kwargs) == result
    assert parameters(total)["properties"]["numbers"] == {"type": "array", "items": {"type": "number"}}


def odd(
    n: int,
    frame: pd.DataFrame = None,
    key: "Nowhere" = len,  # noqa: F821
    names: list[str] = None,  # noqa: RUF013
    *more: pd.DataFrame,
) -> "NotImported":  # noqa: F821
    return n, frame, key, names


def test_optional_parameters_without_a_json_form_are_left_out():
    schema = parameters(odd)
    assert set(schema["properties"]) == {"n", "names"}
    assert schema["required"] == ["n"]


@pytest.mark.parametrize("arguments", ['{"n": 1, "names": null}', '{"n": 1}'])
def test_a_default_of_none_makes_none_allowed(arguments):
    args, kwargs = tool_of(odd, "odd").arguments(arguments)
    assert odd(*args, **kwargs) == (1, None, len, None)


@dataclasses.dataclass
class Counted:
    n: Annotated[int, pydantic.Field(ge=3)]


def counted(
    n: Annotated[int, pydantic.Field(ge=3, description="how many")],
    inner: Counted | None = None,
    word: Annotated[str, "which word"] = "a",
):
    return n, inner, word


def test_constraints_and_descriptions_of_parameters_are_sent_and_checked():
    properties = parameters(counted)["properties"]
    assert properties["n"] == {"type": "integer", "minimum": 3, "description": "how many"}
    assert properties["word"] == {"type": "string", "description": "which word", "default": "a"}
    tool = tool_of(counted, "counted")
    _, kwargs = tool.arguments('{"n": "3", "inner": {"n": 4}}')
    assert counted(**kwargs) == (3, Counted(4), "a")
    for misfit in ('{"n": 2}', '{"n": 3, "inner": {"n": 1}}'):
        with pytest.raises(BadArguments, match="greater than or equal to 3"):
            tool.arguments(misfit)


def test_empty_text_means_no_arguments():
    def now():
        return 1

    for text in ("", " ", "{}"):
        assert tool_of(now, "now").arguments(text) == ((), {})


def test_parameters_may_be_pydantic_models():
    def look(query: Query):
        return query

    tool = tool_of(look, "look")
    schema = parameters(look)
    jsonschema.Draft202012Validator(schema).validate({"query": {"words": "a", "inner": {"words": "b"}}})
    _, kwargs = tool.arguments('{"query": {"words": "a", "inner": {"words": "b"}}}')
    assert kwargs == {"query": Query(words="a", inner=Query(words="b"))}
    with pytest.raises(BadArguments, match="words"):
        tool.arguments('{"query": {}}')


@pytest.mark.parametrize(
    ("function", "name", "described"),
    [
        (Database().find, "find", "Rows whose name begins so."),
        (Database(), "Database", "The row of that number."),
        (functools.partial(weather, day="today"), "weather", "The weather.\n\nAs long as it is there."),
        (functools.lru_cache(Database().find), "find", "Rows whose name begins so."),
        (Place, "Place", "Place(lat: float, lon: float = 0.0)"),
        (lambda number: number, "<lambda>", None),
    ],
)
def test_methods_objects_partials_and_classes_can_be_tools(function, name, described):
    assert name_of(function) == name
    tool = tools_of([function])[name.replace("<", "_").replace(">", "_")]
    assert tool.spec["function"].get("description") == described


def test_names_that_services_refuse_are_rewritten():
    assert set(tools_of({"db.find": Database().find, "größe": len_of})) == {"db_find", "gr__e"}


def len_of(text: str) -> int:
    return len(text)


def test_two_functions_with_the_same_name_are_refused():
    with pytest.raises(UsageError, match="two functions are called len_of"):
        tools_of([len_of, len_of])


def of_frame(frame: pd.DataFrame):
    """No such thing in JSON."""


def of_unknown(x: "Unknown"):  # noqa: F821
    """A name that is nowhere."""


@pytest.mark.parametrize(
    ("function", "message"),
    [(3, "cannot be called"), (max, "no signature"), (of_frame, "DataFrame"), (of_unknown, "Unknown")],
)
def test_a_function_that_cannot_be_a_tool_is_refused_by_name(function, message):
    with pytest.raises(UsageError, match=message) as caught:
        tool_of(function, "this_one")
    assert "this_one" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('{"place": {"la', "not JSON"),
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ('{"place": {"lat": "north"}}', "$.place.lat"),
        ('{"place": {"lat": 1}, "days": 3}', "unknown field `days`"),
        ("{}", "missing required field `place`"),
        ('{"place": {"lat": 1}, "day": "yesterday"}', "yesterday"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_the_reason(arguments, message):
    with pytest.raises(BadArguments) as caught:
        tool_of(weather, "weather").arguments(arguments)
    assert message in str(caught.value)


@given(st.text(max_size=40) | st.from_regex(r'\{"(place|day|x)": [0-9{"}]*\}', fullmatch=True))
def test_any_text_is_converted_or_refused_with_the_reason(text):
    try:
        tool_of(weather, "weather").arguments(text)
    except BadArguments as error:
        assert str(error)


# -- results --


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        ({"a": [1, 2.5, True]}, '{"a":[1,2.5,true]}'),
        (Place(1, 2), '{"lat":1,"lon":2}'),
        ({"a": np.float64(2), "b": np.arange(3)}, '{"a":2.0,"b":[0,1,2]}'),
        (np.int64(3), "3"),
        (pd.DataFrame({"a": [1, 2]}, index=["x", "y"]), ",a\nx,1\ny,2\n"),
        ({"t": pd.DataFrame({"a": [1, 2]})}, '{"t":",a\\n0,1\\n1,2\\n"}'),
        ([pl.DataFrame({"a": [1]})], '["a\\n1\\n"]'),
        (3 + 2j, "(3+2j)"),
    ],
)
def test_a_result_is_json_if_it_has_a_json_form(value, text):
    assert result_text(value) == text


class Raising:
    def __getattr__(self, name):
        raise RuntimeError(name)

    @property
    def __dict__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [Raising(), [Raising()], pl.DataFrame({"a": [[1, 2], [3]]})],
    ids=["raising", "in a list", "a frame"],
)
def test_a_result_that_cannot_be_converted_raises_nothing(value):
    assert result_text(value)


def test_a_long_table_is_summarised():
    text = result_text(pd.DataFrame({"number": range(100_000)}))
    assert len(text) < RESULT_LIMIT + 100
    assert "100,000" in text or "100000" in text


def test_a_long_array_is_summarised():
    text = result_text(np.arange(100_000))
    assert text.startswith("ndarray, shape (100000,)")
    assert len(text) < 500


def test_an_object_whose_repr_raises_is_named():
    assert "Unprintable" in result_text(Unprintable())
    assert "Unprintable" in result_text([Unprintable()])


def test_a_long_result_is_truncated_with_a_note():
    text = result_text("x" * (RESULT_LIMIT + 1_234))
    assert text.startswith("x" * RESULT_LIMIT)
    assert text.endswith("1,234 characters more")


def test_the_text_of_an_error_is_its_type_and_message_without_secrets():
    try:
        operator.itemgetter("a")({})
    except KeyError as error:
        assert error_text(error) == "KeyError: 'a'"
    assert error_text(ValueError()) == "ValueError"
    assert "sk-aaaaaaaaaaaaaaaaaaaa" not in error_text(
        RuntimeError("refused: api_key=sk-aaaaaaaaaaaaaaaaaaaa")
    )
    assert len(error_text(RuntimeError("y" * 100_000))) < 2_100


def test_the_text_of_an_error_whose_str_raises_is_its_type():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no")

    assert error_text(Odd()) == "Odd"


def test_a_spec_can_be_encoded_as_json():
    spec = tool_of(weather, "weather").spec
    assert json.loads(json.dumps(spec)) == spec
