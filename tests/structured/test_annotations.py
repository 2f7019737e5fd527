"""Types as they are written after `--schema`, and the fields of types."""

import dataclasses
import typing
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.context.names import Notebook
from openclaw_ipython.errors import UsageError
from openclaw_ipython.shell.tool_loop import schema_named
from openclaw_ipython.structured.annotations import field_names, type_from
from openclaw_ipython.structured.schema import Mismatch, schema_of

T = TypeVar("T")


@dataclasses.dataclass
class P:
    n: int


class M(pydantic.BaseModel):
    n: int


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Pair(NamedTuple):
    a: int
    b: int


BY_HAND = {"type": "object", "properties": {"n": {"type": "integer"}}}
NOTEBOOK = Notebook(
    {
        "P": P, "M": M, "Page": Page, "Field": pydantic.Field, "pydantic": pydantic, "typing": typing,
        "schemas": {"one": BY_HAND}, "by_hand": BY_HAND, "df": object(), "List": list, "open": open,
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("P", P),
        ("list[P]", list[P]),
        ("List[P]", list[P]),
        ("P | None", P | None),
        ("P|M", P | M),
        ("int", int),
        ("dict", dict),
        ("dict[str, int]", dict[str, int]),
        ("dict[str, list[P] | None]", dict[str, list[P] | None]),
        ("tuple[int, ...]", tuple[int, ...]),
        ("Page[P]", Page[P]),
        ("Optional[P]", Optional[P]),  # noqa: UP045
        ("Union[P, M]", Union[P, M]),  # noqa: UP007
        ("typing.List[P]", typing.List[P]),  # noqa: UP006
        ("Literal['a', 'b']", Literal["a", "b"]),
        ("Literal[-1, 1]", Literal[-1, 1]),
        ("Any", Any),
        ("Annotated[int, 'why']", Annotated[int, "why"]),
        ("by_hand", BY_HAND),
        ("schemas['one']", BY_HAND),
    ],
)
def test_a_schema_is_a_name_or_a_type(text, meant):
    assert schema_named(NOTEBOOK, text) == meant


def test_a_constraint_may_be_written_in_place():
    for text in ("Annotated[int, Field(ge=3)]", "Annotated[int, pydantic.Field(ge=3)]"):
        with pytest.raises(Mismatch):
            schema_of(schema_named(NOTEBOOK, text)).validate("2")


@pytest.mark.parametrize(
    "text",
    [
        "P()", "P[0", "P[", "list[P()]", "open('x')", "P if 1 else M", "[P for P in P]", "lambda: P", "P.n()", "P | 1",
        "P[int]", "-P", "f'{P}'", "Annotated[int, Field(**df)]", "", "P P", "(yield)", "df[P]",
    ],
)  # fmt: skip
def test_what_is_no_type_is_refused(text):
    with pytest.raises(UsageError):
        schema_of(schema_named(NOTEBOOK, text))


def test_an_unknown_name_in_a_type_is_named_with_near_ones():
    with pytest.raises(UsageError, match="nothing here is called Pge · did you mean Page"):
        schema_named(NOTEBOOK, "list[Pge[P]]")


@given(st.text(alphabet="P[]|, ().'\"MNone0list", max_size=30))
def test_any_text_is_a_type_or_refused(text):
    def look_up(name):
        return {"P": P, "M": M}[name]

    try:
        type_from(text, look_up)
    except (UsageError, KeyError):
        pass


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (P, ("n",)),
        (M | None, ("n",)),
        (P | Pair, ("n", "a", "b")),
        (Page[int], ("items",)),
        (int, None),
        (None, ()),
        (list[P], None),
        (P | int, None),
        (int | None, None),
        (dict[str, int], None),
        (Literal["a"], None),
    ],
)
def test_the_fields_of_a_type(wanted, names):
    assert field_names(wanted) == names
