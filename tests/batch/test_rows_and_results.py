"""Items in, a table or a list out: of pandas, of polars, of neither."""

from dataclasses import InitVar, dataclass

import numpy
import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.batch.outcomes import Outcome, item_key, job_key, kept, outcome_of, recalled
from openclaw_ipython.batch.results import Results
from openclaw_ipython.batch.rows import items_of
from openclaw_ipython.chat.types import Message, Reply, Usage
from openclaw_ipython.errors import ServiceUnavailable, UsageError


@dataclass
class Label:
    mood: str
    sure: float


def results(given, *outcomes, replaced=None):
    items = items_of(given)
    rows = {row.position: row for row in items.rows()}
    found = Results(items, replaced)
    for outcome in outcomes:
        found.add(outcome, rows[outcome.position].item)
    return found


def answer(position, text="yes", **more):
    return Outcome(position, text, model="a/b", usage=Usage(10, 2), seconds=0.5, **more)


def failure(position):
    return Outcome(position, error=ServiceUnavailable("gone"))


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a", "b"], [{"item": "a"}, {"item": "b"}]),
        (pandas.Series(["a", "b"], index=[7, 9]), [{"item": "a"}, {"item": "b"}]),
        (polars.Series("t", ["a", "b"]), [{"item": "a"}, {"item": "b"}]),
        (
            pandas.DataFrame({"t": ["a"], "n": [1]}),
            [{"t": "a", "n": 1, "item": {"t": "a", "n": 1}}],
        ),
        (polars.DataFrame({"t": ["a"], "n": [1]}), [{"t": "a", "n": 1, "item": {"t": "a", "n": 1}}]),
        (pandas.DataFrame({"item": ["a"]}), [{"item": "a"}]),
        ([{"item": "a", "t": "b"}], [{"item": "a", "t": "b"}]),
        ([{"t": "a", 5: "x"}], [{"t": "a", "item": {"t": "a", 5: "x"}}]),
        ((c for c in "ab"), [{"item": "a"}, {"item": "b"}]),
    ],
)
def test_rows_have_the_names_a_prompt_may_use(given, names):
    assert [dict(row.names) for row in items_of(given).rows()] == names


@pytest.mark.parametrize("given", ["text", b"bytes", {"a": 1}, 5, None, numpy.array(5)])
def test_what_is_not_many_items_is_a_mistake(given):
    with pytest.raises(UsageError, match="many items"):
        items_of(given)


def test_two_columns_of_one_name_are_a_mistake():
    with pytest.raises(UsageError, match="two columns are called 1"):
        items_of(pandas.DataFrame([[1, 2]], columns=[1, "1"]))


def test_rows_are_pulled_one_by_one():
    pulled = []
    rows = items_of(pulled.append(i) or i for i in range(100)).rows()
    next(rows)
    assert len(pulled) == 1


def test_results_are_in_the_order_of_the_items_whatever_came_first():
    found = results(["a", "b", "c"], answer(2, "C"), answer(0, "A"), failure(1))
    assert [str(r) for r in found] == ["A", "gone", "C"]
    assert isinstance(found[0], Reply)
    assert isinstance(found[1], ServiceUnavailable)
    assert found[-1].usage == Usage(10, 2)
    assert [str(r) for r in found[1:]] == ["gone", "C"]
    assert list(found.errors) == [1]
    assert (found.tally.done, found.tally.errors, found.tally.input_tokens) == (3, 1, 20)


def test_what_was_not_asked_yet_is_none():
    found = results(["a", "b", "c"], answer(2))
    assert found[0] is None
    assert found.table()["error"].tolist()[0] == "not asked"


def test_a_function_says_what_stands_in_the_place_of_a_failure():
    found = results(["a", "b"], answer(0), failure(1), replaced=lambda error, item: f"{item}?")
    assert found[1] == "b?"
    assert found.table()["answer"].tolist() == ["yes", "b?"]


def test_that_function_is_called_once_for_an_error():
    called = []
    found = results(["x"], failure(0), replaced=lambda error, item: called.append(item))
    assert [found[0], *found, found.table()["answer"][0]] == [None, None, None]
    assert called == ["x"]


def test_the_table_of_a_series_keeps_its_index_and_name():
    series = pandas.Series(["x", "y"], index=["p", "q"], name="text")
    table = results(series, answer(0), failure(1)).table()
    assert table.index.tolist() == ["p", "q"]
    assert list(table.columns) == ["text", "answer", "error", "model", "tokens_in", "tokens_out", "seconds"]
    assert table.loc["p", "answer"] == "yes"
    assert table.loc["q", "error"] == "ServiceUnavailable: gone"


def test_what_it_cost_has_a_column_where_a_price_is_known():
    priced = Outcome(0, "yes", usage=Usage(10, 2, cost=0.25))
    found = results(["a", "b"], priced, answer(1))
    assert found.table()["cost"].tolist()[0] == 0.25
    assert found.tally.cost == 0.25


def test_the_fields_of_a_schema_become_columns_and_a_name_that_is_taken_gets_an_underscore():
    frame = pandas.DataFrame({"text": ["x", "y"], "mood": ["?", "?"]})
    table = results(frame, answer(0, parsed=Label("good", 0.9)), failure(1)).table()
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
def test_fields_of_a_schema_that_are_called_as_our_columns_stay(library):
    table = results(["x"], answer(0, parsed=Crash("E17", "T-800", "none"))).table(library)
    assert list(table.columns)[:6] == ["item", "error", "model", "error_", "error__", "model_"]
    assert list(table["error"]) == ["E17"]
    assert list(table["model_"]) == ["a/b"]


@pytest.mark.parametrize("parsed", [{"a": 1}, Label("x", 1.0)])
def test_polars_items_become_a_polars_table(parsed):
    table = results(polars.DataFrame({"t": ["x", "y"]}), answer(0, parsed=parsed), failure(1)).table("polars")
    assert isinstance(table, polars.DataFrame)
    assert table.columns[0] == "t"
    assert table["error"].to_list() == [None, "ServiceUnavailable: gone"]


def test_answers_without_fields_stay_one_column():
    table = results(["x"], answer(0, parsed=["a", "b"])).table()
    assert table["answer"].tolist() == [["a", "b"]]


@given(
    st.text(),
    st.text(),
    st.none() | st.tuples(*[st.none() | st.integers(0, 10**9)] * 4),
    st.floats(0, 1e6),
)
def test_a_reply_comes_back_from_the_journal_as_it_was(text, reasoning, counts, seconds):
    usage = Usage(*counts) if counts is not None else None
    reply = Reply(text, reasoning=reasoning, usage=usage, model="a/b", finish_reason="stop", seconds=seconds)
    back = recalled(kept(reply))
    assert back == reply
    assert outcome_of(0, back) == outcome_of(0, reply)


@pytest.mark.parametrize("value", [None, 5, {}, {"text": 1}, {"text": "x"}, [], "text"])
def test_what_is_no_kept_reply_is_not_recalled(value):
    assert recalled(value) is None


def test_a_batch_is_another_one_as_soon_as_anything_that_shapes_the_answers_differs():
    shape = {"prompt": "p", "model": "a/b", "temperature": None}
    assert job_key(shape) == job_key(dict(reversed(shape.items())))
    others = [{**shape, "prompt": "q"}, {**shape, "model": "a/c"}, {**shape, "temperature": 0.0}]
    assert len({job_key(s) for s in [shape, *others]}) == 4


def test_an_item_is_known_by_its_place_and_what_is_asked():
    one = item_key(0, [Message("user", "x")])
    assert one == item_key(0, [Message("user", "x")])
    assert len({one, item_key(1, [Message("user", "x")]), item_key(0, [Message("user", "y")])}) == 3
