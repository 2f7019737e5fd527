"""oc.map in a cell: its progress, the checkpoint file, and what an interrupt leaves."""

import re

import pytest

pytestmark = pytest.mark.kernel

START = "import openclaw_ipython as oc\n"


def test_a_batch_in_a_cell_shows_one_output_that_ends_as_a_line_and_returns_a_table(signed_in):
    cell = signed_in.run(
        START + "table = oc.map([f'item {i}' for i in range(30)], 'Say {item}.', concurrency=8)"
    )
    assert not cell.ename, cell.traceback
    assert len(cell.displays) == 1
    (shown,) = cell.displays.values()
    assert re.fullmatch(r"30 of 30 answered · [\d,]+ tokens in, [\d,]+ out", shown["text/plain"])
    assert set(shown) == {"text/plain", "text/html"}  # nothing that needs a widget
    expected = (30, ["item", "answer"], True)
    found = "(len(table), list(table.columns[:2]), bool(table.answer.str.contains('Say item').all()))"
    assert signed_in.value(found) == expected


def test_an_interrupted_batch_ends_its_cell_in_a_line_and_the_same_cell_goes_on(signed_in):
    signed_in.portal.takes(0.05)
    source = START + "table = oc.map([f'item {i}' for i in range(60)], concurrency=4)"
    interrupted = []

    def during(cell):
        if len(signed_in.chats()) >= 16 and not interrupted:
            interrupted.append(True)
            signed_in.kernel.interrupt()

    cell = signed_in.run(source, during=during)
    assert cell.ename in ("Interrupted", "KeyboardInterrupt")
    assert re.search(r"KeyboardInterrupt: \d+ answered; the same call resumes from there", cell.traceback)
    assert len(cell.traceback) < 100
    asked = len(signed_in.chats())
    again = signed_in.run(source)
    assert not again.ename, again.traceback
    assert "from an earlier run" in again.text
    assert len(signed_in.chats()) - asked <= 60 - 8


def test_a_notebook_that_keeps_no_journal_keeps_nothing_of_a_batch_either(signed_in):
    signed_in.run("%config OpenClaw.journal = False")
    signed_in.portal.fails_next("completions", 400, {"error": {"message": "no"}})
    signed_in.run(START + "oc.map(['very private', 'b'], concurrency=1)")
    signed_in.run("%config OpenClaw.journal = True")
    assert not any(b"very private" in content for content in signed_in.files().values())


def test_a_large_batch_says_its_price_first_in_an_output_of_its_own(signed_in):
    cell = signed_in.run(
        START + "results = oc.map([f'{i} ' + 'word ' * 16_000 for i in range(60)], max_tokens=9, table=False)"
    )
    assert not cell.ename, cell.traceback
    said, line = (shown["text/plain"] for shown in cell.displays.values())
    assert re.match(
        r"rows to \S+: 60 · about [\d.]+k–[\d.]+M tokens in, .* · price unknown · about \d+ s", said
    )
    assert line.startswith("0 of 60 answered · 60 cut at the token limit")
