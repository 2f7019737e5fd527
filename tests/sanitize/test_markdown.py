"""What a well-meant answer looks like after it was written anew."""

from __future__ import annotations

import re
import time

import pytest
from frontends import Page, commonmark, jupyterlab, notebook, typeset
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from openclaw_ipython.sanitize.markdown import code_blocks, safe_blocks, safe_markdown

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
        ("a & b < c > d -> e, R&D, AT&T", "a & b &lt; c > d -> e, R&D, AT&T"),
        ("&amp;lt; &amp;copy", "&amp;lt; &amp;copy"),
        ("36.7 degrees\n\n36\\. is\n\n2 * 3", "36.7 degrees\n\n36\\. is\n\n2 * 3"),
        ("costs $5", r"costs \$5"),
        ("costs $5 and $10", r"costs <span>\$</span>5 and <span>\$</span>10"),
        ("costs $5, or $x$", r"costs <span>\$</span>5, or $x$"),
        ("costs $5 in `$HOME`", r"costs \$5 in `$HOME`"),
        (r"C:\Users\bob", r"C:\\Users\\bob"),
        (r"x \begin y", "x <span>&#92;</span>begin y"),
        ("see [1], x[0], [a, b]\\(c) and [2]", "see [1], x[0], &#91;a, b&#93;(c) and [2]"),
        ("\\*a\\* \\_b\\_ \\~c", r"\*a\* \_b\_ \~c"),
        ("- [ ] to do\n- [x] done", "- &#91; &#93; to do\n- &#91;x&#93; done"),
        ("**Note:** *a.* ~~b!~~ c", "**Note:** *a.* ~~b!~~ c"),
        ("***both*** **a *b***", "_**both**_ __a *b*__"),
        (
            r"`my_var`, `*args`, `a < b`, `a && b`, `df[0]`, `$HOME`, `C:\temp`",
            r"`my_var`, `*args`, `a < b`, `a && b`, `df[0]`, `$HOME`, `C:\temp`",
        ),
        (
            "`<b>` `$$` ``a`b`` `\\(`",
            "<code>&lt;b&gt;</code> <code>&#36;&#36;</code> <code>a&#96;b</code> <code>&#92;(</code>",
        ),
        ("`a`{=latex} `b`{.c}", r"`a`\{=latex} `b`\{.c}"),
        ("## About {sets}", r"## About \{sets}"),
        ("%%qwen is a magic", r"\%%qwen is a magic"),
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


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("```Python title=x\nx\n```", "```python\nx\n```"),
        ("~~~c++\nx\n~~~", "```c++\nx\n```"),
        ("    x\n    y", "```\nx\ny\n```"),
        ("````md\n```\nx\n```\n````", "````md\n```\nx\n```\n````"),
        ("```\n<b> $a$ \\( & `x`\n```", "```\n<b> $a$ \\( & `x`\n```"),
        ("```mermaid\ngraph TD\n```", "```\ngraph TD\n```"),
        ("```math\nx\n```", "```\nx\n```"),
        ('```"><b>\nx\n```', "```\nx\n```"),
        ("```{=html}\nx\n```", "```\nx\n```"),
        ("```python\nunfinished", "```python\nunfinished\n```"),
        ("1. a\n   ```sh\n   b\n\n   c\n   ```\n2. d", "1. a\n   ```sh\n   b\n\n   c\n   ```\n2. d"),
        ("> ```py\n> x\n>\n> y\n> ```", "> ```py\n> x\n>\n> y\n> ```"),
    ],
)
def test_code_stays_a_fence_with_the_language_that_it_names(text, markdown):
    assert safe_markdown(text) == markdown


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        (
            "1. a\n   ```sh\n   $x $y\n   ```\n   b\n2. c",
            "1. a\n\n```sh\n$x $y\n```\n\nb\n\n2. c",
        ),
        (
            "- a\n  - b\n    ```\n    \\begin{x}\n    ```\n  - c\n- d",
            "- a\n\n  - b\n\n```\n\\begin{x}\n```\n\n- c\n\n- d",
        ),
        ("> a\n>\n> ```\n> $x$\n> ```\n> b", "> a\n>\n\n```\n$x$\n```\n\n>\n> b"),
    ],
)
def test_code_that_jupyterlab_would_take_apart_stands_at_the_margin(text, markdown):
    """In an indented fence it takes what is between two dollars for a formula."""
    assert safe_markdown(text) == markdown


def test_a_short_text_cannot_grow_into_a_huge_table():
    text = "|a" * 100 + "\n" + "|-" * 100 + "\n" + "|b\n" * 500
    assert len(safe_markdown(text)) < 5 * len(text)


def test_a_very_long_text_in_one_piece_is_shown_plain():
    assert safe_markdown("*a* " * 200_000).startswith("<pre")


# -- code blocks, as they are taken out of an answer ------------------------------------------------

FUNCTION = "def f():\n    return 1\n\nf()\n"


def fenced(indent: int, code: str = FUNCTION) -> str:
    lines = f"```python\n{code}```".split("\n")
    return "\n".join(" " * indent + line if line else "" for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        fenced(0),
        fenced(3),
        fenced(4),
        fenced(9),
        f"1. Run\n{fenced(3)}\n2. Done",
        f"1. Run\n\n{fenced(4)}\n\n2. Done",
        f"1. Run\n{fenced(8)}",
        f"- a\n  - b\n    - c\n\n{fenced(6)}\n",
        f"- a\n  - b\n{fenced(4)}\n  - c",
        f"* **Step:**\n{fenced(12)}",
        f"9. a\n10. b\n{fenced(4)}",
        f"9. a\n10. b\n\n{fenced(3)}",
        f"- {fenced(2).lstrip()}",
        "> " + fenced(0).replace("\n", "\n> "),
        "> 1. a\n> " + fenced(3).replace("\n", "\n> "),
        f"Run this:\n{fenced(0)}",
        f"Run this:\n{fenced(4)}",
        f"~~~python\n{FUNCTION}~~~",
        "```python\n" + "".join(f"    {line}\n" if line else "\n" for line in FUNCTION.splitlines()) + "```",
        f"```python\n{FUNCTION}",
    ],
)
def test_code_is_found_wherever_it_stands_dedented_and_shown_as_code(text):
    assert code_blocks(text) == [("python", FUNCTION)]
    shown = Page.of(commonmark(safe_markdown(text)))
    assert shown.tags.count("pre") == 1
    assert "```" not in shown.text


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("a\n\n    indented\n", [("", "indented\n")]),
        ("- a\n\n      x = 1\n", [("", "x = 1\n")]),
        ("`inline` and ``two``", []),
        ("> " * 500 + "x", []),
        ("1. ```sh\n   a\n   ```\n2. ```json\n   {}\n   ```", [("sh", "a\n"), ("json", "{}\n")]),
        ("```\na\n  ```\nb", [("", "a\n")]),
    ],
)
def test_what_is_code_and_what_is_not(text, blocks):
    assert code_blocks(text) == blocks


@given(st.text(alphabet="`~ \n>-1.ab{}$", max_size=60))
def test_any_text_has_code_blocks_or_none(text):
    for language, code in code_blocks(text):
        assert language == language.lower() and isinstance(code, str)


def test_code_in_a_long_list_is_found_in_linear_time():
    text = "".join(f"- item {i}\n" for i in range(20_000))
    started = time.process_time()
    code_blocks(text)
    assert time.process_time() - started < 15, "quadratic work takes minutes"
