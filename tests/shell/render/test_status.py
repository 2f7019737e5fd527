import pytest

from openclaw_ipython.chat.types import Notice, Reply, Usage
from openclaw_ipython.shell.render.status import StatusLine, call_text, duration, footer_text


@pytest.mark.parametrize(
    ("known", "notes", "line"),
    [
        ({}, (), "m · 3.2 s"),
        ({"usage": Usage(120, 45)}, (), "m · 3.2 s · 120→45 tokens"),
        ({"usage": Usage(120, 45, 30, 12)}, (), "m · 3.2 s · 120→45 tokens (30 cached, 12 thinking)"),
        ({"usage": Usage(None, 45, 0, None)}, (), "m · 3.2 s · ?→45 tokens"),
        (
            {"usage": Usage(120, 45, 0, cost=0.0031, written_tokens=90)},
            (),
            "m · 3.2 s · 120→45 tokens (90 written to the cache) · $0.0031",
        ),
        (
            {"usage": Usage(120, 45, cost=0.0031, upper_bound=True)},
            (),
            "m · 3.2 s · 120→45 tokens · ≤ $0.0031",
        ),
        ({"usage": Usage()}, (), "m · 3.2 s"),
        ({"seconds": 65.4}, (), "m · 1 min 5 s"),
        ({}, ("retried", "scaled", "retried"), "m · 3.2 s · retried · scaled"),
        ({"finish_reason": "length"}, (), "cut at the token limit · m · 3.2 s"),
        ({"finish_reason": "interrupted"}, ("x",), "interrupted · m · 3.2 s · x"),
        ({"model": "two\nlines"}, (" spaced   out ",), "two lines · 3.2 s · spaced out"),
    ],
)
def test_the_footer_says_what_is_known(known, notes, line):
    assert footer_text(Reply("x", **{"model": "m", "seconds": 3.2, **known}), notes) == line


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0.0 s"), (3.21, "3.2 s"), (59.9, "59.9 s"), (125, "2 min 5 s")]
)
def test_durations_are_for_people(seconds, words):
    assert duration(seconds) == words


def test_a_long_tool_call_is_shortened():
    assert call_text("f", '{"a":\n  1}') == '→ f({"a": 1})'
    assert len(call_text("f", "x" * 1000)) < 220


def test_a_pause_counts_down_to_one_and_is_over():
    now = [0.0]
    progress = StatusLine(lambda: now[0])
    progress.notice(Notice("busy", seconds=2.0))
    lines = []
    for now[0] in (0.0, 1.0, 1.5, 2.0):
        lines.append(progress.status())
    assert lines == ["busy · 2 s", "busy · 1 s", "busy · 1 s", "waiting… 2 s"]


def test_text_ends_a_pause():
    progress = StatusLine(lambda: 0.0)
    progress.notice(Notice("busy", seconds=60.0))
    progress.answering()
    assert progress.pause() == ""


def test_a_notice_without_seconds_is_a_note():
    progress = StatusLine(lambda: 0.0)
    progress.notice(Notice("retried once"))
    assert progress.notes == ["retried once"]
    assert progress.status() == ""
