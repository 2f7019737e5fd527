"""What the reader sees of an answer, and what it costs to show it."""

from __future__ import annotations

import io
import re
import time

import pytest
from renderer_contract import RendererContract, Screen, Ticks, reply

from openclaw_ipython.chat.types import Notice, ReasoningDelta, TextDelta, TextWasReasoning, ToolCall
from openclaw_ipython.shell.render.renderer import JupyterSurface, TerminalSurface
from openclaw_ipython.shell.render.renderers.markdown import MarkdownRenderer
from openclaw_ipython.shell.render.renderers.plain import PlainRenderer
from openclaw_ipython.shell.render.renderers.silent import SilentRenderer

PARAGRAPH = "The quick brown fox jumps over the lazy dog, and **nobody** minds. " * 6 + "\n\n"


class TestMarkdownRenderer(RendererContract):
    def make(self, screen, clock):
        return MarkdownRenderer(screen, clock)

    def test_a_short_answer_is_one_output_and_a_footer(self, renderer, screen):
        for word in ("A", "**short**", "answer."):
            renderer.update([TextDelta(word + " ")])
        renderer.finish(reply("A **short** answer."))
        assert screen.outputs[0] == {
            "text/markdown": "A **short** answer.",
            "text/plain": "A **short** answer. ",
        }
        assert "text/html" in screen.outputs[1]
        assert len(screen.outputs) == 2

    def test_text_is_painted_at_once(self, renderer, screen):
        renderer.update([TextDelta("First")])
        assert screen.markdown() == ["First"]

    def test_nothing_is_said_within_the_first_second(self, renderer, screen, clock):
        clock.now += 0.9
        renderer.update([])
        assert screen.outputs == []

    def test_waiting_is_counted_and_gives_its_place_to_the_text(self, renderer, screen, clock):
        for _ in range(31):
            clock.now += 0.1
            renderer.update([])
        assert screen.text() == "waiting… 3 s"
        assert screen.messages == 3
        renderer.update([TextDelta("Here")])
        assert screen.markdown() == ["Here"]

    def test_a_pause_counts_down_and_goes_away(self, renderer, screen, clock):
        renderer.update([Notice("rate limited", seconds=75.0)])
        assert screen.text() == "rate limited · 1 min 15 s"
        clock.now += 70
        renderer.update([])
        assert screen.text() == "rate limited · 5 s"
        clock.now += 6
        renderer.update([])
        assert screen.text() == "waiting… 1 min 16 s"

    def test_thinking_is_counted_without_sending_it_again(self, renderer, screen, clock):
        for _ in range(100):
            clock.now += 0.1
            renderer.update([ReasoningDelta("a long thought " * 10)])
        assert screen.messages <= 12
        assert screen.size < 4_000
        renderer.update([TextDelta("So.")])
        details, text = screen.markdown()
        assert details.startswith("<details><summary>Thought for 9.9 s</summary>")
        assert details.count("a long thought") == 1000
        assert screen.outputs[0]["text/plain"] == "[thinking, 9.9 s]"
        assert text == "So."

    def test_blank_lines_after_the_thinking_do_not_end_it(self, renderer, screen):
        renderer.update([ReasoningDelta("a"), TextDelta("\n\n"), ReasoningDelta("b"), TextDelta("c")])
        renderer.finish(reply("c"))
        assert len(screen.markdown()) == 2

    def test_text_that_was_thinking_is_folded_in_its_place(self, renderer, screen):
        for _ in range(40):
            renderer.update([TextDelta(PARAGRAPH)])
        renderer.update([TextDelta("draft")])
        assert len(screen.outputs) > 2
        renderer.update([TextWasReasoning(), TextDelta("So.")])
        renderer.finish(reply("So.", reasoning=PARAGRAPH * 40 + "draft"))
        shown = [markdown for markdown in screen.markdown() if markdown]
        assert [markdown[:9] for markdown in shown] == ["<details>", "So."]
        assert shown[0].count("quick brown fox") == 240

    def test_nothing_becomes_thinking_before_there_is_text(self, renderer, screen):
        renderer.update([TextWasReasoning(), TextDelta("So.")])
        renderer.finish(reply("So."))
        assert screen.markdown() == ["So."]

    def test_text_before_a_call_stays(self, renderer, screen):
        renderer.update(
            [TextDelta("First "), ToolCall("c", "f", "{}"), TextDelta("draft"), TextWasReasoning()]
        )
        renderer.finish(reply("So."))
        assert screen.markdown()[0] == "First"
        assert not any("draft" in markdown for markdown in screen.markdown() if "<details>" not in markdown)

    def test_thinking_after_text_stands_after_it(self, renderer, screen):
        renderer.update([TextDelta("one"), ReasoningDelta("hm"), TextDelta("two")])
        renderer.finish(reply("onetwo"))
        assert [output.get("text/plain") for output in screen.outputs[:3]] == [
            "one",
            "[thinking, 0.0 s]",
            "two",
        ]

    def test_without_footer_a_complete_answer_is_all_there_is(self, screen, clock):
        renderer = MarkdownRenderer(screen, clock, footer=False)
        renderer.start("m")
        renderer.update([TextDelta("x")])
        renderer.finish(reply("x"))
        assert len(screen.outputs) == 1

    def test_without_footer_an_incomplete_answer_says_so_still(self, screen, clock):
        renderer = MarkdownRenderer(screen, clock, footer=False)
        renderer.start("m")
        renderer.update([TextDelta("x")])
        renderer.finish(reply("x", finish_reason="interrupted"))
        assert screen.outputs[1]["text/plain"] == "(interrupted)"

    def test_a_status_line_does_not_outlive_the_answer(self, screen, clock):
        renderer = MarkdownRenderer(screen, clock, footer=False)
        renderer.start("m")
        renderer.update([Notice("busy", seconds=9)])
        renderer.finish(reply(""))
        assert screen.text() == "(empty answer)"

    def test_an_unchanged_answer_is_not_sent_again(self, renderer, screen):
        renderer.update([TextDelta("x")])
        for _ in range(20):
            renderer.update([])
        assert screen.messages == 1

    def test_closed_sections_are_never_touched_again(self, renderer, screen):
        renderer.update([TextDelta(PARAGRAPH * 20)])
        first = dict(screen.outputs[0])
        renderer.update([TextDelta(PARAGRAPH * 20)])
        renderer.finish(reply(PARAGRAPH * 40))
        assert screen.outputs[0] == first
        assert len(screen.outputs) > 2

    def test_a_whole_answer_at_once_is_cut_into_sections_and_rendered(self, renderer, screen):
        text = PARAGRAPH * 3000
        renderer.finish(reply(text))
        assert not any(markdown.startswith("<pre") for markdown in screen.markdown())
        assert sum(markdown.count("**nobody**") for markdown in screen.markdown()) == text.count("**nobody**")


class TestPlainRenderer(RendererContract):
    def make(self, screen, clock):
        return PlainRenderer(screen, clock)

    def test_text_is_written_as_it_comes_and_once(self, renderer, screen):
        for word in ("# A", " *plain*", " answer"):
            renderer.update([TextDelta(word)])
            assert screen.written.endswith(word)
        renderer.finish(reply("# A *plain* answer"))
        assert screen.written == "# A *plain* answer\n(qwen-portal/coder-model · 3.2 s)\n"

    def test_text_that_was_thinking_is_said_to_be(self, renderer, screen):
        renderer.update([TextDelta("draft"), TextWasReasoning(), TextDelta("So.")])
        renderer.finish(reply("So.", reasoning="draft"))
        assert screen.text().startswith("draft\n(the text above was the thinking of the model)\n\nSo.\n(")

    def test_thinking_is_one_short_line(self, renderer, screen, clock):
        renderer.update([ReasoningDelta("secret thoughts")])
        clock.now += 2
        renderer.update([TextDelta("x")])
        assert screen.written == "thinking… 2.0 s\n\nx"

    def test_a_sequence_cut_in_two_does_not_reach_the_terminal(self, renderer, screen):
        renderer.update([TextDelta("a\x1b")])
        renderer.update([TextDelta("[31mb")])
        assert screen.written == "ab"


class TestSilentRenderer(RendererContract):
    shows_text = False

    def make(self, screen, clock):
        return SilentRenderer()

    def test_nothing_is_shown(self, renderer, screen):
        renderer.update([TextDelta("x")])
        renderer.finish(reply("x", finish_reason="interrupted"))
        assert screen.messages == 0


# -- what showing costs -----------------------------------------------------------------------

CODE = "def f(x):\n    return [x, 'y', 1.0]  # twice\n\n"
ANSWERS = {
    "prose": PARAGRAPH,
    "one paragraph": PARAGRAPH.strip() + " ",
    "one fence": CODE,
    "a list": "- item with `code` and [a link](https://a.example)\n",
    "a table": "| a | **b** | `c` |\n",
    "a quote": "> " + PARAGRAPH.strip() + "\n",
    "mixed": PARAGRAPH * 3
    + "```python\n"
    + CODE * 5
    + "```\n\n- a\n- b\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n",
    "html": "<b>&amp;</b> ",
    "one long word": "word",
}
OPENINGS = {"one fence": "```python\n", "a table": "| x | y | z |\n|---|---|---|\n"}


def answer(kind: str, size: int) -> str:
    unit = ANSWERS[kind]
    return (OPENINGS.get(kind, "") + unit * (size // len(unit) + 1))[:size]


def stream(text: str, *, feeds: int, piece: int = 5) -> tuple[Screen, float]:
    """Show `text` as it comes in `feeds` equal steps; the screen and the CPU seconds it took."""
    clock, screen = Ticks(), Screen()
    renderer = MarkdownRenderer(screen, clock)
    renderer.start("m")
    deltas = [TextDelta(text[i : i + piece]) for i in range(0, len(text), piece)]
    step = -(-len(deltas) // feeds)
    started = time.process_time()
    for i in range(0, len(deltas), step):
        clock.now += 0.1
        renderer.update(deltas[i : i + step])
    renderer.finish(reply(text))
    return screen, time.process_time() - started


@pytest.mark.parametrize("kind", ANSWERS)
def test_five_thousand_deltas_at_full_speed_take_few_messages(kind):
    text = answer(kind, 25_000)
    screen, _ = stream(text, feeds=4)
    assert screen.messages <= 12
    if kind in ("prose", "one paragraph", "a list", "a quote"):
        assert screen.size <= 4 * len(text)


@pytest.mark.parametrize(("kind", "seconds"), [("mixed", 60), *((kind, 10) for kind in ANSWERS)])
def test_a_mebibyte_a_minute_costs_at_most_twelve_times_its_bytes(kind, seconds):
    text = answer(kind, (1 << 20) * seconds // 60)
    screen, _ = stream(text, feeds=10 * seconds, piece=64)
    assert screen.size <= 12 * len(text)
    assert 4 * seconds <= screen.messages <= 25 * seconds


@pytest.mark.parametrize("kind", ["prose", "one fence", "mixed"])
def test_cpu_per_kilobyte_does_not_grow_with_the_answer(kind):
    stream(answer(kind, 10_000), feeds=6)  # imports and caches

    def per_kilobyte(size: int) -> float:
        return min(stream(answer(kind, size), feeds=size // 1750)[1] for _ in range(2)) / size

    assert per_kilobyte(1_000_000) < 3 * per_kilobyte(20_000)


def test_no_text_is_lost_when_an_answer_is_cut():
    text = "".join(f"Paragraph {i}.\n\n- item {i}\n\n```\ncode {i}\n```\n\n" for i in range(2000))
    screen, _ = stream(text, feeds=50)
    shown = "\n".join(output["text/plain"] for output in screen.outputs)
    assert re.findall(r"(?:Paragraph|item|code) \d+", shown) == re.findall(
        r"(?:Paragraph|item|code) \d+", text
    )


# -- surfaces ----------------------------------------------------------------------------------


def test_a_terminal_that_cannot_encode_a_character_gets_a_question_mark():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    TerminalSurface(stream).write("a→b\n")
    assert raw.getvalue().replace(b"\r", b"") == b"a?b\n"


def test_a_terminal_prints_an_output_once():
    stream = io.StringIO()
    TerminalSurface(stream).show({"text/plain": "x"}).update({"text/plain": "y"})
    assert stream.getvalue() == "x\n"


def test_a_cell_gets_display_data_and_updates_with_the_same_id():
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.display_pub, publisher = CapturingDisplayPublisher(), shell.display_pub
    try:
        handle = JupyterSurface().show({"text/markdown": "a", "text/plain": "a"})
        handle.update({"text/markdown": "b", "text/plain": "b"})
        outputs = shell.display_pub.outputs
    finally:
        shell.display_pub = publisher
        InteractiveShell.clear_instance()
    assert [output["data"]["text/markdown"] for output in outputs] == ["a", "b"]
    assert outputs[0]["transient"] == outputs[1]["transient"]
    assert outputs[1]["update"]
