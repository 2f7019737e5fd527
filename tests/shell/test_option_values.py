"""Values of options: names in a notebook, request fields and cell numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import UsageError
from openclaw_ipython.shell.parser import (
    Option,
    Positional,
    Spec,
    cells,
    field,
    names,
    parse,
    parse_prompt,
    quotes_kept,
    words,
)

OPTIONS = (
    Option(("-a", "--attach"), "", "SRC", quotes_kept, repeat=True),
    Option(("-p", "--param"), "", "KEY=VALUE", field, repeat=True),
    Option(("--cells",), "", "SPEC", cells),
)
CELL = Spec("%%qwen", OPTIONS, (Positional("ref", required=False),))
LINE = Spec("%qwen", OPTIONS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("-a x", ("x",)),
        ("-a x -a y --attach=z", ("x", "y", "z")),
        ('-a d["key"]', ('d["key"]',)),
        ("-a d['a key'][0]", ("d['a key'][0]",)),
        ("--attach=d['key']", ("d['key']",)),
        ("-a 'a file.txt'", ("a file.txt",)),
        ('-a "a file.txt"', ("a file.txt",)),
        ("-a Out[3]", ("Out[3]",)),
        ("-a https://example.org/a?b=c", ("https://example.org/a?b=c",)),
        ("", ()),
    ],
)
def test_what_names_something_keeps_its_own_quotes_on_the_line_and_in_the_cell(typed, meant):
    assert parse(words(typed), CELL)["attach"] == meant
    assert parse_prompt(f"{typed} and the rest", LINE)[0]["attach"] == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (r"data\a.png", r"data\a.png"),
        (r"C:\Users\me\x.txt", r"C:\Users\me\x.txt"),
        (r"c:\new\table.csv", r"c:\new\table.csv"),
        (r"..\data\new.csv", r"..\data\new.csv"),
        (r"\\server\share\a.txt", r"\\server\share\a.txt"),
        (r"'C:\a file.png'", r"C:\a file.png"),
        (r'"C:\a file.png"', r"C:\a file.png"),
        (r'"\\server\a share\"', "\\\\server\\a share\\"),
        (r"a\ file.png", "a file.png"),
        (r"/home/me/it\'s.txt", "/home/me/it's.txt"),
        ("~/données/é.csv", "~/données/é.csv"),
        ("d['a']", "d['a']"),
    ],
)
def test_paths_of_every_system_stay(typed, meant):
    for line in (f"-a {typed} -a other", f"--attach={typed} -a other"):
        if typed != "d['a']" or "=" not in line:
            assert parse(words(line), CELL)["attach"][0] == meant
        assert parse_prompt(f"{line} what is it?", LINE)[0]["attach"][0] == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("seed=3", ("seed", 3)),
        ("user=me", ("user", "me")),
        ("stop='[\"a\"]'", ("stop", ["a"])),
        ('stop=["END"]', ("stop", ["END"])),
        ('stop=["END","a\\n"]', ("stop", ["END", "a\n"])),
        ('response_format={"type":"json_object"}', ("response_format", {"type": "json_object"})),
        ('response_format=\'{"type": "json_object"}\'', ("response_format", {"type": "json_object"})),
        ('user="123"', ("user", "123")),
        ("user='me and you'", ("user", "me and you")),
        ('user="me and you"', ("user", "me and you")),
        ("big=NaN", ("big", "NaN")),
        (r"path=C:\new\x", ("path", r"C:\new\x")),
        ("flag=true", ("flag", True)),
        ("none=null", ("none", None)),
        ("text=a=b", ("text", "a=b")),
        ("empty=", ("empty", "")),
        ("'words=two words'", ("words", "two words")),
        ("""'response_format={"type": "json_object"}'""", ("response_format", {"type": "json_object"})),
    ],
)
def test_a_field_is_json_where_it_can_be_else_text(typed, meant):
    assert parse(words(f"-p {typed}"), CELL)["param"] == (meant,)


@pytest.mark.parametrize(
    "typed", ["stop=[END]", "stop=['END']", 'f={"type": "x"}', 'f={"a":1', "f=[1,]", "f='{a: 1}'"]
)
def test_a_field_that_begins_like_json_and_is_not_is_refused(typed):
    with pytest.raises(UsageError, match="must be valid JSON"):
        parse(words(f"-p {typed}"), CELL)


@pytest.mark.parametrize("typed", ["seed", "=3", "a-b=3", "model=x", "messages=[]", "stream=false"])
def test_a_field_that_cannot_be_set_is_refused(typed):
    with pytest.raises(UsageError, match="-p"):
        parse(words(f"-p {typed}"), CELL)


@pytest.mark.parametrize("typed", ["3", "2-5", "4-", "1,3-5", "-4", "all", "ALL"])
def test_a_spec_of_cells_may_begin_with_a_dash(typed):
    assert parse(words(f"--cells {typed} qwen"), CELL) | {"attach": ()} == {
        "attach": (), "param": (), "cells": typed.lower(), "ref": "qwen"
    }  # fmt: skip


@pytest.mark.parametrize("typed", ["x", "3--5", "-", "1;2", "--4", "2-5-7"])
def test_a_spec_of_no_cells_says_what_it_may_be(typed):
    with pytest.raises(UsageError, match="must be 3, 2-5, -4"):
        parse(words(f"--cells {typed}"), CELL)


@given(st.text(max_size=30))
def test_no_field_makes_it_fail_otherwise(text):
    try:
        name, _ = field(text)
    except ValueError:
        return
    assert name.isidentifier()


@pytest.mark.parametrize("typed", ["a,b", "a, b", "a ,b", "a , b", "'a, b'"])
def test_names_may_have_blanks_beside_the_commas(typed):
    spec = Spec("%qwen", (Option(("--tools",), "", "NAME,…", names),), (Positional("ref", required=False),))
    assert parse(words(f"--tools {typed} qwen"), spec) == {"tools": ("a", "b"), "ref": "qwen"}
    given, prompt = parse_prompt(f"--tools {typed} what is it?", Spec("%qwen", spec.options))
    assert (given["tools"], prompt) == (("a", "b"), "what is it?")
