"""A repair without a kernel: the answer, the difference, the cell below."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from renderer_contract import RendererContract, Screen, Ticks, context, reply

from openclaw_ipython.shell.commands.repair import (
    MAX_LINES,
    RepairRenderer,
    changes,
    diff_bundle,
    repaired_cell,
)
from openclaw_ipython.shell.render.renderers.markdown import MarkdownRenderer

SOURCE = "x = 1\ny = x +\nprint(y)"
ANSWER = "An operand is missing.\n\n```python\nx = 1\ny = x + 1\nprint(y)\n```\n"


class TestRepair(RendererContract):
    def make(self, screen, clock):
        self.put = []
        return RepairRenderer(
            MarkdownRenderer(screen, clock), context(screen, clock, self.put.append), SOURCE, str
        )

    def test_the_difference_is_shown_and_the_cell_goes_below(self, renderer, screen):
        renderer.finish(reply(ANSWER))
        assert self.put == [["x = 1\ny = x + 1\nprint(y)"]]
        assert screen.outputs[-1]["text/plain"] == "✓ fits this kernel"
        assert screen.outputs[-2]["text/plain"].splitlines()[1:] == [
            " x = 1",
            "-y = x +",
            "+y = x + 1",
            " print(y)",
        ]
        self.sees(screen, "An operand is missing.", "the repaired cell is below")

    @pytest.mark.parametrize("reason", ["interrupted", "length"])
    def test_half_a_repair_is_put_nowhere(self, renderer, screen, reason):
        renderer.finish(reply(ANSWER, finish_reason=reason))
        assert self.put == []
        assert "What changes" not in screen.text()

    def test_the_same_cell_again_is_said_and_put_nowhere(self, renderer, screen):
        renderer.finish(reply(f"Run the cell above first.\n```python\n{SOURCE}\n```"))
        assert self.put == []
        self.sees(screen, "Run the cell above first.", "nothing to change in this cell")

    def test_an_answer_without_a_cell_is_said(self, renderer, screen):
        renderer.finish(reply("No idea."))
        assert self.put == []
        self.sees(screen, "no repaired cell in the answer")

    def test_only_what_newly_acts_outside_python_is_flagged(self, screen, clock):
        renderer = RepairRenderer(MarkdownRenderer(screen, clock), context(screen, clock), "!ls\nx", str)
        renderer.start("m")
        renderer.finish(reply("```python\n!ls\n!rm x\n```"))
        warned = screen.outputs[-1]["text/plain"]
        assert "!rm x" in warned
        assert "!ls" not in warned

    def test_what_was_masked_is_put_below_as_it_was_typed(self, screen, clock):
        put = []
        renderer = RepairRenderer(
            MarkdownRenderer(screen, clock),
            context(screen, clock, put.append),
            "k = 'secret'\nx",
            lambda code: code.replace("…", "secret"),
        )
        renderer.start("m")
        renderer.finish(reply("```python\nk = '…'\ny\n```"))
        assert put == [["k = 'secret'\ny"]]


@pytest.mark.parametrize(
    ("answer", "cell"),
    [
        ("```python\na\n```\n```python\na\nb\n```", "a\nb"),
        ("```\nlonger, but what is it\n```\n```py\na\n```", "a"),
        ("```\na\n```", "a"),
        ("```bash\npip install a\n```", ""),
        ("words", ""),
    ],
)
def test_the_repaired_cell_in_an_answer(answer, cell):
    assert repaired_cell(answer) == cell


def test_distant_changes_have_a_gap_between_them():
    before = "\n".join(map(str, range(30)))
    assert changes(before, before.replace("3\n", "x\n", 1).replace("25", "y")).count("…") == 1


def test_a_long_difference_is_cut():
    bundle = diff_bundle("", "\n".join(map(str, range(500))))
    assert len(bundle["text/plain"].splitlines()) == MAX_LINES + 2
    assert "more lines" in bundle["text/plain"]


@given(st.text(alphabet="<>&$\\`\n ab\x1b\u202e"), st.text(alphabet="<>&$\\`\n ab\x1b\u202e"))
def test_a_difference_cannot_act(before, after):
    bundle = diff_bundle(before, after)
    if bundle is not None:
        for part in ("<a", "<b", "\x1b", "\u202e", "$"):
            assert part not in bundle["text/html"]
        assert "\x1b" not in bundle["text/plain"]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_every_changed_line_is_in_the_difference(before, after):
    lines = changes("\n".join(before), "\n".join(after))
    removed, added = (sum(line.startswith(sign) for line in lines) for sign in "-+")
    assert removed - added == len(before) - len(after)


def test_any_end_of_an_answer_is_fine():
    screen = Screen()
    renderer = RepairRenderer(MarkdownRenderer(screen, Ticks()), context(screen, Ticks()), "x", str)
    renderer.start("m")
    renderer.cancel()
    assert screen.text().strip() == ""
