"""`{name}` in a prompt: what is replaced and what stays as typed."""

import collections
import json
import re
from datetime import date
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
    "when": date(2026, 3, 4),
    "x": 5,
    "a": 1,
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
        ("{n:05}", "00003"),
        ("{n:.2f} or {n:>4}", "3.00 or    3"),
        ("{name!r}", "'Ada'"),
        ("{name!r:>7}", "  'Ada'"),
        ("{d['key']!r} {rows[0]:x}", "'value' a"),
        ("{when:%Y-%m-%d}", "2026-03-04"),
        ('{"value": {n}}', '{"value": 3}'),
    ],
)
def test_a_reference_is_replaced_by_its_value(typed, expected):
    assert expanded(typed).text == expected


@pytest.mark.parametrize(
    "typed",
    [
        "{}", "{ name }", "{name }", "{{name}}", "{name!x}", "{n: 10}", "{n:99999}", "{name:}",
        "{name()}", "{name.upper()}", "{n+1}",
        "{rows[0:2]}", "{rows[n]}", "{rows[1.0]}", "{d[key]}", '{d["key" + "x"]}', "{unknown}", "{unknown.attribute}",
        "{print}", "{__import__}", "{json}", "{json.dumps}", "{name", "name}", "{na\nme}", "{.name}", "{name.}",
        "{name..x}", "{1}", "{In}", "{Out}", "{In[99]}", "{Out[7]}", "{_private}", '{"name": 1}', "{'n': n}",
        "{n, name}", "{*rows}", "{a: b}", "function () { return n; }", "{rows[-9999999999999999999999]}",
    ],
)  # fmt: skip
def test_other_braces_stay_as_typed(typed):
    assert expanded(typed).text == typed


CODE_AND_FORMULAS = [
    r"$\frac{x}{a}$",
    r"the $x_{a}$s",
    "$$\n\\sum_{x} {a}\n$$",
    r"\(x_{a}\)",
    "\\[\n\\frac{x}{a}\n\\]",
    "\\begin{align}\nx_{a} &= 1\n\\end{align}",
    r"\frac{x}{a} without dollars, \sqrt[n]{x}, \text{a}_{x}",
    "```python\nf'{x}'\n```",
    "~~~\nf'{x}' {a}\n~~~",
    "- a list\n\n  ```\n  f'{x}'\n  ```",
    "1. a list\n   ```\n   f'{x}'\n   ```",
    "> ```\n> f'{x}'\n> ```",
    "        ```\n        f'{x}'\n        ```",
    "```\nf'{x}'",
    "what does `f'{x}'` do, and ``a ` {x}``?",
    "echo ${x} $" + "{a}",
]


@pytest.mark.parametrize("typed", CODE_AND_FORMULAS)
def test_code_and_formulas_stay_as_typed_and_are_noted(typed):
    found = expanded(typed)
    assert found.text == typed
    assert found.broken
    assert {why for _, why in found.broken} == {"in code or a formula"}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("```\n{x}\n```", "```\n5\n```"),
        ("- ```\n    {x}\n  ```", "- ```\n    5\n  ```"),
        ("say `{x}` and `` {a} ``", "say `5` and `` 1 ``"),
        ("$$\n{x}\n$$", "$$\n5\n$$"),
        ("from $5 to $ {x} and {a}$", "from $5 to $ 5 and 1$"),
        ("costs $20,000 or {x} and $30,000", "costs $20,000 or 5 and $30,000"),
        ("for 5$ {x}, for 6$ {a}", "for 5$ 5, for 6$ 1"),
        (r"C:\Users\{name} and \\{x}", r"C:\Users\Ada and \\5"),
        ("    indented {x}\n        more {a}", "    indented 5\n        more 1"),
        ("```\ncode\n```\nthen {x}", "```\ncode\n```\nthen 5"),
        ("a ` b {x}", "a ` b 5"),
        (r"$\frac{x}{a}$ with x = {x}", r"$\frac{x}{a}$ with x = 5"),
        ("[{name}](https://example.org/{x}) `c`", "[Ada](https://example.org/5) `c`"),
        ("|a|`b`|\n|-|-|\n|{x}|`{x}`|", "|a|`b`|\n|-|-|\n|5|`5`|"),
    ],
)
def test_prose_beside_code_and_prices_is_replaced(typed, expected):
    assert expanded(typed).text == expected


@given(st.text(alphabet="`~$\\{}xa \n_-|>1.[]()", max_size=60))
def test_every_brace_is_replaced_or_stays_as_typed(typed):
    found = expanded(typed, {"x": "X", "a": "A"})
    assert re.sub(r"X", "{x}", re.sub(r"A", "{a}", found.text)) == typed


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("{rows.describe()}", "not a plain reference"),
        ("{ x }", "not a plain reference"),
        ("{x + 1}", "not a plain reference"),
        ("{x: 1}", "not a plain reference"),
        ("{rows:.2f}", "it cannot be formatted so"),
        ("{nmae}", "there is no nmae · did you mean name?"),
        ("{persn.city}", "there is no persn · did you mean person?"),
    ],
)
def test_braces_that_begin_with_a_name_or_nearly_name_one_are_noted(typed, why):
    assert expanded(f"see {typed}").broken == ((typed, why),)


@pytest.mark.parametrize("typed", ["{}", "{1}", "{'x': 1}", "{json}", "{unheard_of}", "{{x}}", "{_private}"])
def test_braces_that_have_nothing_to_do_with_a_name_are_not_noted(typed):
    assert expanded(typed).broken == ()


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
