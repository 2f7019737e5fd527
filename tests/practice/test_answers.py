"""The answers of the portal: computed, deterministic, and marked as not from a model."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.types import Reply
from openclaw_ipython.practice.answers import CsvTable, find_table, statistics_markdown
from openclaw_ipython.practice.samples import find_schema, sample_value
from openclaw_ipython.shell.render.formats import find_format
from openclaw_ipython.shell.render.formats.html import format_html
from openclaw_ipython.shell.render.formats.json import format_json
from openclaw_ipython.shell.render.formats.math import format_math

DISCLAIMER = "*I am the practice portal, not a model.*"
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "number"}, "note": {"type": "string"}},
            "required": ["a", "b", "note"],
        },
    },
}


@pytest.mark.parametrize("prompt", ["hello", "", "write python code", "a,b\n1,2\n3,4"])
def test_every_answer_says_that_it_does_not_come_from_a_model(ask, prompt):
    answer = ask.chat(prompt)
    assert answer.content.startswith(DISCLAIMER)
    assert ask.chat(prompt).content == answer.content


def test_the_answer_describes_the_request(ask, png):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": png}},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png?secret=1"}},
    ]
    messages = [
        {"role": "system", "content": "be brief"},
        "first question",
        {"role": "assistant", "content": "a"},
    ]
    content = ask.chat(
        *messages, {"role": "user", "content": parts}, model="vision-model", temperature=0.2
    ).content
    assert "4 messages for the model `vision-model`" in content
    assert "13 characters, 3 words" in content
    assert "image 1: PNG, 640 × 480 pixels, 29 bytes" in content
    assert "image 2: by address at example.org, not fetched" in content
    assert "before that you asked `first question`" in content
    assert "temperature 0.2" in content
    assert "secret" not in content


def test_a_table_is_summarised(ask):
    content = ask.chat("Look:\n```csv\ncity,size\nBonn,2\nBonn,3\nUlm,7\n```\nThanks").content
    assert "| size | 3 | 4 | 2 | 7 |  |" in content
    assert "| city | 3 | | | | Bonn (2), Ulm (1) |" in content


def test_prose_with_commas_is_not_a_table(ask):
    assert (
        "Your table"
        not in ask.chat("Well, I think so.\nYes, indeed, it is.\nNo, never.\nSure, why not.").content
    )


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,2\n3,4", ("a", "b")),
        ("before\n,a\n0,x\n1,y\nafter", ("", "a")),
        ('"last, first",n\n"x, y",1\n"u, v",2', ("last, first", "n")),
        ("~~~\na,b\n1,2\n~~~", ("a", "b")),
    ],
)
def test_tables_are_found(text, columns):
    table = find_table(text)
    assert table is not None
    assert table.columns == columns


@pytest.mark.parametrize(
    "text",
    ["", "a: int, x\nb: int, y\nc: str, z", "a,b\n1,2", "1,2\n3,4\n5,6", "a,a\n1,2\n3,4", "a,b\n1,2,3\n4,5"],
)
def test_other_texts_are_not_tables(text):
    assert find_table(text) is None


@given(
    st.lists(
        st.tuples(
            st.text(alphabet="abcxyz, \"'", min_size=1, max_size=6).filter(str.strip), st.integers(-999, 999)
        ),
        min_size=2,
        max_size=6,
    )
)
def test_output_of_the_csv_module_is_read_back(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("name", "value"), *rows])
    assert find_table(out.getvalue()) == CsvTable(
        ("name", "value"), tuple((name.strip(), str(value)) for name, value in rows)
    )


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_statistics_are_those_of_the_column(numbers):
    table = CsvTable(("x",), tuple((repr(number),) for number in numbers))
    cells = statistics_markdown(table).splitlines()[2].split(" | ")
    assert cells[1] == str(len(numbers))
    assert float(cells[3]) == pytest.approx(min(numbers), rel=1e-5)
    assert float(cells[4]) == pytest.approx(max(numbers), rel=1e-5)


@given(st.text())
def test_any_text_is_searched_for_a_table_without_failing(text):
    table = find_table(text)
    if table is not None:
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert len(statistics_markdown(table).splitlines()) == len(table.columns) + 2


@pytest.mark.parametrize(
    "prompt", ["Write python code about 'quotes' and \\ `ticks`", 'code for:\na,b\n1,"x, y"\n3,4']
)
def test_requested_code_runs(ask, prompt):
    blocks = re.findall(r"```python\n(.*?)\n```", ask.chat(prompt).content, re.S)
    run = subprocess.run([sys.executable, "-c", blocks[-1]], capture_output=True, text=True, check=False)
    assert (run.returncode, bool(run.stdout)) == (0, True)


def test_code_to_be_fixed_is_returned_unchanged(ask):
    content = ask.chat("Fix this:\n```python\n1 / 0\n```").content
    assert "cannot repair code; this is the cell as it came\n1 / 0\n```" in content


def test_a_prompt_cannot_end_the_fence_that_quotes_it(ask):
    content = ask.chat("````\n# heading").content
    assert "`````text\n````\n# heading\n`````" in content


def test_thinking_comes_first(ask):
    answer = ask.chat("hello there", stream=True, enable_thinking=True)
    kinds = ["thought" if delta.get("reasoning_content") else "said" for delta in answer.deltas[1:]]
    assert kinds == sorted(kinds, reverse=True)
    assert "2 words" in answer.reasoning
    assert ask.chat("hello there", stream=True, enable_thinking=False).reasoning == ""


def test_max_tokens_truncates_the_answer(ask):
    for name in ("max_tokens", "max_completion_tokens"):
        answer = ask.chat("hello", **{name: 3}).json()
        assert answer["choices"][0]["message"]["content"] == DISCLAIMER[:12]
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 3


def test_a_named_function_is_called_with_values_of_the_prompt(ask):
    answer = ask.chat('call add with 2 and 3.5, "please"', tools=[ADD]).json()
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "add"
    assert json.loads(call["function"]["arguments"]) == {"a": 2, "b": 3.5, "note": "please"}
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("prompt", "choice", "called"),
    [
        ("what is 2 and 3", "auto", False),
        ("the address is 5", "auto", False),
        ("add 5", "none", False),
        ("anything", "required", True),
        ("anything", {"type": "function", "function": {"name": "add"}}, True),
    ],
)
def test_functions_are_called_when_named_or_required(ask, prompt, choice, called):
    message = ask.chat(prompt, tools=[ADD], tool_choice=choice).json()["choices"][0]["message"]
    assert ("tool_calls" in message) is called


def test_results_of_functions_are_quoted(ask):
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    content = ask.chat(
        "add 2 and 3",
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
        tools=[ADD],
    ).content
    assert content.startswith(DISCLAIMER)
    assert "`add` returned:\n\n```text\n5\n```" in content


def test_results_of_functions_fill_the_schema(ask):
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    schema = {"type": "object", "properties": {"total": {"type": "integer"}}}
    content = ask.chat(
        "add 2 and 3",
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
        tools=[ADD],
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    ).content
    assert json.loads(content) == {"total": 5}


def test_several_calls_can_be_scripted_at_once(ask, portal):
    portal.calls("add", {"a": 1}, ("add", '{"a"'), finish="length")
    choice = ask.chat("go", tools=[ADD]).json()["choices"][0]
    calls = [(call["id"], call["function"]["arguments"]) for call in choice["message"]["tool_calls"]]
    assert calls == [("call_1", '{"a": 1}'), ("call_2", '{"a"')]
    assert choice["finish_reason"] == "length"


def test_json_mode_is_answered_with_json(ask):
    value = json.loads(ask.chat("as json please", response_format={"type": "json_object"}).content)
    assert "not a model" in value["note"]


@pytest.mark.parametrize("name", ["json", "html", "math"])
def test_single_values_have_the_form_that_the_magic_displays(ask, name):
    system = {"role": "system", "content": find_format(name).system_prompt(None)}
    content = ask.chat(system, "a <b>page</b>").content
    assert "not a model" in content
    shown = {"json": format_json, "html": format_html, "math": format_math}[name](
        Reply(content, finish_reason="stop")
    )
    assert shown.bundle is not None
    assert "<b>page" not in shown.bundle["text/plain"]


SCHEMA = {
    "$defs": {"Mood": {"enum": ["good", "bad"]}},
    "type": "object",
    "properties": {
        "mood": {"$ref": "#/$defs/Mood"},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 2},
        "extra": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "fixed": {"const": 7},
        "optional": {"type": "string", "default": "x"},
    },
    "required": ["mood", "score"],
}


@pytest.mark.parametrize("spoken", [False, True])
def test_a_schema_is_filled_from_response_format_or_from_the_prompt(ask, spoken):
    if spoken:
        content = ask.chat(f"a bad day, 9\n{json.dumps(SCHEMA)}").content
    else:
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
        content = ask.chat("a bad day, 9", response_format=wanted).content
    value = json.loads(content)
    assert value["mood"] in ("good", "bad")
    assert 1 <= value["score"] <= 5
    assert len(value["tags"]) == 2
    assert all(len(tag) <= 8 for tag in value["tags"])
    assert value["fixed"] == 7
    assert "optional" not in value


def test_the_option_a_prompt_mentions_is_chosen():
    assert sample_value(SCHEMA, "a bad day, 3")["mood"] == "bad"
    assert sample_value(SCHEMA, "a bad day, 3")["score"] == 3


def test_a_recursive_schema_terminates():
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    assert json.dumps(sample_value(tree, "")).count("child") < 20


@given(
    st.recursive(
        st.none() | st.integers() | st.sampled_from(["string", "object", "array", "integer", "#", "#/x"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "properties", "items", "enum", "$ref", "anyOf", "minimum", "a"]),
                inner,
            )
        ),
        max_leaves=10,
    ),
    st.text(),
)
def test_any_schema_gives_some_json(schema, prompt):
    if isinstance(schema, dict):
        json.dumps(sample_value(schema, prompt))
    assert find_schema(prompt) is None or isinstance(find_schema(prompt), dict)
