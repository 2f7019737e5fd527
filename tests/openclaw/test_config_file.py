"""Configurations are joined as OpenClaw joins them, and corrected by an overlay without losing anything."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.config_file import (
    apply_merge_patch,
    keep_references,
    merge_patch,
    resolve_includes,
    takes_effect,
)
from openclaw_ipython.openclaw.json5.parse import REMOVE

MAIN = Path("/home/me/.openclaw/openclaw.json")


def resolved(value, files):
    return resolve_includes(value, MAIN, {MAIN.parent / name: item for name, item in files.items()}.get)


@pytest.mark.parametrize(
    ("value", "files", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"$include": "b"}, {"b": {"x": 1}}, {"x": 1}),
        ({"$include": "b", "x": 2}, {"b": {"x": 1, "y": 1}}, {"x": 2, "y": 1}),
        ({"$include": "b", "o": {"y": 2}}, {"b": {"o": {"x": 1, "y": 1}}}, {"o": {"x": 1, "y": 2}}),
        ({"$include": ["b", "c"]}, {"b": {"x": 1, "y": 1}, "c": {"x": 2}}, {"x": 2, "y": 1}),
        ({"$include": ["b", "c"]}, {"b": {"l": [1]}, "c": {"l": [2]}}, {"l": [1, 2]}),
        ({"deep": [{"$include": "b"}]}, {"b": {"x": 1}}, {"deep": [{"x": 1}]}),
        ({"k": {"$include": "sub/b"}}, {"sub/b": {"$include": "c"}, "sub/c": {"x": 1}}, {"k": {"x": 1}}),
        ({"k": {"$include": "b"}}, {"b": [1, 2]}, {"k": [1, 2]}),
        ({"a": {"$include": "b"}, "c": {"$include": "b"}}, {"b": {"x": 1}}, {"a": {"x": 1}, "c": {"x": 1}}),
    ],
)
def test_included_files_stand_under_their_includer(value, files, expected):
    assert resolved(value, files) == expected


@pytest.mark.parametrize(
    ("value", "files", "said"),
    [
        ({"$include": "b"}, {}, "does not exist"),
        ({"$include": 5}, {}, "names no file"),
        ({"$include": "a\0b"}, {}, "names no file"),
        ({"$include": "\ud800"}, {}, "names no file"),
        ({"$include": "b"}, {"b": {"$include": "openclaw.json"}}, "includes itself"),
        ({"$include": "b"}, {"b": {"$include": "c"}, "c": {"x": {"$include": "b"}}}, "includes itself"),
        ({"$include": "0"}, {str(n): {"$include": str(n + 1)} for n in range(20)}, "levels deep"),
    ],
)
def test_broken_includes_are_refused(value, files, said):
    with pytest.raises(DocumentError, match=said):
        resolved(value, files)


def test_ten_levels_of_includes_are_read():
    files = {str(n): {"$include": str(n + 1)} for n in range(9)} | {"9": {"x": 1}}
    assert resolved({"$include": "0"}, files) == {"x": 1}


# No null inside: an overlay cannot tell "null" from "not there", and neither does OpenClaw's configuration.
VALUES = st.recursive(
    st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_an_overlay_makes_any_configuration_read_as_any_other(base, wanted):
    assert apply_merge_patch(base, merge_patch(base, wanted)) == wanted


@given(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), st.sampled_from("abc"))
def test_an_overlay_can_take_something_away(base, key):
    tombstone = merge_patch(base.get(key), REMOVE)
    assert (tombstone is REMOVE) is (key not in base)
    if tombstone is None:
        assert apply_merge_patch(base, {key: None}) == {
            name: item for name, item in base.items() if name != key
        }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("${A}/v1", "one/v1", "${A}/v1"),
        ("${A}/v1", "two/v1", "two/v1"),
        ("one", "one", "one"),
        ("$${A}", "${A}", "$${A}"),
        ({"k": "${A}", "x": 1}, {"k": "one", "y": 2}, {"k": "${A}", "y": 2}),
        (["${A}", "b"], ["c", "one"], ["c", "${A}"]),
        ("${UNSET}", "${UNSET}", "${UNSET}"),
        (None, "one", "one"),
    ],
)
def test_a_reference_is_never_written_expanded(old, new, expected):
    assert keep_references(old, new, {"A": "one"}) == expected


@pytest.mark.parametrize(
    ("value", "result", "effect"),
    [
        (1, 1, True),
        (1, True, False),
        (REMOVE, None, True),
        (REMOVE, 1, False),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ([1], [0, 1], False),
        ({}, None, False),
    ],
)
def test_an_edit_that_has_no_effect_is_noticed(value, result, effect):
    assert takes_effect(value, result) is effect
