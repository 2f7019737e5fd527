"""Parsing a typed line: what is accepted, and the errors for mistakes."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import UsageError
from openclaw_ipython.shell.parser import (
    Option,
    Positional,
    Spec,
    amount,
    count,
    identifier,
    json_as_typed,
    number,
    parse,
    parse_prompt,
    quotes_kept,
    words,
)

SPEC = Spec(
    "%%qwen",
    (
        Option(("-m", "--model"), "", "REF"),
        Option(("-s", "--system"), "", "TEXT"),
        Option(("-t", "--temperature"), "", "X", number(0, 2)),
        Option(("--max-tokens",), "", "N", count),
        Option(("-o", "--out"), "", "NAME", identifier),
        Option(("--budget",), "", "AMOUNT", amount),
        Option(("--no-stream",), ""),
    ),
    (Positional("ref", required=False),),
)
LINE = Spec("%qwen", SPEC.options)


def given_values(line):
    return {k: v for k, v in parse(words(line), SPEC).items() if v not in (None, False)}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", {}),
        ("qwen", {"ref": "qwen"}),
        ("-m qwen", {"model": "qwen"}),
        ("-m=qwen", {"model": "qwen"}),
        ("--model=a/b -t 0.5", {"model": "a/b", "temperature": 0.5}),
        ("qwen -s 'be brief' --no-stream", {"ref": "qwen", "system": "be brief", "no_stream": True}),
        ('-s "say \\"x\\""', {"system": 'say "x"'}),
        ("--max-tokens 5 -o answer", {"max_tokens": 5, "out": "answer"}),
        ("-s ''", {"system": ""}),
        ("--system=a=b", {"system": "a=b"}),
        ("--budget 0.1 USD qwen", {"budget": "0.1USD", "ref": "qwen"}),
        ("--budget '0.1 USD' qwen", {"budget": "0.1 USD", "ref": "qwen"}),
        ("--budget 20k qwen", {"budget": "20k", "ref": "qwen"}),
    ],
)
def test_what_is_typed_becomes_values(line, values):
    assert given_values(line) == values


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--modle x", "did you mean --model?"),
        ("--temprature 1", "did you mean --temperature?"),
        ("-t hot", "must be a number"),
        ("-t 3", "between 0 and 2"),
        ("-t nan", "between 0 and 2"),
        ("--max-tokens 0", "at least 1"),
        ("--max-tokens 1.5", "must be a number"),
        ("-o 2x", "the name of a variable"),
        ("-m", "-m needs REF"),
        ("--no-stream=1", "takes no value"),
        ("a b", "takes no further argument"),
        ("'open", "a quote is not closed"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_wrong(line, message):
    with pytest.raises(UsageError) as caught:
        given_values(line)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_a_missing_word_is_named():
    with pytest.raises(UsageError, match="needs MODEL"):
        parse([], Spec("%openclaw models set", (), (Positional("model"),)))


SET = Spec("%openclaw order set", (Option(("--provider",), "", "ID"),), (Positional("names", rest=True),))


def test_all_that_follows_goes_to_the_last_place():
    values = parse(words("a --provider p b"), SET)
    assert values == {"names": ("a", "b"), "provider": "p"}
    with pytest.raises(UsageError, match="needs NAMES"):
        parse(words("--provider p"), SET)


def test_a_word_that_may_be_a_secret_is_not_repeated():
    with pytest.raises(UsageError) as caught:
        parse(["sk-0123"], Spec("%openclaw add", leftover="never type a key"))
    assert str(caught.value) == "never type a key"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain", "plain"),
        ('a."b.c".d', 'a."b.c".d'),
        ("a['b.c']", "a['b.c']"),
        ("'a[\"b.c\"]'", 'a["b.c"]'),
        ('"a.b"', "a.b"),
        ('"a"."b"', '"a"."b"'),
        ("a\\ b", "a b"),
    ],
)
def test_quotes_inside_a_word_can_be_kept(line, expected):
    (word,) = words(line)
    assert quotes_kept(word) == expected
    assert type(quotes_kept(word)) is str


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r"C:\Users\me\ws", r"C:\Users\me\ws"),
        ('"two words"', "two words"),
        ('{"primary":"a/b"}', '{"primary":"a/b"}'),
        ('["a","b"]', '["a","b"]'),
        ("'{a: 1}'", "{a: 1}"),
        ("true", "true"),
    ],
)
def test_a_value_of_a_setting_is_as_typed(line, expected):
    (word,) = words(line)
    assert json_as_typed(word) == expected


def test_values_are_plain_text():
    values = parse(words("x -m y"), SPEC)
    assert {type(values["ref"]), type(values["model"])} == {str}


@given(st.text(max_size=60).filter(lambda text: "\\" not in text))
def test_a_line_is_split_as_a_shell_does(line):
    try:
        expected = shlex.split(line)
    except ValueError:
        with pytest.raises(UsageError):
            words(line)
    else:
        assert list(map(str, words(line))) == expected


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("what's this?", "what's this?"),
        ('-m qwen say "hi" {x}', 'say "hi" {x}'),
        ("-s 'be brief' don't", "don't"),
        ("--no-stream   two  spaces", "two  spaces"),
        ("-- -5 + 3", "-5 + 3"),
        ("-t 0.1 -- --really", "--really"),
        ("", ""),
        ("-m=qwen", ""),
    ],
)
def test_the_prompt_of_a_line_stays_as_typed(line, prompt):
    assert parse_prompt(line, LINE)[1] == prompt


@given(
    st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=60).filter(
        lambda t: not t.strip().startswith("-")
    )
)
def test_a_line_without_options_is_its_own_prompt(text):
    assert parse_prompt(text, LINE)[1] == text.strip()


@given(st.text(max_size=80))
def test_any_line_gives_values_or_a_usage_error(text):
    for attempt in (lambda: parse(words(text), SPEC), lambda: parse_prompt(text, LINE)):
        try:
            attempt()
        except UsageError:
            pass
