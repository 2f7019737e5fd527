"""The tests that each renderer passes, as a class to inherit, and a surface that records what it shows."""

from __future__ import annotations

import json
import re

import pytest

from openclaw_ipython.chat.types import (
    Finished,
    Notice,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
    UsageReport,
)
from openclaw_ipython.codecheck.finding import CodeCheck
from openclaw_ipython.shell.render.renderer import RenderContext


class Ticks:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """A surface that holds its outputs and counts what was sent to it."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, str]] = []
        self.written = ""
        self.messages = 0
        self.size = 0

    def show(self, bundle):
        self.outputs.append({})
        handle = _Output(self, len(self.outputs) - 1)
        handle.update(bundle)
        return handle

    def write(self, text):
        self.messages += 1
        self.size += len(text.encode())
        self.written += text

    def text(self) -> str:
        """Everything the reader sees, in order, without markup."""
        return self.written + "\n".join(output["text/plain"] for output in self.outputs)

    def markdown(self) -> list[str]:
        return [output["text/markdown"] for output in self.outputs if "text/markdown" in output]


class _Output:
    def __init__(self, screen: Screen, index: int) -> None:
        self.screen, self.index = screen, index

    def update(self, bundle):
        self.screen.messages += 1
        self.screen.size += len(json.dumps(bundle).encode())
        self.screen.outputs[self.index] = dict(bundle)


def reply(text="", **known):
    return Reply(text, **{"model": "qwen-portal/coder-model", "seconds": 3.21, **known})


def context(screen, clock, put_cells=lambda cells: None, *, check=lambda cells: CodeCheck(), **known):
    """What renderers are made from, with `screen` as their surface."""
    return RenderContext("markdown", screen, clock, put_cells, check, **known)


class RendererContract:
    """What holds for each renderer. Subclasses make one."""

    shows_text = True

    @pytest.fixture
    def clock(self):
        return Ticks()

    @pytest.fixture
    def screen(self):
        return Screen()

    @pytest.fixture
    def renderer(self, screen, clock):
        renderer = self.make(screen, clock)
        renderer.start("qwen-portal/coder-model")
        return renderer

    def make(self, screen, clock):
        raise NotImplementedError

    def sees(self, screen: Screen, *words: str) -> None:
        """The reader sees these words, in this order."""
        text, at = screen.text(), 0
        for word in words if self.shows_text else ():
            assert word in text[at:], (word, text)
            at = text.index(word, at) + len(word)

    def test_it_has_an_interval(self, renderer):
        assert 0.02 <= renderer.interval <= 1

    def test_text_is_shown_whole_with_a_footer_below(self, renderer, screen):
        renderer.update([TextDelta("Hel")])
        renderer.update([TextDelta("lo"), Finished("stop"), UsageReport(Usage(1, 2))])
        renderer.finish(reply("Hello", usage=Usage(120, 45, 30, 12)), ["sent 1 image"])
        self.sees(
            screen,
            "Hello",
            "qwen-portal/coder-model · 3.2 s · 120→45 tokens (30 cached, 12 thinking) · sent 1 image",
        )

    def test_reasoning_stands_before_the_text(self, renderer, screen, clock):
        renderer.update([ReasoningDelta("let me ")])
        clock.now += 12
        renderer.update([ReasoningDelta("see")])
        renderer.update([TextDelta("Answer")])
        renderer.finish(reply("Answer", reasoning="let me see"))
        self.sees(screen, "thinking", "12", "Answer", "3.2 s")

    def test_a_call_that_is_run_is_shown_once_with_what_came_of_it(self, renderer, screen):
        call = ToolCall("call_1", "add", '{"a": 1}')
        renderer.update([TextDelta("Let me see.")])
        renderer.update([ToolCallDelta(0, "call_1", "add", '{"a": 1}'), Finished("tool_calls")])
        renderer.update([call])
        renderer.update([ToolResult(call, "3\n4")])
        renderer.update([TextDelta("It is 3.")])
        renderer.finish(reply("It is 3.", tool_calls=(call,)))
        self.sees(screen, '→ add({"a": 1})', "= 3 4", "3.2 s")
        assert screen.text().count("→ add(") == int(self.shows_text)

    def test_a_call_that_failed_is_marked(self, renderer, screen):
        call = ToolCall("call_1", "add", "{}")
        renderer.update([call, ToolResult(call, "ValueError: no", failed=True)])
        renderer.finish(reply("", tool_calls=(call,), finish_reason="interrupted"))
        self.sees(screen, "→ add({})", "✗ ValueError: no", "interrupted")

    def test_nothing_of_a_call_is_markup(self, renderer, screen):
        call = ToolCall("call_1", "add<img src=x>", '{"a": "<script>`` \x1b[31m"}')
        renderer.update([call, ToolResult(call, "<b>`bold`</b>\x1b]52;c;AA\x07")])
        renderer.finish(reply("", tool_calls=(call,)))
        for markdown in screen.markdown():
            assert not re.search(r"<(img|script|b)\b", markdown)
        assert "\x1b" not in screen.text()

    def test_an_empty_reply_still_gets_its_footer(self, renderer, screen):
        renderer.update([])
        renderer.finish(reply())
        self.sees(screen, "qwen-portal/coder-model")

    def test_a_failure_before_anything_came_leaves_nothing_to_read(self, renderer, screen, clock):
        clock.now += 5
        renderer.update([])
        renderer.cancel()
        assert "waiting" not in screen.text()
        assert screen.text().strip() == ""

    def test_an_answer_that_did_not_come_in_pieces_is_shown_at_the_end(self, renderer, screen):
        renderer.finish(reply("From the cache", reasoning="once thought"), ["cached"])
        self.sees(screen, "thinking", "From the cache", "cached")

    def test_an_error_in_the_middle_keeps_what_came_and_says_so(self, renderer, screen):
        renderer.update([TextDelta("Half an ans")])
        renderer.finish(reply("Half an ans", finish_reason="ended early"))
        self.sees(screen, "Half an ans", "ended early")

    def test_an_interruption_keeps_what_came_and_says_so(self, renderer, screen):
        renderer.update([TextDelta("Half")])
        renderer.finish(reply("Half", finish_reason="interrupted"))
        self.sees(screen, "Half", "interrupted")

    def test_an_interruption_while_thinking_is_complete_too(self, renderer, screen):
        renderer.update([ReasoningDelta("hm")])
        renderer.finish(reply("", reasoning="hm", finish_reason="interrupted"))
        self.sees(screen, "thinking", "interrupted")

    @pytest.mark.parametrize(
        ("reason", "mark"),
        [
            ("length", "cut at the token limit"),
            ("content_filter", "stopped by the content filter"),
            ("", "ended early"),
            ("ended early: the connection was lost", "ended early: the connection was lost"),
            ("odd", "ended: odd"),
        ],
    )
    def test_an_incomplete_answer_is_marked(self, renderer, screen, reason, mark):
        renderer.update([TextDelta("x")])
        renderer.finish(reply("x", finish_reason=reason))
        self.sees(screen, "x", mark)

    def test_a_wait_is_announced_and_other_notices_go_to_the_footer(self, renderer, screen):
        renderer.update([Notice("rate limited", seconds=30.0), Notice("retried once")])
        if self.shows_text:
            assert "rate limited" in screen.text()
            assert "30" in screen.text()
        renderer.update([TextDelta("Now")])
        renderer.finish(reply("Now"), ["retried once"])
        self.sees(screen, "Now", "retried once")
        assert screen.text().count("retried once") == self.shows_text

    def test_ten_thousand_deltas_arrive_whole(self, renderer, screen, clock):
        words = [f"w{i} " for i in range(10_000)]
        for start in range(0, len(words), 100):
            clock.now += 0.1
            renderer.update([TextDelta(word) for word in words[start : start + 100]])
        renderer.finish(reply("".join(words)))
        if self.shows_text:
            assert re.findall(r"w\d+", screen.text()) == [word.strip() for word in words]

    def test_tool_calls_are_short_lines(self, renderer, screen):
        renderer.update([ToolCallDelta(0, "1", "look_up", '{"a":'), ToolCallDelta(0, "", "", ' "b"}')])
        call = ToolCall("1", "look_up", '{"a": "b"}')
        renderer.finish(reply("", finish_reason="tool_calls", tool_calls=(call,)))
        self.sees(screen, '→ look_up({"a": "b"})')
        assert screen.text().count("look_up") == self.shows_text

    def test_calls_that_a_service_numbers_all_alike_are_lines_of_their_own(self, renderer, screen):
        calls = (ToolCall("1", "look_up", "{}"), ToolCall("2", "read", "{}"))
        renderer.update([ToolCallDelta(0, call.id, call.name, call.arguments) for call in calls])
        renderer.finish(reply("", finish_reason="tool_calls", tool_calls=calls))
        self.sees(screen, "→ look_up({})", "→ read({})")

    def test_what_the_server_says_cannot_act(self, renderer, screen):
        hostile = "<img src=x onerror=alert(1)>\x1b[2J\u202e$\\href{a}{b}$"
        renderer.update(
            [ReasoningDelta(hostile), Notice(hostile, seconds=5), ToolCallDelta(0, "", hostile, hostile)]
        )
        renderer.update([TextDelta(hostile)])
        calls = (ToolCall("", hostile, hostile),)
        renderer.finish(reply(hostile, model=hostile, finish_reason=hostile, tool_calls=calls), [hostile])
        everything = screen.written + "".join(map(json.dumps, screen.outputs))
        assert "\\u001b" not in everything and "\x1b" not in everything
        assert "\u202e" not in everything and "\\u202e" not in everything
        for output in screen.outputs:
            assert "<img" not in output.get("text/markdown", "") + output.get("text/html", "")
            assert "$" not in output.get("text/markdown", "") + output.get("text/html", "")
