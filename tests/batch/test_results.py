"""Results: a sequence in the order of the items, and a table of pandas or polars."""

from dataclasses import InitVar, dataclass
from typing import Annotated, NamedTuple, NotRequired, TypedDict

import pandas
import polars
import pydantic
import pytest

from openclaw_ipython.batch.results import ItemResult, Results
from openclaw_ipython.batch.rows import item_source
from openclaw_ipython.chat.types import Reply, Usage
from openclaw_ipython.errors import ServiceUnavailable
from openclaw_ipython.structured.schema import schema_of


@dataclass
class Label:
    mood: str
    sure: float


def results(given, *outcomes, replaced=None, schema=None):
    items = item_source(given)
    rows = {row.position: row for row in items.rows()}
    found = Results(items, replaced, schema_of(schema) if schema is not None else None)
    for outcome in outcomes:
        found.add(outcome, rows[outcome.position].item)
    return found


def answer(position, text="yes", **more):
    reply = Reply(
        text, **{"model": "a/b", "usage": Usage(10, 2), "seconds": 0.5, "finish_reason": "", **more}
    )
    return ItemResult(position, reply)


def failure(position):
    return ItemResult(position, ServiceUnavailable("gone"))


def test_results_are_in_the_order_of_the_items():
    found = results(["a", "b", "c"], answer(2, "C"), answer(0, "A"), failure(1))
    assert [str(r) for r in found] == ["A", "gone", "C"]
    assert isinstance(found[0], Reply)
    assert isinstance(found[1], ServiceUnavailable)
    assert found[-1].usage == Usage(10, 2)
    assert [str(r) for r in found[1:]] == ["gone", "C"]
    assert list(found.errors) == [1]
    assert (found.tally.done, found.tally.errors, found.tally.input_tokens) == (3, 1, 20)


def test_an_item_that_was_not_asked_is_none():
    found = results(["a", "b", "c"], answer(2))
    assert found[0] is None
    assert found.table()["error"].tolist()[0] == "not asked"


def test_a_function_replaces_failed_answers():
    found = results(["a", "b"], answer(0), failure(1), replaced=lambda error, item: f"{item}?")
    assert found[1] == "b?"
    assert found.table()["answer"].tolist() == ["yes", "b?"]


def test_the_function_is_called_once_for_each_error():
    called = []
    found = results(["x"], failure(0), replaced=lambda error, item: called.append(item))
    assert [found[0], *found, found.table()["answer"][0]] == [None, None, None]
    assert called == ["x"]


def test_the_table_of_a_series_keeps_its_index_and_name():
    series = pandas.Series(["x", "y"], index=["p", "q"], name="text")
    table = results(series, answer(0), failure(1)).table()
    assert table.index.tolist() == ["p", "q"]
    columns = ["text", "answer", "error", "finish_reason", "model", "tokens_in", "tokens_out", "seconds"]
    assert list(table.columns) == columns
    assert table.loc["p", "answer"] == "yes"
    assert table.loc["q", "error"] == "ServiceUnavailable: gone"


def test_the_table_has_a_cost_column_if_a_price_is_known():
    priced = ItemResult(0, Reply("yes", usage=Usage(10, 2, cost=0.25)))
    found = results(["a", "b"], priced, answer(1))
    assert found.table()["cost"].tolist()[0] == 0.25
    assert found.tally.cost == 0.25


def test_the_fields_of_a_schema_become_columns_with_an_underscore_if_the_name_exists():
    frame = pandas.DataFrame({"text": ["x", "y"], "mood": ["?", "?"]})
    table = results(frame, answer(0, parsed=Label("good", 0.9)), failure(1), schema=Label).table()
    assert list(table.columns)[:4] == ["text", "mood", "mood_", "sure"]
    assert table["mood_"].tolist()[0] == "good"
    assert pandas.isna(table["sure"].tolist()[1])


@dataclass
class Crash:
    error: str
    model: str
    error_: str
    digits: InitVar[int] = 2


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_fields_of_a_schema_keep_their_names_when_the_table_has_such_a_column(library):
    table = results(["x"], answer(0, parsed=Crash("E17", "T-800", "none")), schema=Crash).table(library)
    names = ["item", "error", "model", "error_", "error__", "finish_reason", "model_"]
    assert list(table.columns)[:7] == names
    assert list(table["error"]) == ["E17"]
    assert list(table["model_"]) == ["a/b"]


@pytest.mark.parametrize(("parsed", "schema"), [({"a": 1}, dict[str, int]), (Label("x", 1.0), Label)])
def test_polars_items_become_a_polars_table(parsed, schema):
    items = polars.DataFrame({"t": ["x", "y"]})
    table = results(items, answer(0, parsed=parsed), failure(1), schema=schema).table("polars")
    assert isinstance(table, polars.DataFrame)
    assert table.columns[0] == "t"
    assert table["error"].to_list() == [None, "ServiceUnavailable: gone"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
def test_the_table_can_be_of_the_other_library(frame, library):
    table = results(frame({"t": ["x", "y"]}), answer(0), failure(1)).table(library)
    assert type(table).__module__.startswith(library)
    assert list(table["t"]) == ["x", "y"]
    assert next(iter(table["answer"])) == "yes"


def test_answers_without_fields_stay_one_column():
    table = results(["x"], answer(0, parsed=["a", "b"]), schema=list[str]).table()
    assert table["answer"].tolist() == [["a", "b"]]


class Named(NamedTuple):
    mood: str
    sure: float


class Keyed(TypedDict):
    mood: str
    sure: NotRequired[float]


class Model(pydantic.BaseModel):
    mood: str
    sure: float = pydantic.Field(0.5, alias="certainty")


BY_HAND = {"type": "object", "properties": {"mood": {"type": "string"}, "sure": {"type": "number"}}}


@pytest.mark.parametrize(
    "schema", [Label, Label | None, Named, Keyed, Model, Model | None, Annotated[Label, "why"], BY_HAND]
)
@pytest.mark.parametrize(
    "outcomes",
    [[], [answer(0, "null")], [failure(0)], [answer(0, parsed={"mood": "good"}), answer(1, "null")]],
)
def test_the_columns_of_a_table_depend_on_the_schema_only(schema, outcomes):
    table = results(["x", "y"][: len(outcomes)], *outcomes, schema=schema).table()
    expected = [
        "item",
        "mood",
        "sure",
        "error",
        "finish_reason",
        "model",
        "tokens_in",
        "tokens_out",
        "seconds",
    ]
    assert list(table.columns) == expected
    if outcomes:
        assert pandas.isna(table["sure"].tolist()[-1])


@pytest.mark.parametrize(
    "schema", [int | None, dict[str, int], list[Label], str, Label | int, {"type": "object"}]
)
def test_a_null_answer_is_none_in_the_one_column(schema):
    table = results(["x"], answer(0, "null"), schema=schema).table()
    assert table["answer"].tolist() == [None]


def test_a_value_without_fields_that_replaces_an_error_is_in_every_column():
    rows = [answer(0, parsed=Label("good", 0.9)), failure(1)]
    table = results(["x", "y"], *rows, schema=Label, replaced=lambda error, item: "?").table()
    assert table["mood"].tolist() == ["good", "?"]
    assert table["sure"].tolist() == [0.9, "?"]


def test_the_repr_of_an_interrupted_batch_counts_all_items():
    assert repr(results(["a", "b", "c"], answer(0, finish_reason="stop"))).startswith(
        "<Results: 1 of 3 answered"
    )
