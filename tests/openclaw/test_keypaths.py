"""Paths of settings, as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import UsageError
from openclaw_ipython.openclaw.keypaths import (
    MISSING,
    keys_of,
    parse_path,
    path_text,
    paths_in,
    value_at,
)

DOCUMENT = {
    "models": {"providers": {"a.b": {"baseUrl": "x"}, "qwen-portal": {"models": [{"id": "m"}]}}},
    "agents": {"defaults": {"models": {"p/qwen3.7-plus": {"alias": "q"}}, "list": [{"id": "main"}]}},
}


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("models", ("models",)),
        ("models.providers.qwen-portal", ("models", "providers", "qwen-portal")),
        ('models.providers."a.b".baseUrl', ("models", "providers", "a.b", "baseUrl")),
        ("models.providers.'a.b'.baseUrl", ("models", "providers", "a.b", "baseUrl")),
        ('models.providers["a.b"].baseUrl', ("models", "providers", "a.b", "baseUrl")),
        ("models.providers[a.b].baseUrl", ("models", "providers", "a.b", "baseUrl")),
        ("agents.defaults.list[0].id", ("agents", "defaults", "list", "0", "id")),
        ("agents.defaults.list.0.id", ("agents", "defaults", "list", "0", "id")),
        ('x."say \\"hi\\"".y', ("x", 'say "hi"', "y")),
        # a key with dots needs no quotes where the document has it
        ("models.providers.a.b.baseUrl", ("models", "providers", "a.b", "baseUrl")),
        (
            "agents.defaults.models.p/qwen3.7-plus.alias",
            ("agents", "defaults", "models", "p/qwen3.7-plus", "alias"),
        ),
        # what is not there is taken as typed
        ("models.providers.new.baseUrl", ("models", "providers", "new", "baseUrl")),
    ],
)
def test_a_path_means_these_keys(typed, keys):
    assert keys_of(DOCUMENT, parse_path(typed)) == keys


@pytest.mark.parametrize(
    "typed", ["", ".", "a.", ".a", "a..b", 'a."b', "a[b", "a]b", 'a"b"c', "a[]", "a" + ".a" * 40]
)
def test_what_is_no_path_is_refused(typed):
    with pytest.raises(UsageError, match="not the path"):
        parse_path(typed)


def test_two_readings_of_a_path_go_to_the_one_that_exists():
    document = {"a": {"b": {"here": 1}}, "a.b": {"there": 2}}
    assert keys_of(document, parse_path("a.b.here")) == ("a", "b", "here")
    assert keys_of(document, parse_path("a.b.there")) == ("a.b", "there")
    assert keys_of(document, parse_path("a.b")) == ("a", "b")
    assert keys_of(document, parse_path('"a.b"')) == ("a.b",)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("models", "providers", "a.b", "baseUrl"), "x"),
        (("agents", "defaults", "list", "0", "id"), "main"),
        (("agents", "defaults", "list", "1"), MISSING),
        (("agents", "defaults", "list", "00"), MISSING),
        (("models", "providers", "a.b", "baseUrl", "x"), MISSING),
        (("nothing",), MISSING),
    ],
)
def test_a_value_is_found_by_its_keys(keys, value):
    assert value_at(DOCUMENT, keys) is value or value_at(DOCUMENT, keys) == value


def test_every_path_of_a_document_is_listed_up_to_a_limit():
    assert paths_in(DOCUMENT)[:5] == [
        "models",
        "models.providers",
        'models.providers."a.b"',
        'models.providers."a.b".baseUrl',
        "models.providers.qwen-portal",
    ]
    assert len(paths_in({str(n): n for n in range(50)}, limit=7)) == 7


KEYS = st.text(max_size=6)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=12,
)


def members(value, keys=()):
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield (*keys, key)
        yield from members(inner, (*keys, key))


@given(DOCUMENTS)
def test_the_text_of_a_path_leads_back_to_its_keys(document):
    for keys in members(document):
        assert keys_of(document, parse_path(path_text(keys))) == keys


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_a_usage_error(text):
    try:
        assert keys_of({}, parse_path(text))
    except UsageError:
        pass
