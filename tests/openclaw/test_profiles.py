"""Stored logins are read one by one, and changed without touching the others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.openclaw.json5.edit import edit
from openclaw_ipython.openclaw.json5.parse import parse
from openclaw_ipython.openclaw.profiles import StoredProfile, profile_edits, read_profiles, removal_edits
from openclaw_ipython.sanitize.secrets import Secret

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


OAUTH = {"type": "oauth", "provider": "p", "access": "AA", "refresh": "RR", "expires": 5}


def one(record):
    return read_profiles({"version": 1, "profiles": {"p:x": record}})


def test_a_login_is_read_with_its_secrets_hidden():
    profile = one({**OAUTH, "email": "me@example.com", "resourceUrl": "u"}).profiles["p:x"]
    assert profile.access == Secret("AA")
    assert profile.refresh == Secret("RR")
    assert (profile.expires, profile.email, profile.extra) == (5, "me@example.com", {"resourceUrl": "u"})
    assert "AA" not in repr(profile)
    assert "RR" not in repr(profile)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"type": "api_key", "provider": "p", "key": "K"}, "K"),
        ({"mode": "api_key", "provider": "p", "apiKey": "K"}, "K"),
        ({"type": "api_key", "provider": "p", "apiKey": "old", "key": "K"}, "K"),
        ({"type": "token", "provider": "p", "token": "T", "expires": 7.0}, "T"),
        ({"type": "api_key", "provider": "p", "keyRef": {"source": "env", "id": "NAME"}}, "from-env"),
        ({"type": "token", "provider": "p", "tokenRef": {"source": "file", "id": "NAME"}}, None),
        (OAUTH, "AA"),
    ],
)
def test_each_type_of_login_has_its_secret(record, expected):
    secret = one(record).profiles["p:x"].secret({"NAME": "from-env"})
    assert secret == (Secret(expected) if expected else None)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "soon"},
        {"expires": None},
        {"expires": float("inf")},
        {"expires": float("nan")},
        {"expires": True},
        {"expires": -1},
        {"expires": 10**30},
        {"access": 5},
        {"access": ["x"]},
        {"refresh": {}},
        {"provider": None},
        {"provider": ""},
        {"email": 5},
        {"type": "certificate"},
        {"type": None},
        {"type": ["oauth"]},
        {"access": "", "refresh": ""},
        {"type": "api_key"},
    ],
)
def test_a_profile_with_wrong_types_is_a_problem_and_the_others_count(change):
    document = {"profiles": {"bad": {**OAUTH, **change}, "good": OAUTH, "worse": 5}}
    seen = read_profiles(document)
    assert list(seen.profiles) == ["good"]
    assert len(seen.problems) == 2
    assert "AA" not in str(seen.problems)


@given(JUNK | st.fixed_dictionaries({"profiles": JUNK, "order": JUNK, "usageStats": JUNK}))
def test_reading_a_credentials_file_never_fails(document):
    read_profiles(document)


FOREIGN = """\
// mine
{ version: 1,
  "profiles": {
    "other:x": {"type":"api_key",  "provider":"other", "key": "KEEP", weird: [1,2,] }, // keep
    "p:x": { "type": "oauth", "provider": "p", "access": "AA", "refresh": "RR", "expires": 5,
             "resourceUrl": "u" }
  },
  "order": { "p": ["p:x"] }, "mystery": null,
  "lastGood": { "p": "p:x", "other": "other:x" }, "usageStats": { "p:x": { "errorCount": 1 } }
}
"""


def stored(text, profile):
    return edit(text, profile_edits(parse(text).value, profile.id, profile))


def test_a_stored_profile_leaves_every_other_byte_alone():
    profile = read_profiles(parse(FOREIGN).value).profiles["p:x"]
    fresh = StoredProfile("p:x", "oauth", "p", Secret("A2"), Secret("R2"), expires=9, extra=profile.extra)
    after = stored(FOREIGN, fresh)
    expected = FOREIGN.replace('"AA"', '"A2"').replace('"RR"', '"R2"').replace('"expires": 5', '"expires": 9')
    assert after == expected


def test_a_new_type_of_login_removes_the_old_secrets():
    after = stored(FOREIGN, StoredProfile("p:x", "api_key", "p", key=Secret("K")))
    assert parse(after).value["profiles"]["p:x"] == {
        "type": "api_key",
        "provider": "p",
        "resourceUrl": "u",
        "key": "K",
    }


def test_the_first_profile_creates_the_document_as_openclaw_does():
    profile = StoredProfile("p:x", "oauth", "p", Secret("AA"), Secret("RR"), expires=5)
    assert json.loads(stored("{}", profile)) == {"version": 1, "profiles": {"p:x": OAUTH}}


def test_removing_a_profile_removes_its_statistics_and_keeps_the_order():
    expected = parse(FOREIGN).value
    after = edit(FOREIGN, removal_edits(expected, "p:x"))
    del expected["profiles"]["p:x"], expected["lastGood"]["p"], expected["usageStats"]["p:x"]
    assert parse(after).value == expected
    assert removal_edits(parse(FOREIGN).value, "nobody") == []
