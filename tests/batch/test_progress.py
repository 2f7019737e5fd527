"""The progress of a batch: a meter while it runs, and a line at the end."""

import io

import pytest

from openclaw_ipython.batch.progress import NotebookMeter, Progress, TerminalMeter, postfix, progress_for
from openclaw_ipython.batch.results import Tally


def tally(**changes):
    return Tally(**({"done": 40, "input_tokens": 1500, "output_tokens": 500} | changes))


@pytest.mark.parametrize(
    ("state", "waiting", "text"),
    [
        (Tally(), 0, ""),
        (tally(), 0, "2k tokens"),
        (tally(cost=0.0123), 0, "2k tokens, $0.0123"),
        (tally(errors=3), 0, "2k tokens, 3 failed"),
        (tally(), 12.4, "2k tokens, too many requests: 12 s"),
        (Tally(input_tokens=2_500_000), 0, "2.5M tokens"),
    ],
)
def test_the_meter_shows_tokens_cost_errors_and_pauses(state, waiting, text):
    assert postfix(state, waiting) == text


def test_a_notebook_output_is_updated_in_place_and_ends_as_a_line():
    now, shown = [0.0], []
    output = NotebookMeter(100, shown.append, lambda: now[0])
    for done in range(0, 101, 10):
        output.update(tally(done=done), 0)
        now[0] += 0.5
    output.close("100 of 100 answered")
    assert len(shown) == 12
    assert "40/100" in shown[4]["text/plain"]
    assert "<progress value='40' max='100'>" in shown[4]["text/html"]
    assert shown[-1] == {
        "text/plain": "100 of 100 answered",
        "text/html": "<small>100 of 100 answered</small>",
    }


@pytest.mark.parametrize("said_at", [0, 1, 2])
def test_a_line_stands_above_the_meter_whenever_it_is_said(said_at):
    now, shown = [0.0], []
    output = NotebookMeter(2, shown.append, lambda: now[0])
    for done in range(3):
        if done == said_at:
            output.say("<rows> go")
        output.update(tally(done=done), 0)
        now[0] += 0.5
    for bundle, end in zip(shown[said_at:], ["0/2", "1/2", "2/2"][said_at:], strict=True):
        first, last = bundle["text/plain"].split("\n")
        assert first == "<rows> go"
        assert end in last
        assert bundle["text/html"].startswith("<small>&lt;rows&gt; go</small><br><progress ")
    output.close("2 of 2 answered")
    assert shown[-1]["text/plain"] == "<rows> go\n2 of 2 answered"


def test_a_notebook_output_is_drawn_at_most_once_per_interval():
    now, shown = [0.0], []
    output = NotebookMeter(None, shown.append, lambda: now[0])
    for _ in range(1000):
        output.update(tally(), 0)
        now[0] += 0.001
    assert len(shown) <= 6


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_stream_that_is_no_terminal_gets_the_line_only():
    log = io.StringIO()
    meter = TerminalMeter(3, log)
    meter.update(tally(done=3), 0)
    meter.close("3 of 3 answered")
    assert log.getvalue() == "3 of 3 answered\n"


def test_nothing_is_shown_when_nothing_was_done():
    shown, log = [], io.StringIO()
    NotebookMeter(3, shown.append).close("")
    TerminalMeter(3, log).close("")
    assert shown == []
    assert log.getvalue() == ""


def test_a_terminal_shows_the_meter_of_tqdm_and_then_the_line():
    screen = Terminal()
    meter = TerminalMeter(3, screen)
    meter.update(tally(done=3), 0)
    meter.close("3 of 3 answered")
    assert screen.getvalue().endswith("3 of 3 answered\n")
    assert "0/3" in screen.getvalue()


def test_nothing_is_shown_when_nothing_is_wanted():
    assert isinstance(progress_for(3, wanted=False), Progress)


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (Tally(done=5), "5 of 5 answered"),
        (tally(errors=2), "38 of 40 answered · 2 failed · 1,500 tokens in, 500 out"),
        (
            tally(remembered=10, cost=1.5),
            "40 of 40 answered · 10 from an earlier run · 1,500 tokens in, 500 out · $1.5",
        ),
    ],
)
def test_the_last_line_sums_up_the_batch(state, line):
    assert state.summary(state.done) == line


def test_without_a_size_the_line_shows_only_the_answered_items():
    assert tally(errors=2).summary().startswith("38 answered · 2 failed")
