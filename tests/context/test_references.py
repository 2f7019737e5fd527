"""`{name}` in a prompt: what is replaced, and what stays exactly as it was typed."""

import collections
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.context.allowance import Allowance
from openclaw_ipython.context.names import Names, find
from openclaw_ipython.context.references import expand

HELD = {
    "name": "Ada",
    "n": 3,
    "person": SimpleNamespace(city="Turin", tags=["x", "y"], nested={"k": {"deep": 7}}),
    "d": {"key": "value", "it's": 1, 'quo"te': 2, -1: "minus", "a]b": "bracket"},
    "rows": [10, 20, 30],
    "é": "accent",
    "json": json,
    "nothing": None,
}


def expanded(text, names=HELD, limit=100_000):
    return expand(text, Names(names), Allowance(limit))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("{name}", "Ada"),
        ("hello {name}, {name}!", "hello Ada, Ada!"),
        ("{n}{n}", "33"),
        ("{person.city}", "Turin"),
        ("{person.tags[1]}", "y"),
        ("{person.tags[-1]}", "y"),
        ("{person.nested['k']['deep']}", "7"),
        ('{d["key"]}', "value"),
        ("{d['key']}", "value"),
        ('{d["it\'s"]}', "1"),
        (r'{d["quo\"te"]}', "2"),
        ("{d[-1]}", "minus"),
        ('{d["a]b"]}', "bracket"),
        ("{rows[0]}", "10"),
        ("{é}", "accent"),
        ("{nothing}", "None"),
        ("$" + "{n}", "$3"),
        ("\\frac{n}{2}", "\\frac3{2}"),  # names win; --raw is for TeX
        ('{"value": {n}}', '{"value": 3}'),
    ],
)
def test_what_resolves_is_replaced(typed, said):
    assert expanded(typed).text == said


@pytest.mark.parametrize(
    "typed",
    [
        "{}", "{ name }", "{name }", "{{name}}", "{name!r}", "{name:>10}", "{name()}", "{name.upper()}", "{n+1}",
        "{rows[0:2]}", "{rows[n]}", "{rows[1.0]}", "{d[key]}", '{d["key" + "x"]}', "{unknown}", "{unknown.attribute}",
        "{print}", "{__import__}", "{json}", "{json.dumps}", "{name", "name}", "{na\nme}", "{.name}", "{name.}",
        "{name..x}", "{1}", "{In}", "{Out}", "{In[99]}", "{Out[7]}", "{_private}", '{"name": 1}', "{'n': n}",
        "{n, name}", "{*rows}", "{a: b}", "function () { return n; }", "{rows[-9999999999999999999999]}",
    ],
)  # fmt: skip
def test_every_other_brace_stays_as_typed(typed):
    assert expanded(typed).text == typed


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("{name.nope}", "AttributeError"),
        ('{d["nope"]}', "KeyError"),
        ("{rows[9]}", "IndexError"),
        ("{n[0]}", "TypeError"),
        ("{person.__class__}", "private"),
        ("{person._secret}", "private"),
        ("{name.upper}", "a method"),
    ],
)
def test_what_begins_with_a_known_name_and_leads_nowhere_stays_and_is_said(typed, why):
    found = expanded(f"see {typed} here")
    assert found.text == f"see {typed} here"
    assert found.left == ((typed, why),)
    assert found.inserted == ()


def test_an_attribute_that_raises_stays_and_is_said():
    class Odd:
        @property
        def value(self):
            raise RuntimeError("no")

        def __getattr__(self, name):
            raise ValueError(name)

        def __repr__(self):
            raise OSError("no")

    found = expanded("{odd.value} {odd.other}", {"odd": Odd()})
    assert found.text == "{odd.value} {odd.other}"
    assert [why for _, why in found.left] == ["RuntimeError", "ValueError"]
    assert expanded("{odd}", {"odd": Odd()}).text == "<Odd that cannot be shown: OSError>"


def test_a_defaultdict_gets_no_new_key():
    counts = collections.defaultdict(int, here=1)
    assert expanded('{c["here"]} {c["there"]}', {"c": counts}).text == '1 {c["there"]}'
    assert dict(counts) == {"here": 1}


def test_inserted_text_is_never_expanded_again():
    names = {"a": "{b}", "b": "{a}", "c": "{a} {{b}}"}
    assert expanded("{a}{b}{c}", names).text == "{b}{a}{a} {{b}}"


def test_cells_results_and_the_last_error_are_at_hand(notebook):
    found = expand("{In[1]}|{In[-2]}|{Out[2]['a'][1]}|{Out[2]}", notebook(), Allowance())
    assert found.text == "a = 1|a|20|{'a': [10, 20]}"
    error = expand("{Err}", notebook(), Allowance()).text
    assert "Cell [2], line 1" in error
    assert "1 / 0" in error
    assert error.endswith("ZeroDivisionError: division by zero")


def test_the_running_cell_is_no_reference(notebook):
    assert expand("{In[3]} {In[-1]} {In[0]}", notebook(), Allowance()).text == "{In[3]} {In[-1]} {In[0]}"


def test_a_variable_called_err_is_the_persons_own(notebook):
    assert expand("{Err}", notebook(Err="mine"), Allowance()).text == "mine"


def test_what_went_in_is_counted_once_for_each_name():
    found = expanded("{name} {name} {n}")
    assert [(i.name, i.characters, i.capped) for i in found.inserted] == [("name", 6, False), ("n", 1, False)]


def test_long_values_are_capped_and_the_cap_is_shown():
    found = expanded("{a} and {b}", {"a": "x" * 150, "b": "y" * 100}, limit=200)
    assert found.text == f"{'x' * 150} and {'y' * 50}\n… 50 more characters, left out"
    assert [i.capped for i in found.inserted] == [False, True]


WORDS = st.text(st.sampled_from("{}[]\"'.:, \n$\\abcxyz019_"), max_size=60)


@given(WORDS)
def test_a_text_that_names_nothing_is_unchanged(text):
    assert expanded(text, {"notnamedatall": 1}).text == text


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(LITERALS)
def test_json_and_python_literals_survive(value):
    names = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 1) | {"a1": 1}
    written = json.dumps(value)
    if not any(f"{{{name}}}" in written for name in names):
        assert expanded(written, names).text == written
    dictionary = repr({"outer": value})
    if not any(f"{{{name}}}" in dictionary for name in names):
        assert expanded(dictionary, names).text == dictionary


@given(st.text(max_size=80))
def test_nothing_typed_makes_it_fail(text):
    expanded(text, HELD)
    expanded(f"{{name{text}}}", HELD)


def test_what_is_in_a_module_is_found_only_where_modules_are_meant():
    assert expanded("{json.decoder} {json.dumps}").text == "{json.decoder} {json.dumps}"
    assert find("json.dumps", Names(HELD), modules=True) is json.dumps
    with pytest.raises(KeyError):
        find("json.dumps", Names(HELD))
    with pytest.raises(KeyError):
        find("holder.inner", Names({"holder": SimpleNamespace(inner=json)}))
