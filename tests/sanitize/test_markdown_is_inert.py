"""No text whatsoever becomes anything that acts, in any of the front ends."""

from __future__ import annotations

import re
import time

import pytest
from frontends import FRONT_ENDS, Page, commonmark, jupyterlab, typeset
from hostile import HOSTILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openclaw_ipython.sanitize.markdown import safe_markdown
from openclaw_ipython.sanitize.markdown_grammar import safe_formula
from openclaw_ipython.sanitize.text import visible

_LOAD_OR_LINK = re.compile(
    r"\\(href|url|class|cssId|style|data|mmlToken|bbox|html\w+|require|unicode|def|let|newcommand)\b"
)

FRAGMENTS = st.sampled_from(
    [
        "<script>", "</script>", "<img src=x onerror=alert(1)>", "<!--", "-->",
        "<a href='javascript:x'>", "</pre>",
        "</code>", "<![CDATA[", "[", "]", "(", ")", "](", "![", "][", "]:", "!", "[x](javascript:a)",
        "[x](http://a/b)",
        "![x](http://a/b)", "\n[x]: http://a/b\n", "javascript:", "http://", "https://a.b/c?d=e&f=g",
        "www.a.b", "a@b.c",
        "`", "``", "```", "\n```\n", "\n```python\n", "~~~", "~~", "*", "**", "***", "_", "__", "$",
        "$$", "\\$", "\\(",
        "\\)", "\\[", "\\]", "\\\\", "\\\\(", "\\\\)", "\\begin{align}", "\\end{align}", "\\begin{x}",
        "\\end{x}",
        "\\href{javascript:x}{y}", "\\def\\x{y}", "{", "}", "\\{", "\\}", "&", "&lt;", "&#60;", "&#36;",
        "&#92;", "&#10;",
        "&colon;", "&", "#", "\n# ", "\n> ", "\n- ", "\n  - ", "\n1. ", "\n10) ", "\n    ", "\n\t",
        "\n---\n", "\n===\n",
        "\n| a | b |\n|---|:-:|\n", "|", "\n", "\n\n", " ", "  \n", "\\\n", "a", "b c", "1", "-", "+",
        ":", "=", "@@0@@",
        "\x00", "\x1b[31m", "\u202e", "\ud800", "\u2028", "\x0b", "\x0c", "\r", "\r\n", "重", "，", "é",
        '"', "'",
    ]
)  # fmt: skip
MIXTURES = st.lists(FRAGMENTS, max_size=30).map("".join)
MANY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_inert(text: str) -> None:
    markdown = safe_markdown(text)
    markdown.encode()
    for front_end in FRONT_ENDS:
        html = front_end(markdown)
        page = Page.of(html)
        assert page.faults == [], (front_end.__name__, markdown, html)
        for formula in typeset(page):
            assert _LOAD_OR_LINK.search(formula) is None, (front_end.__name__, markdown, html)


@pytest.mark.parametrize("text", [text for _, text in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_a_hostile_text_becomes_nothing_that_acts(text: str) -> None:
    assert_inert(text)


@MANY
@given(st.text())
def test_any_text_is_inert(text: str) -> None:
    assert_inert(text)


@MANY
@given(MIXTURES)
def test_any_mixture_of_nasty_pieces_is_inert(text: str) -> None:
    assert_inert(text)


@MANY
@given(MIXTURES, MIXTURES)
def test_what_stands_in_a_list_and_a_quote_is_inert(first: str, second: str) -> None:
    quoted = "\n".join(f"> {line}" for line in second.split("\n"))
    assert_inert("1. " + first.replace("\n", "\n   ") + "\n\n" + quoted)


@MANY
@given(MIXTURES)
def test_every_formula_left_is_one_that_was_allowed(text: str) -> None:
    """Nothing else in the page looks like math to a typesetter, however it is put together."""
    for formula in typeset(Page.of(jupyterlab(safe_markdown(text)))):
        assert safe_formula(formula) is not None, safe_markdown(text)


@MANY
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])).filter(lambda text: visible(text) == text))
def test_plain_words_all_stay(text: str) -> None:
    """Letters and digits of the text are all seen by the reader, in their order."""
    words = re.findall(r"[^\W_]+", re.sub(r"[^\w\s]", " ", text))
    seen = Page.of(commonmark(safe_markdown("x" + " ".join(words)))).text
    assert re.findall(r"[^\W_]+", seen) == re.findall(r"[^\W_]+", "x" + " ".join(words))


@MANY
@given(MIXTURES)
def test_no_hidden_character_gets_through(text: str) -> None:
    assert visible(safe_markdown(text)) == safe_markdown(text)


PATHOLOGICAL = {
    "stars": "*" * 20_000,
    "quotes": ">" * 5_000,
    "brackets": "[" * 100_000,
    "images": "![" * 50_000,
    "math": "\\(" * 50_000,
    "display": "$$\n" * 30_000,
    "lists": "- " * 5_000,
    "links": "[a](" * 25_000,
    "emphasis": "*a **b " * 10_000,
    "table": "|a" * 150 + "\n" + "|-" * 150 + "\n" + "|b\n" * 5_000,
}


@pytest.mark.parametrize("text", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_pathological_text_is_shown_in_bounded_time(text: str) -> None:
    started = time.process_time()
    assert safe_markdown(text)
    assert time.process_time() - started < 15, "quadratic work takes minutes here, linear work a second"


def test_text_nested_beyond_reason_is_shown_whole_as_plain_text() -> None:
    text = "> " * 500 + "the end"
    markdown = safe_markdown(text)
    assert markdown.startswith("<pre")
    assert Page.of(commonmark(markdown)).text.strip() == text
