"""Prompts about a cell that failed."""

import math

import pytest

from openclaw_ipython.context.names import CellFailure
from openclaw_ipython.context.repairs import CELL_LIMIT, EXPLAIN, REPAIR, VALUES_LIMIT, failure_prompt
from openclaw_ipython.i18n import CHINESE

KEY = "sk-" + "a1" * 20


def failing(source: str, error: BaseException | None = None, line: int | None = 1) -> CellFailure:
    return CellFailure(error or ValueError("bad"), 7, source, line)


def test_the_prompt_has_the_cell_its_line_the_error_and_the_values():
    question = failure_prompt(
        REPAIR,
        failing("total = price * count", TypeError("no"), 1),
        {"price": "3", "count": [1, 2], "other": 5},
    )
    assert "Cell [7]:\n```python\ntotal = price * count\n```" in question.prompt
    assert "line 1" in question.prompt
    assert "TypeError: no" in question.prompt
    assert "price = '3'\ncount = [1, 2]" in question.prompt
    assert "other" not in question.prompt
    assert "repair" in question.prompt.lower()
    assert "whole repaired cell" in question.system


def test_a_cell_with_a_syntax_error_is_searched_for_words():
    question = failure_prompt(
        EXPLAIN, failing("for item in items\n    print(item.size)"), {"items": (1,), "size": 3, "item": 2}
    )
    assert "items = (1,)" in question.prompt
    assert "size = 3" not in question.prompt  # an attribute is not a variable


def test_modules_and_library_functions_are_not_among_the_values():
    def own():
        return 1

    own.__module__ = "__main__"
    question = failure_prompt(
        REPAIR,
        failing("math.sin(cos(own(pytest)))"),
        {"math": math, "cos": math.cos, "own": own, "pytest": pytest},
    )
    assert "math =" not in question.prompt
    assert "cos =" not in question.prompt
    assert "own = " in question.prompt
    assert "return 1" in question.prompt


def test_the_prompt_has_the_wish_and_the_language_of_the_answer():
    question = failure_prompt(REPAIR, failing("x"), {}, "keep the loop", CHINESE)
    assert question.prompt.endswith("The person adds: keep the loop")
    assert "Simplified Chinese" in question.system
    assert "Chinese" not in failure_prompt(REPAIR, failing("x"), {}).system


def test_a_fence_in_the_cell_does_not_end_its_block():
    question = failure_prompt(REPAIR, failing("x = '''\n```\n'''"), {})
    assert "````python\nx = '''\n```\n'''\n````" in question.prompt


def test_every_part_is_limited():
    names = {f"v{i}": "x" * 5000 for i in range(100)}
    question = failure_prompt(
        REPAIR, failing("\n".join(names) + "\n" + "#" * 100_000, ValueError("y" * 100_000)), names
    )
    assert len(question.prompt) < CELL_LIMIT + VALUES_LIMIT + 30_000
    assert "more characters, left out" in question.prompt
    assert "… and others, left out" in question.prompt


def test_a_deep_recursion_is_shown_in_a_few_frames():
    def again(n):
        return again(n + 1)

    with pytest.raises(RecursionError) as caught:
        again(0)
    assert len(failure_prompt(EXPLAIN, failing("again(0)", caught.value), {}).prompt) < 10_000


def test_secrets_are_masked_and_restored_in_the_repaired_cell():
    source = f"client = Client(api_key='{KEY}')\nclient.go()"
    question = failure_prompt(
        REPAIR,
        failing(source, ValueError(f"401 for {KEY}")),
        {"client": f"token {KEY}", "password": "hunter22"},
    )
    assert KEY not in question.prompt
    masked = question.prompt.partition("```python\n")[2].partition("\n```")[0]
    assert question.unmask(masked.replace("go", "run")) == source.replace("go", "run")
    assert KEY not in repr(question)


def test_two_secrets_are_restored_in_their_places():
    first, second = "sk-" + "a" * 20, "sk-" + "b" * 20
    source = f"if x:\n    use('{first}')\n    use('{second}')"
    question = failure_prompt(REPAIR, failing(source), {})
    repaired = "use('…')\nuse('…')\nuse('…')"
    assert question.unmask(repaired) == f"use('{first}')\nuse('{second}')\nuse('…')"


def test_secret_values_are_masked():
    question = failure_prompt(REPAIR, failing("connect(password)"), {"password": "hunter22"})
    assert "hunter22" not in question.prompt


def test_without_a_cell_the_prompt_has_the_error_alone():
    question = failure_prompt(EXPLAIN, CellFailure(ValueError("lonely")), {})
    assert "ValueError: lonely" in question.prompt
    assert "```python" not in question.prompt


class Odd:
    def __repr__(self):
        raise RuntimeError("no repr")


def test_a_value_whose_repr_raises_is_named():
    assert "cannot be shown: RuntimeError" in failure_prompt(REPAIR, failing("odd"), {"odd": Odd()}).prompt
