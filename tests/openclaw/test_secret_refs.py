"""References to secrets: what is looked up, what is read, what is refused, and that nothing leaks on the way."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.openclaw.config_view import ConfigView
from openclaw_ipython.openclaw.secret_refs import MAX_BYTES, SecretRefs, variable_of

VALUE = "made-up-secret-0001"


def resolve(reference, folder, environ=None, **settings):
    config = {"secrets": {"providers": {"here": {"source": "file"} | settings}}} if settings else {}
    return SecretRefs(ConfigView(config), environ or {}, folder).resolve(reference)


def in_file(folder, content, pointer="value", mode=0o600, **settings):
    path = folder / "secrets.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    settings = {"path": str(path), "mode": "singleValue" if pointer == "value" else "json"} | settings
    return resolve({"source": "file", "provider": "here", "id": pointer}, folder, **settings)


def test_a_variable_is_looked_up(tmp_path):
    reference = {"source": "env", "provider": "default", "id": "MINE"}
    assert resolve(reference, tmp_path, {"MINE": f" {VALUE}\n"}).reveal() == VALUE
    with pytest.raises(ConfigError, match="MINE, which is not set"):
        resolve(reference, tmp_path)


def test_a_variable_outside_the_allowlist_is_not_looked_up(tmp_path):
    config = {"secrets": {"providers": {"default": {"source": "env", "allowlist": ["OTHER"]}}}}
    refs = SecretRefs(ConfigView(config), {"MINE": VALUE, "OTHER": VALUE}, tmp_path)
    with pytest.raises(ConfigError, match="allowlist"):
        refs.resolve({"source": "env", "id": "MINE"})
    assert refs.resolve({"source": "env", "id": "OTHER"}).reveal() == VALUE


def test_a_whole_file_is_a_secret_without_its_line_end(tmp_path):
    assert in_file(tmp_path, VALUE + "\r\n").reveal() == VALUE
    assert in_file(tmp_path, b"\xef\xbb\xbf" + VALUE.encode()).reveal() == VALUE


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/a/b", "one"),
        ("/a~1b", "two"),
        ("/m~0n", "three"),
        ("/list/1", "four"),
        ("/a", None),
        ("/list/01", None),
        ("/list/-", None),
        ("/list/7", None),
        ("/nothing", None),
        ("/number", None),
        ("/empty", None),
        ("a/b", None),
        ("/", None),
    ],
)
def test_a_json_pointer_leads_to_a_secret(tmp_path, pointer, found):
    document = {
        "a": {"b": "one"},
        "a/b": "two",
        "m~n": "three",
        "list": ["x", "four"],
        "number": 5,
        "empty": " ",
    }
    if found is None:
        with pytest.raises(ConfigError, match="holds no secret at"):
            in_file(tmp_path, json.dumps(document), pointer)
    else:
        assert in_file(tmp_path, json.dumps(document), pointer).reveal() == found


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_is_open_to_others_is_refused_unless_the_provider_allows_it(tmp_path, mode):
    with pytest.raises(ConfigError, match="open to others") as caught:
        in_file(tmp_path, VALUE, mode=mode)
    assert caught.value.hint.startswith("chmod 600 ")
    assert in_file(tmp_path, VALUE, mode=mode, allowInsecurePath=True).reveal() == VALUE


@pytest.mark.parametrize(
    ("content", "pointer", "why"),
    [
        (f"{{{VALUE}", "/a", "not JSON"),
        ("[" * 100_000, "/a", "not JSON"),
        (b"\xff\xfe", "value", "not UTF-8"),
        ("", "value", "holds no secret"),
        ("x" * (MAX_BYTES + 1), "value", "too large"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_a_sentence(tmp_path, content, pointer, why):
    with pytest.raises(ConfigError, match=why) as caught:
        in_file(tmp_path, content, pointer)
    assert VALUE not in str(caught.value)
    assert caught.value.__context__ is None or VALUE not in repr(caught.value.__context__)


def test_the_limit_of_a_file_can_be_lowered(tmp_path):
    with pytest.raises(ConfigError, match="too large"):
        in_file(tmp_path, VALUE, maxBytes=3)


@pytest.mark.parametrize(
    ("reference", "settings", "why"),
    [
        ({"source": "file", "provider": "here", "id": "value"}, {"path": "relative.txt"}, "not absolute"),
        ({"source": "file", "provider": "here", "id": "value"}, {"path": "~/missing"}, "cannot be read"),
        (
            {"source": "file", "provider": "here", "id": "value"},
            {"path": "~"},
            "cannot be read|not an ordinary",
        ),
        ({"source": "file", "provider": "other", "id": "value"}, {"path": "~/x"}, "does not name"),
        ({"source": "file", "provider": "here", "id": "value"}, {"source": "env"}, "does not name"),
        ({"source": "exec", "provider": "here", "id": "k"}, {}, "not run here"),
        ({"source": "magic", "id": "k"}, {}, "unknown kind"),
        ({"source": "env"}, {}, "names no id"),
        ({"source": "env", "id": 5}, {}, "names no id"),
        ({}, {}, "names no id"),
    ],
)
def test_the_error_names_the_reason(tmp_path, reference, settings, why):
    with pytest.raises(ConfigError, match=why):
        resolve(reference, tmp_path, **settings)


def test_the_default_provider_of_a_kind_is_the_configured_one(tmp_path):
    path = tmp_path / "k"
    path.write_text(VALUE, "utf-8")
    path.chmod(0o600)
    entry = {"source": "file", "path": "~/k", "mode": "singleValue"}
    config = {"secrets": {"providers": {"main": entry}, "defaults": {"file": "main"}}}
    refs = SecretRefs(ConfigView(config), {}, tmp_path)
    assert refs.resolve({"source": "file", "id": "value"}).reveal() == VALUE


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("$A_B", "A_B"),
        ("${A_B}", "A_B"),
        (" ${A} ", "A"),
        ("A", None),
        ("x${A}", None),
        ("$a", None),
        ("$", None),
    ],
)
def test_a_text_that_is_one_variable_is_known(text, name):
    assert variable_of(text) == name


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
KEYS = st.sampled_from(["source", "provider", "id", "x"])


@given(
    st.dictionaries(KEYS, junk | st.sampled_from(["env", "file", "exec", "here"])),
    st.dictionaries(st.sampled_from(["source", "path", "mode", "maxBytes", "allowlist"]), junk),
)
def test_any_reference_is_resolved_or_explained(tmp_path_factory, reference, settings):
    try:
        assert resolve(reference, tmp_path_factory.getbasetemp(), {"A": "b"}, **settings).reveal()
    except ConfigError as error:
        assert str(error)
