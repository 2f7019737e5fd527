"""`--cells`: which cells are meant, and how they stand in a prompt."""

import pytest

from openclaw_ipython.context.allowance import Allowance
from openclaw_ipython.context.cells import numbers, share
from openclaw_ipython.errors import UsageError


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("3", [3]),
        ("2-5", [2, 3, 4, 5]),
        ("4-", [4, 5, 6]),
        ("1,3-4,3", [1, 3, 4]),
        ("-2", [5, 6]),
        ("-99", [1, 2, 3, 4, 5, 6]),
        ("all", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_spec_means_cells(spec, meant):
    assert numbers(spec, 6) == meant


@pytest.mark.parametrize("spec", ["7", "0", "5-9", "4-2", "1,9"])
def test_cells_that_are_not_there_are_said(spec):
    with pytest.raises(UsageError, match="there are no such cells yet") as caught:
        numbers(spec, 6)
    assert "1 to 6 have run" in caught.value.hint


def test_all_of_nothing_is_nothing():
    assert numbers("all", 0) == numbers("-4", 0) == []


def test_a_cell_stands_with_its_source_and_its_output(cells):
    held = cells(inputs=("", "1 + 1", "x = 2", "  ", "%%qwen"), outputs={1: "2"})
    found = share("all", held, Allowance())
    assert found.text == (
        "Cell [1]:\n```python\n1 + 1\n```\nIts output:\n```\n2\n```\n\nCell [2]:\n```python\nx = 2\n```"
    )
    assert (found.cells, found.left_out, found.capped) == (2, 0, False)


def test_of_too_many_cells_the_latest_are_kept(cells):
    held = cells(inputs=("", *(f"cell_{n} = '{'x' * 100}'" for n in range(1, 11)), "%%qwen"))
    found = share("all", held, Allowance(500))
    assert found.text.startswith("(7 earlier cells left out)")
    assert "cell_10" in found.text
    assert "cell_7 " not in found.text
    assert (found.cells, found.left_out) == (3, 7)


def test_of_a_long_output_the_beginning_is_kept_and_the_cap_shown(cells):
    held = cells(inputs=("", "print(log)", "%%qwen"), outputs={1: "y" * 5_000})
    found = share("1", held, Allowance(1_000))
    assert found.capped
    assert "print(log)" in found.text
    assert "more characters, left out" in found.text
    assert 700 < len(found.text) <= 1_000


def test_the_running_cell_is_not_among_them(cells):
    assert "secret plan" not in share("all", cells(inputs=("", "a", "secret plan")), Allowance()).text
