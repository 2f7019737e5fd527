"""What a model is told about a cell that failed."""

import math

import pytest

from openclaw_ipython.context.names import Failure
from openclaw_ipython.context.repairs import CELL_LIMIT, VALUES_LIMIT, to_explain, to_repair
from openclaw_ipython.i18n import CHINESE

KEY = "sk-" + "a1" * 20


def failing(source: str, error: BaseException | None = None, line: int | None = 1) -> Failure:
    return Failure(error or ValueError("bad"), 7, source, line)


def test_the_cell_its_line_the_error_and_the_values_are_told():
    case = to_repair(
        failing("total = price * count", TypeError("no"), 1), {"price": "3", "count": [1, 2], "other": 5}
    )
    assert "Cell [7]:\n```python\ntotal = price * count\n```" in case.prompt
    assert "line 1" in case.prompt
    assert "TypeError: no" in case.prompt
    assert "price = '3'\ncount = [1, 2]" in case.prompt
    assert "other" not in case.prompt
    assert "repair" in case.prompt.lower()
    assert "whole repaired cell" in case.system


def test_a_cell_that_is_no_python_is_looked_through_word_by_word():
    case = to_explain(
        failing("for item in items\n    print(item.size)"), {"items": (1,), "size": 3, "item": 2}
    )
    assert "items = (1,)" in case.prompt
    assert "size = 3" not in case.prompt  # behind a dot it is no name


def test_modules_and_what_libraries_define_say_nothing():
    def own():
        return 1

    own.__module__ = "__main__"
    case = to_repair(
        failing("math.sin(cos(own(pytest)))"), {"math": math, "cos": math.cos, "own": own, "pytest": pytest}
    )
    assert "math =" not in case.prompt
    assert "cos =" not in case.prompt
    assert "own = " in case.prompt
    assert "return 1" in case.prompt


def test_a_wish_and_the_language_of_the_answer_are_passed_on():
    case = to_repair(failing("x"), {}, "keep the loop", CHINESE)
    assert case.prompt.endswith("The person adds: keep the loop")
    assert "Simplified Chinese" in case.system
    assert "Chinese" not in to_repair(failing("x"), {}).system


def test_fences_in_a_cell_do_not_end_it():
    case = to_repair(failing("x = '''\n```\n'''"), {})
    assert "````python\nx = '''\n```\n'''\n````" in case.prompt


def test_everything_is_capped():
    names = {f"v{i}": "x" * 5000 for i in range(100)}
    case = to_repair(failing("\n".join(names) + "\n" + "#" * 100_000, ValueError("y" * 100_000)), names)
    assert len(case.prompt) < CELL_LIMIT + VALUES_LIMIT + 30_000
    assert "more characters, left out" in case.prompt
    assert "… and others, left out" in case.prompt


def test_a_deep_recursion_is_told_in_a_few_frames():
    def again(n):
        return again(n + 1)

    with pytest.raises(RecursionError) as caught:
        again(0)
    assert len(to_explain(failing("again(0)", caught.value), {}).prompt) < 10_000


def test_secrets_stay_here_and_come_back_in_the_repaired_cell():
    source = f"client = Client(api_key='{KEY}')\nclient.go()"
    case = to_repair(
        failing(source, ValueError(f"401 for {KEY}")), {"client": f"token {KEY}", "password": "hunter22"}
    )
    assert KEY not in case.prompt
    masked = case.prompt.partition("```python\n")[2].partition("\n```")[0]
    assert case.restored(masked.replace("go", "run")) == source.replace("go", "run")


def test_two_secrets_come_back_each_in_its_place():
    first, second = "sk-" + "a" * 20, "sk-" + "b" * 20
    source = f"if x:\n    use('{first}')\n    use('{second}')"
    case = to_repair(failing(source), {})
    repaired = "use('…')\nuse('…')\nuse('…')"
    assert case.restored(repaired) == f"use('{first}')\nuse('{second}')\nuse('…')"


def test_named_secrets_are_masked_among_the_values():
    case = to_repair(failing("connect(password)"), {"password": "hunter22"})
    assert "hunter22" not in case.prompt


def test_without_a_cell_the_error_alone_is_explained():
    case = to_explain(Failure(ValueError("lonely")), {})
    assert "ValueError: lonely" in case.prompt
    assert "```python" not in case.prompt


class Odd:
    def __repr__(self):
        raise RuntimeError("no repr")


def test_a_value_that_cannot_be_shown_is_said():
    assert "cannot be shown: RuntimeError" in to_repair(failing("odd"), {"odd": Odd()}).prompt
