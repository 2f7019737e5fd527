"""`{name}` in a prompt: what is replaced and what stays as typed."""

import collections
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.context.blocks import TextBudget
from openclaw_ipython.context.names import Notebook, look_up
from openclaw_ipython.context.references import expand

VARIABLES = {
    "name": "Ada",
    "n": 3,
    "person": SimpleNamespace(city="Turin", tags=["x", "y"], nested={"k": {"deep": 7}}),
    "d": {"key": "value", "it's": 1, 'quo"te': 2, -1: "minus", "a]b": "bracket"},
    "rows": [10, 20, 30],
    "é": "accent",
    "json": json,
    "nothing": None,
}


def expanded(text, names=VARIABLES, limit=100_000):
    return expand(text, Notebook(names), TextBudget(limit))


@pytest.mark.parametrize(
    ("typed", "expected"),
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
def test_a_reference_is_replaced_by_its_value(typed, expected):
    assert expanded(typed).text == expected


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
def test_other_braces_stay_as_typed(typed):
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
def test_a_broken_reference_stays_as_typed_and_is_reported(typed, why):
    found = expanded(f"see {typed} here")
    assert found.text == f"see {typed} here"
    assert found.broken == ((typed, why),)
    assert found.insertions == ()


def test_a_reference_whose_attribute_raises_stays_and_is_reported():
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
    assert [why for _, why in found.broken] == ["RuntimeError", "ValueError"]
    assert expanded("{odd}", {"odd": Odd()}).text == "<Odd that cannot be shown: OSError>"


def test_a_defaultdict_gets_no_new_key():
    counts = collections.defaultdict(int, here=1)
    assert expanded('{c["here"]} {c["there"]}', {"c": counts}).text == '1 {c["there"]}'
    assert dict(counts) == {"here": 1}


def test_inserted_text_is_not_expanded():
    names = {"a": "{b}", "b": "{a}", "c": "{a} {{b}}"}
    assert expanded("{a}{b}{c}", names).text == "{b}{a}{a} {{b}}"


def test_inputs_results_and_the_last_error_can_be_referenced(notebook):
    found = expand("{In[1]}|{In[-2]}|{Out[2]['a'][1]}|{Out[2]}", notebook(), TextBudget())
    assert found.text == "a = 1|a|20|{'a': [10, 20]}"
    error = expand("{Err}", notebook(), TextBudget()).text
    assert "Cell [2], line 1" in error
    assert "1 / 0" in error
    assert error.endswith("ZeroDivisionError: division by zero")


def test_the_running_cell_cannot_be_referenced(notebook):
    assert expand("{In[3]} {In[-1]} {In[0]}", notebook(), TextBudget()).text == "{In[3]} {In[-1]} {In[0]}"


def test_a_variable_named_err_wins(notebook):
    assert expand("{Err}", notebook(Err="mine"), TextBudget()).text == "mine"


def test_insertions_are_counted_by_name():
    found = expanded("{name} {name} {n}")
    assert [(i.name, i.characters, i.truncated) for i in found.insertions] == [
        ("name", 6, False),
        ("n", 1, False),
    ]


def test_long_values_are_truncated_with_a_note():
    found = expanded("{a} and {b}", {"a": "x" * 150, "b": "y" * 100}, limit=200)
    assert found.text == f"{'x' * 150} and {'y' * 50}\n… 50 more characters, left out"
    assert [i.truncated for i in found.insertions] == [False, True]


WORDS = st.text(st.sampled_from("{}[]\"'.:, \n$\\abcxyz019_"), max_size=60)


@given(WORDS)
def test_text_without_references_is_unchanged(text):
    assert expanded(text, {"notnamedatall": 1}).text == text


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(LITERALS)
def test_json_and_python_literals_are_unchanged(value):
    names = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 1) | {"a1": 1}
    written = json.dumps(value)
    if not any(f"{{{name}}}" in written for name in names):
        assert expanded(written, names).text == written
    dictionary = repr({"outer": value})
    if not any(f"{{{name}}}" in dictionary for name in names):
        assert expanded(dictionary, names).text == dictionary


@given(st.text(max_size=80))
def test_any_text_is_accepted(text):
    expanded(text, VARIABLES)
    expanded(f"{{name{text}}}", VARIABLES)


def test_modules_are_found_only_when_asked_for():
    assert expanded("{json.decoder} {json.dumps}").text == "{json.decoder} {json.dumps}"
    assert look_up("json.dumps", Notebook(VARIABLES), modules=True) is json.dumps
    with pytest.raises(KeyError):
        look_up("json.dumps", Notebook(VARIABLES))
    with pytest.raises(KeyError):
        look_up("holder.inner", Notebook({"holder": SimpleNamespace(inner=json)}))
