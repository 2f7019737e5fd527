"""What a well-meant answer looks like after it was written anew."""

from __future__ import annotations

import re

import pytest
from frontends import Page, commonmark, jupyterlab, notebook, typeset
from markdown_it import MarkdownIt

from openclaw_ipython.sanitize.markdown import safe_blocks, safe_markdown

BENIGN = [
    "# One\n\n## Two *em* `code`\n\nText.\n\nSetext\n===\n\n###### Six",
    "A paragraph\nover two lines,  \nwith a hard break.\\\nAnd another.",
    "*em* **strong** ***both*** ~~gone~~ **a *b* c** *a **b** c* a*b*c **“quoted”** **重要**：x",
    "- a\n- b\n  - c\n    - d\n- e",
    "1. a\n2. b\n   1. c\n   2. d\n\n      text\n3. e",
    "7. seven\n8. eight\n\n- other\n\n* third",
    "- a\n\n- loose\n\n  second paragraph\n\n- c",
    "> quote\n> more\n>\n> > nested\n> > - list\n>\n> end",
    "- > quote in a list\n- # heading in a list\n-\n- ***",
    "| a | b | c | d |\n|---|:--|:-:|--:|\n| 1 | **2** | `3` | [4](https://a.example) |\n| 5 |\n| x \\| y | | z |",
    "before\n\n---\n\nafter\n\n***",
    "[link](https://a.example/b?c=d&e=f) <https://b.example> [ref][r]\n\n[r]: https://c.example 'title'",
    "snake_case, __init__.py, 2 * 3 * 4, a_b_c, #hash, C#, 50%, a|b, [x], (y), {z}, a/b, ~5, -3, +4, 1) x, \"q\" & 'r'",
    "text\n- list right after\n- text\n\nand 1. not a list\n1986\\. A year\n\\# no heading\n\\- no item\n\\+ x\n\\> y",
    "    indented\n\n    code\n\ntext",
    "- item\n\n      code in it\n\n  text",
]


def structure(html: str) -> list[str]:
    """Tags and words, without what two renderings may differ in."""
    html = html.replace("<s>", "<del>").replace("</s>", "</del>")
    page = re.sub(r"<(/?)(span|code|a)\b[^>]*>", r"<\1\2>", html)
    page = re.sub(r"</?span>", "", page).replace("&#10;", "\n")
    tags_and_words = re.findall(r"</?[a-z0-9]+[^>]*>|[^<\s]+", page)
    return [re.sub(r"\s*/?>$", ">", part) for part in tags_and_words]


@pytest.mark.parametrize("text", BENIGN)
def test_a_benign_text_keeps_its_structure_and_its_words(text):
    plain = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    assert structure(commonmark(safe_markdown(text))) == structure(plain.render(text))


@pytest.mark.parametrize("text", BENIGN)
def test_writing_anew_twice_shows_the_same_words(text):
    once = Page.of(commonmark(safe_markdown(text))).text.split()
    assert Page.of(notebook(safe_markdown(text))).text.split() == once


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Plain prose, with punctuation: (this) \"that\" - and 'more'; 3.5% of snake_case!",) * 2,
        ("See https://a.example/b_c for more.",) * 2,
        ("**bold** and *em*",) * 2,
        ("a & b < c", "a &amp; b &lt; c"),
        ("costs $5 and $10", "costs <span>&#36;</span>5 and <span>&#36;</span>10"),
        (r"C:\Users\bob", "C:&#92;Users&#92;bob"),
        ("![a cat](https://a.example/cat.png)", "[image: a cat](https://a.example/cat.png)"),
        ("[click](javascript:alert(1))", "click (javascript:alert(1))"),
        ("[click](/etc/passwd)", "click (/etc/passwd)"),
        ("see http://u:p@a.example", "see http&#58;//u:p@a.example"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        ("---", "___"),
        ("", ""),
        (" \n\n ", ""),
    ],
)
def test_prose_stays_readable_in_the_saved_file(text, markdown):
    assert safe_markdown(text) == markdown


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("Let $x^2$ be.", ["x^2"]),
        (r"Let \(x<y\) be.", [r"x\lt y"]),
        ("$$a = b$$", ["a = b"]),
        ("\\[\na\n+ b\n- c\n\\]", ["a + b - c"]),
        ("text:\n$$\na\n$$\nmore", ["a"]),
        ("- item\n  $$\n  a\n  $$", ["a"]),
        ("> \\[ a \\]", ["a"]),
        (
            "\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}",
            [r"\begin{align} a &= b \\ c &= d \end{align}"],
        ),
        ("| $a$ | $b$ |\n|---|---|\n| $c_1$ | \\(d\\) |", ["a", "b", "c_1", "d"]),
        ("# The $n$-th\n\n设$x$为。", ["n", "x"]),
        ("$a$$b$", []),
        ("costs $5 and $10, or 7$ each", []),
        ("from $5-$10", []),
        ("$5 a month or 50$", []),
        ("echo $HOME and $PATH", []),
        ("US$ 5, HK$ 6", []),
        (r"\$a\$", []),
        ("`$a$` and\n\n```\n$b$\n```", []),
        (r"$\href{javascript:x}{y}$", []),
        ("$a{b$", []),
    ],
)
def test_math_is_what_people_mean_by_it(text, formulas):
    markdown = safe_markdown(text)
    assert [formula.strip() for formula in typeset(Page.of(jupyterlab(markdown)))] == formulas


@pytest.mark.parametrize("text", ["$$\n\\frac{a}{b}\n+ c", "\\[\na\n- b", "\\begin{align}\na &= b\n+ c"])
def test_a_formula_that_is_still_arriving_is_shown_as_code(text):
    assert Page.of(commonmark(safe_markdown(text))).tags == ["pre", "code"]


def test_an_unclosed_fence_is_code_to_the_end():
    page = Page.of(commonmark(safe_markdown("a\n\n```python\nx = [1](2)\n\n\n# y")))
    assert page.tags[:3] == ["p", "pre", "code"]
    assert "x = [1](2)\n\n\n# y" in page.text


@pytest.mark.parametrize("front_end", [commonmark, notebook, jupyterlab])
@pytest.mark.parametrize("container", ["{}", "- a\n\n{}", "1. a\n{}", "> a\n{}"])
def test_code_with_blank_lines_survives_in_containers(front_end, container):
    code = "```python\ndef f(x):\n\n    return x  # $5 and `y`\n\n\n\ty = '\\begin{align}'\n```"
    indent = {"-": "  ", "1": "   ", ">": "> "}.get(container[0], "")
    text = container.format("\n".join(indent + line for line in code.split("\n")))
    page = Page.of(front_end(safe_markdown(text)))
    assert page.faults == []
    assert page.tags.count("pre") == 1
    shown = page.text.replace("\t", "    ")
    assert "def f(x):\n\n    return x  # $5 and `y`\n\n\n    y = '\\begin{align}'" in shown


def test_blocks_say_where_they_start():
    blocks = safe_blocks("# a\n\n- b\n- c\n\n\ntext\n```\nx\n```\n")
    assert [(block.kind, block.line) for block in blocks] == [
        ("heading_open", 0),
        ("bullet_list_open", 2),
        ("paragraph_open", 6),
        ("fence", 7),
    ]


def test_code_that_still_grows_is_not_coloured_yet():
    text = "```python\nimport x\n```\n\n```python\nimport y"
    grown, growing = (block.markdown for block in safe_blocks(text, growing=True))
    assert "color" in grown
    assert "color" not in growing


def test_a_short_text_cannot_grow_into_a_huge_table():
    text = "|a" * 100 + "\n" + "|-" * 100 + "\n" + "|b\n" * 500
    assert len(safe_markdown(text)) < 5 * len(text)


def test_a_very_long_text_in_one_piece_is_shown_plain():
    assert safe_markdown("*a* " * 200_000).startswith("<pre")
