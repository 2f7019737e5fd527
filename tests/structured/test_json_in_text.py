"""JSON found where models put it."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.structured.json_in_text import candidates

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CONTAINER = JSON.filter(lambda value: isinstance(value, (dict, list)))


def first(text: str):
    return json.loads(next(candidates(text)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('\n  {"a": 1}\n', {"a": 1}),
        ("7", 7),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here you are:\n\n```JSON\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('~~~\n{"a": 1}\n~~~', {"a": 1}),
        ('```python\nx = 1\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('The result {as asked} is {"a": {"b": [1, 2]}} – fine.', {"a": {"b": [1, 2]}}),
        ('Not [1] but {"a": "longer"}', {"a": "longer"}),
        ("- one\n- [1, 2]", [1, 2]),
        ('{"a": 1', None),
        ("no JSON at all", None),
        ("", None),
    ],
)
def test_json_is_found_in_fences_and_prose(text, value):
    found = [json.loads(piece) for piece in candidates(text)]
    assert (found[0] if found else None) == value


def test_all_pieces_are_offered_each_once():
    text = '{"a": 1} and {"a": 1} and {"bb": 22}'
    assert list(candidates(text)) == ['{"bb": 22}', '{"a": 1}']


def test_a_text_of_nothing_but_braces_is_given_up_quickly():
    assert list(candidates("{" * 100_000)) == []
    assert list(candidates("[" * 100_000)) == []


@pytest.mark.parametrize(
    "text",
    [
        "`" * 200_000,
        "~" * 200_000,
        "".join(f"{'`' * (3 + n % 500)} a\n" for n in range(3_000)),
        "```" + " " * 200_000 + "x`",
    ],
    ids=["backticks", "tildes", "fences", "spaces"],
)
def test_a_text_of_nothing_but_fences_is_given_up_quickly(text):
    started = time.perf_counter()
    assert list(candidates(text)) == []
    assert time.perf_counter() - started < 2


@given(CONTAINER, st.sampled_from(["{}", "Sure! {} Done.", "```json\n{}\n```", "text\n\n```\n{}\n```\n"]))
def test_what_was_written_as_json_is_read_back(value, frame):
    assert first(frame.replace("{}", json.dumps(value))) == value


@given(st.text(alphabet='{}[]",:0123456789ab`\n ~', max_size=80))
def test_any_text_gives_only_json(text):
    for piece in candidates(text):
        json.loads(piece)
