"""The type for secrets, and the redaction of text that others wrote."""

import copy
import json
import logging
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from openclaw_ipython.sanitize.secrets import Secret, mask, redact

VALUE = "sk-never-to-be-seen-0123456789"


@pytest.mark.parametrize(
    "shown",
    [
        repr, str, format, ascii, lambda s: f"{s!r} {s!s} {s:>40}", lambda s: repr([s, {s: s}]),
        lambda s: logging.makeLogRecord({"msg": "%s %r", "args": (s, s)}).getMessage(),
        lambda s: str(DisplayFormatter().format(s)), lambda s: " ".join(dir(s)), lambda s: str(ValueError(s)),
        lambda s: json.dumps(s, default=str), lambda s: repr(copy.copy(s)) + repr(copy.deepcopy([s])),
    ],
)  # fmt: skip
def test_a_secret_cannot_be_seen(shown):
    text = shown(Secret(VALUE))
    for at in range(len(VALUE) - 5):
        assert VALUE[at : at + 6] not in text


@pytest.mark.parametrize(
    "taken", [pickle.dumps, json.dumps, vars, iter, len, lambda s: s + "", lambda s: "" + s]
)
def test_a_secret_cannot_be_taken_along(taken):
    with pytest.raises(TypeError):
        taken(Secret(VALUE))


def test_a_secret_is_itself_in_a_copy_and_equal_by_value():
    assert copy.deepcopy(Secret(VALUE)) == Secret(VALUE)
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2
    assert not Secret("")
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Authorization: Bearer abc.def-123456", "Authorization: … …"),
        ("not Bearer abc.def-123456", "not Bearer …"),
        ("basic dXNlcjpwYXNzd29yZA==", "basic …"),
        ('{"access_token": "abcdefgh", "n": 1}', '{"access_token": "…", "n": 1}'),
        ("refresh_token=abcdefgh&x=1", "refresh_token=…&x=1"),
        ("api_key: abcdefgh", "api_key: …"),
        ("the key sk-0123456789abcdef is wrong", "the key … is wrong"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", "…!"),
        ("jwt-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "jwt-…"),
        ("https://me:password@host.invalid/x", "https://…@host.invalid/x"),
        ("coap+tcp://me:password@host.invalid", "coap+tcp://…@host.invalid"),
        ("nothing secret here: sk- Bearer eyJ http://a/b", "nothing secret here: sk- Bearer eyJ http://a/b"),
    ],
)
def test_what_has_the_shape_of_a_secret_is_taken_out(text, seen):
    assert redact(text) == seen


@given(st.text(min_size=4).filter(lambda s: not {"…", "\0"} & set(s)), st.text(), st.text())
def test_a_known_secret_is_taken_out_wherever_it_stands(value, before, after):
    assert value not in redact(before + value + after, Secret(value)).replace("…", "\0")


HOSTILE = [
    "a.", "a+", "a://", "eyJaaaaaaaa-", "eyJaaaaaaaa.", "eyJaaaaaaaa.aaaa.", "eyJ-", "bearer ", "bearer" + " " * 300,
    "password", '"password"', "password:" + " " * 300, "api_key:", "sk-", "bearer eyJ.", "http://" + "a" * 500,
    "\"'", " ", "a", "=", "x@",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("end", ["", ".abc", "@", ":"])
def test_hostile_text_is_read_in_linear_time(piece, end):
    text = (piece * (300_000 // len(piece)))[:300_000] + end
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 2, (
        "a tenth of a second; minutes, where each place is looked at from each other"
    )


def test_a_key_is_shown_to_its_owner_by_its_ends_only():
    assert mask(VALUE) == "sk-nev…789"
    assert mask("short-key") == "…"
