"""Formats without a kernel: what each shows, and which cells and values it leaves."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from renderer_contract import RendererContract, Screen, Ticks, context, reply

from openclaw_ipython.chat.types import Notice, ReasoningDelta, TextDelta
from openclaw_ipython.codecheck.finding import CodeCheck, CodeFinding
from openclaw_ipython.errors import SchemaMismatch
from openclaw_ipython.sanitize.markdown import code_blocks
from openclaw_ipython.shell.render.buffered import BufferedMarkdownRenderer, BufferedPlainRenderer
from openclaw_ipython.shell.render.code_cells import CodeRenderer, NextCells, cells_in, flagged, warning
from openclaw_ipython.shell.render.formats import find_format
from openclaw_ipython.shell.render.formats.html import format_html
from openclaw_ipython.shell.render.formats.json import format_json
from openclaw_ipython.shell.render.formats.math import format_math
from openclaw_ipython.shell.render.renderers.markdown import MarkdownRenderer
from openclaw_ipython.shell.render.renderers.plain import PlainRenderer


class BufferedContract(RendererContract):
    """What holds for each buffered renderer."""

    def test_nothing_of_the_answer_is_shown_before_it_is_complete(self, renderer, screen):
        renderer.update([TextDelta(self.answer[:3]), TextDelta(self.answer[3:])])
        assert self.answer[:2] not in screen.text()
        renderer.finish(reply(self.answer))
        self.sees(screen, *self.words)

    def test_an_answer_that_was_cut_short_is_shown_as_it_came(self, renderer, screen):
        renderer.update([TextDelta(self.answer[:-1])])
        renderer.finish(reply(self.answer[:-1], finish_reason="length"))
        self.sees(screen, self.answer[:3], "cut at the token limit")

    def test_thinking_stands_above_the_form(self, renderer, screen, clock):
        renderer.update([ReasoningDelta("hm")])
        clock.now += 2
        renderer.update([TextDelta(self.answer)])
        renderer.finish(reply(self.answer, reasoning="hm"))
        self.sees(screen, "thinking", "2.0 s", *self.words, "3.2 s")


class TestJson(BufferedContract):
    answer = '{"a": [1, 2], "b": "x"}'
    words = ('"a": [', "1,", '"b": "x"')

    def make(self, screen, clock):
        return BufferedMarkdownRenderer(screen, clock, format_json)

    def test_it_is_laid_out_as_code_and_plain_without_a_fence(self, renderer, screen):
        renderer.finish(reply('Sure:\n```json\n{"a":1}\n```'))
        assert screen.outputs[0]["text/plain"] == '{\n  "a": 1\n}'
        assert screen.outputs[0]["text/markdown"] == '```json\n{\n  "a": 1\n}\n```'

    def test_a_table_stays_a_table(self, renderer, screen):
        renderer.finish(reply("| a |\n|---|\n| 1 |"))
        assert screen.markdown()[0].startswith("| a |")

    def test_no_json_is_shown_as_it_is_and_said(self, renderer, screen):
        renderer.finish(reply("Sorry, no."))
        self.sees(screen, "Sorry, no.", "no JSON in it")

    def test_while_it_is_written_that_is_said_once_a_second(self, renderer, screen, clock):
        renderer.update([TextDelta("[")])
        for _ in range(32):
            clock.now += 0.1
            renderer.update([TextDelta("1,")])
        assert screen.text() == "writing… 3 s"
        assert screen.messages == 4
        renderer.finish(reply("[1]"))
        assert "writing" not in screen.text()

    def test_a_pause_is_shown_while_writing_too(self, renderer, screen):
        renderer.update([TextDelta("["), Notice("rate limited", seconds=9)])
        assert screen.text() == "rate limited · 9 s"


class TestJsonInATerminal(BufferedContract):
    answer = TestJson.answer
    words = TestJson.words

    def make(self, screen, clock):
        return BufferedPlainRenderer(screen, clock, format_json)

    def test_it_is_laid_out(self, renderer, screen):
        renderer.update([TextDelta('{"a":1}')])
        renderer.finish(reply('{"a":1}'))
        assert screen.written == '{\n  "a": 1\n}\n(qwen-portal/coder-model · 3.2 s)\n'


class TestHtml(BufferedContract):
    answer = "<h1>Title</h1><p>words</p>"
    words = ("<h1>Title</h1>",)

    def make(self, screen, clock):
        return BufferedMarkdownRenderer(screen, clock, format_html)

    def test_it_is_in_a_frame_and_its_source_is_the_text(self, renderer, screen):
        renderer.finish(reply("Here:\n```html\n<b>hi</b>\n```\nthat is it"))
        assert 'sandbox=""' in screen.outputs[0]["text/html"]
        assert screen.outputs[0]["text/plain"] == "<b>hi</b>"

    def test_words_are_shown_as_words(self, renderer, screen):
        renderer.finish(reply("1 < 2 and 3 > 2"))
        self.sees(screen, "1 < 2 and 3 > 2", "no HTML in it")


class TestMath(BufferedContract):
    answer = r"\int_0^1 x\,dx = \frac12"
    words = (r"\int_0^1",)

    def make(self, screen, clock):
        return BufferedMarkdownRenderer(screen, clock, format_math)

    @pytest.mark.parametrize(
        "text",
        [
            r"a^2 + b",
            r"$a^2 + b$",
            r"$$a^2 + b$$",
            r"\[a^2 + b\]",
            r"\(a^2 + b\)",
            "```latex\na^2 + b\n```",
            "```\n$$\na^2 + b\n$$\n```",
        ],
    )
    def test_a_formula_with_or_without_delimiters_is_typeset(self, renderer, screen, text):
        renderer.finish(reply(text))
        assert "".join(screen.markdown()[0].split()) == "$$a^2+b$$"

    def test_words_with_formulas_are_markdown(self, renderer, screen):
        renderer.finish(reply("It is $a$ or $b$."))
        assert screen.markdown() == ["It is $a$ or $b$."]
        self.sees(screen, "It is", "not a single formula")

    def test_a_formula_that_could_act_is_code(self, renderer, screen):
        renderer.finish(reply(r"\href{javascript:alert(1)}{x}"))
        assert screen.markdown() == ["```\n$$\n\\href{javascript:alert(1)}{x}\n$$\n```"]


class TestCode(RendererContract):
    def make(self, screen, clock):
        self.put = []
        return CodeRenderer(MarkdownRenderer(screen, clock), context(screen, clock, self.put.append))

    def test_code_is_shown_and_put_below(self, renderer, screen):
        text = "Two cells:\n```python\nx = 1\n```\nand\n```py\nx\n```"
        renderer.update([TextDelta(text)])
        renderer.finish(reply(text))
        assert self.put == [["x = 1", "x"]]
        self.sees(screen, "x = 1", "2 cells of code")

    def test_what_does_not_fit_is_said_below(self, screen, clock):
        checked = []

        def check(cells):
            checked.append(cells)
            return CodeCheck((CodeFinding("name", 1, "<b>y</b>"),))

        renderer = CodeRenderer(MarkdownRenderer(screen, clock), context(screen, clock, check=check))
        renderer.start("m")
        renderer.finish(reply("```python\ny\n```"))
        assert checked == [["y"]]
        assert screen.outputs[-1]["text/plain"] == "✗ line 1: the name <b>y</b> does not exist"
        assert "<b>" not in screen.outputs[-1]["text/html"]

    @pytest.mark.parametrize("reason", ["interrupted", "length", "ended early"])
    def test_half_an_answer_is_put_nowhere(self, renderer, screen, reason):
        renderer.finish(reply("```python\nx = 1\n```", finish_reason=reason))
        assert self.put == []

    def test_what_acts_outside_python_is_said_last(self, renderer, screen):
        renderer.finish(reply("```python\n!rm -rf ~\nx = 1\n```"))
        assert screen.outputs[-1]["text/plain"].endswith("!rm -rf ~")
        assert "⚠" in screen.outputs[-1]["text/html"]

    def test_an_answer_without_code_says_so(self, renderer, screen):
        renderer.finish(reply("I cannot."))
        assert self.put == []
        self.sees(screen, "I cannot.", "no Python code in it")


class TestText(RendererContract):
    def make(self, screen, clock):
        return PlainRenderer(screen, clock)


# -- which cells -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("```python\na\n```", ["a"]),
        ("```python\n\na\nb\n\n```\n~~~ipython\nc\n~~~", ["a\nb", "c"]),
        ("```\na\n```", ["a"]),
        ("```\nout\n```\n```python\na\n```", ["a"]),
        ("```bash\nls\n```", ["%%bash\nls"]),
        (
            "1. List\n\n    ```sh\n    ls\n    ```\n2. Go\n\n    ```shell\n    cd x\n    ```",
            ["%%bash\nls", "%%bash\ncd x"],
        ),
        ("```bash\n%%bash\nls\n```", ["%%bash\nls"]),
        ("```console\n$ ls -l\ntotal 0\n$ cd x\n```", ["%%bash\nls -l\ncd x"]),
        ("```bash\npip install x\n```\n```python\na\n```", ["a"]),
        ("```sql\nselect 1\n```", []),
        ("1. a\n   ```python\n   if a:\n       b\n   ```", ["if a:\n    b"]),
        ("```python\n```", []),
        ("```python\nunfinished", ["unfinished"]),
        ("import os\nprint(os.name)", ["import os\nprint(os.name)"]),
        ("print(1)", ["print(1)"]),
        ("word", []),
        ("Just words, and more.", []),
        ("", []),
        ("x" * 100_000 + "(" * 5000, []),
    ],
)
def test_the_cells_in_an_answer(text, cells):
    assert cells_in(text) == cells


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("x = 1", []),
        ("%%bash\nls", ["%%bash"]),
        ("  !ls", ["!ls"]),
        ("files = !ls", ["files = !ls"]),
        ("a, b = %sql x", ["a, b = %sql x"]),
        ("%timeit f()", ["%timeit f()"]),
        ("if a \\\n  != b: pass", []),
        ("x = (a\n     % b)", []),
        ("'%d' % 5", []),
    ],
)
def test_lines_that_act_outside_python_are_flagged(code, lines):
    assert flagged([code]) == lines


def test_a_flag_is_short_and_cannot_act():
    bundle = warning(
        flagged(["!<img src=x onerror=alert(1)>\x1b[2J" + "y" * 500, *(f"!{i}" for i in range(9))])
    )
    assert "<img" not in bundle["text/html"]
    assert "\x1b" not in bundle["text/plain"]
    assert "… and 5 more such lines" in bundle["text/plain"]
    assert max(map(len, bundle["text/plain"].splitlines())) < 100


# -- how they get below ------------------------------------------------------------------------


class Shell:
    """The part of IPython's shell that makes new cells and reports those that ran."""

    def __init__(self):
        self.next = []
        self.callbacks = []
        self.events = self

    def set_next_input(self, text, replace):
        assert not replace
        self.next.append(text)

    def register(self, event, function):
        assert event == "post_run_cell"
        self.callbacks.append(function)

    def unregister(self, event, function):
        self.callbacks.remove(function)

    def ran(self, source, success=True):
        result = type("Result", (), {"success": success, "info": type("Info", (), {"raw_cell": source})})
        for function in list(self.callbacks):
            function(result)


@pytest.fixture
def shell():
    return Shell()


def test_one_cell_is_put_below_as_it_is(shell):
    NextCells(shell).put(["x = 1"])
    assert (shell.next, shell.callbacks) == (["x = 1"], [])


def test_further_cells_follow_one_by_one_as_they_are_run(shell):
    NextCells(shell).put(["a = 1", "b = 2", "c = 3"])
    shell.ran("something else")
    assert len(shell.next) == 1
    shell.ran(shell.next[0].replace("1", "100"))  # edited, but for its first line
    shell.ran(shell.next[0])  # again: nothing new
    shell.ran(shell.next[1], success=False)
    assert len(shell.next) == 2
    shell.ran(shell.next[1])
    assert [text.splitlines()[0] for text in shell.next] == [
        "# cell 1 of 3; the next one appears once this has run",
        "# cell 2 of 3; the next one appears once this has run",
        "# cell 3 of 3",
    ]
    assert [text.splitlines()[1] for text in shell.next] == ["a = 1", "b = 2", "c = 3"]
    assert shell.callbacks == []


def test_a_cell_magic_stays_the_first_line(shell):
    NextCells(shell).put(["%%time\nf()", "g()"])
    shell.ran("\n%%time \nf()")
    assert shell.next == ["%%time\nf()", "# cell 2 of 2\ng()"]


def test_another_answer_takes_the_place_of_what_was_to_come(shell):
    below = NextCells(shell)
    below.put(["a", "b"])
    first = shell.next[0]
    below.put(["c"])
    shell.ran(first)
    assert shell.next[1:] == ["c"]
    below.forget()
    assert shell.callbacks == []


# -- what else a format does ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "name", "begins"),
    [
        (None, "markdown", None),
        ("Be kind.", "markdown", "Be kind."),
        ("Be kind.", "json", "Be kind.\n\nAnswer with one JSON"),
    ],
)
def test_a_format_is_asked_for_after_the_system_prompt(system, name, begins):
    prompt = find_format(name).system_prompt(system)
    assert prompt == begins or prompt.startswith(begins)


@pytest.mark.parametrize(
    ("text", "name", "known", "value"),
    [
        ('{"a": 1}', "json", {}, {"a": 1}),
        ('{"a": 1}', "markdown", {}, None),
        ('{"a": 1}\n{"a": 2}', "json", {}, [{"a": 1}, {"a": 2}]),
        ("null", "json", {}, None),
    ],
)
def test_json_leaves_a_value(text, name, known, value):
    assert find_format(name).parse(reply(text, **known)) == value


@pytest.mark.parametrize(
    ("text", "known", "words"),
    [
        ('[{"a": 1}, {"a"', {"finish_reason": "length"}, "incomplete: cut at the token limit"),
        ('[{"a": 1}]', {"finish_reason": "interrupted"}, "incomplete"),
        ("Sorry, no.", {}, "no JSON"),
    ],
)
def test_only_json_that_is_complete_leaves_a_value(text, known, words):
    with pytest.raises(SchemaMismatch, match=words) as caught:
        find_format("json").parse(reply(text, **known))
    assert caught.value.reply == text


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```Python title=x\na\n```", [("python", "a\n")]),
        ("~~~\na\n~~~\n````md\n```\n````", [("", "a\n"), ("md", "```\n")]),
        ("none", []),
    ],
)
def test_code_blocks_have_a_language(text, blocks):
    assert code_blocks(text) == blocks


@pytest.mark.parametrize(
    "text", ["[" * 900 + "]" * 900, " " * 200_000, "<a " * 6_000, "<!--" * 5_000, "x = " * 5_000]
)
def test_odd_answers_are_shown_in_any_format_and_soon(text):
    started = time.process_time()
    for form in (format_json, format_html, format_math):
        screen = Screen()
        renderer = BufferedMarkdownRenderer(screen, Ticks(), form)
        renderer.start("m")
        renderer.finish(reply(text))
    cells_in(text)
    flagged([text])
    assert time.process_time() - started < 3


@given(st.text(alphabet="abc`~\n!%<>{}[]$\\\"'|- 1", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_answer_is_shown_in_any_format(text):
    for form in (format_json, format_html, format_math):
        screen, clock = Screen(), Ticks()
        renderer = BufferedMarkdownRenderer(screen, clock, form)
        renderer.start("m")
        renderer.update([TextDelta(text)])
        renderer.finish(reply(text))
        assert not re.search(r"<(script|img)\b", "".join(map(str, screen.outputs)))
    cells_in(text)
    flagged([text])


def test_the_seconds_of_a_wait_of_unknown_length_are_added_to_its_line():
    screen, clock = Screen(), Ticks()
    renderer = PlainRenderer(screen, clock)
    renderer.start("openclaw/main")
    clock.now += 1
    renderer.update([Notice("the agent is preparing…", seconds=0)])
    for _ in range(11):
        clock.now += 1
        renderer.update([])
    renderer.update([TextDelta("Hello")])
    assert "(the agent is preparing… 6 s 11 s)\nHello" in screen.text()
