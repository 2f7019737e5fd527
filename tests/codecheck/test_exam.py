"""An exam by an outsider, who wrote its cells without sight of the check. `exam/verify.py` runs each of them.

docs/code-check.md has the figures of the first run; these bounds are what the check has reached since.
"""

import runpy
from pathlib import Path

import pytest

from openclaw_ipython.codecheck.checker import check

for module in ("polars", "sklearn", "seaborn", "scipy"):
    pytest.importorskip(module)

EXAM = Path(__file__).parent / "exam"
RIGHT = runpy.run_path(str(EXAM / "right.py"))["CELLS"]
WRONG = runpy.run_path(str(EXAM / "wrong.py"))["CELLS"]
FOUND, OFFERED = 251, 156


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    made = runpy.run_path(str(EXAM / "namespace.py"))["namespace"](tmp_path_factory.mktemp("exam"))
    return made | {"display": print}


def last(name):
    return name.replace("()", "").rpartition(".")[2]


def test_no_right_cell_has_a_finding(names):
    every = [(code, list(map(str, check(code, names).findings))) for code in RIGHT]
    assert [(code, found) for code, found in every if found] == []


def test_inventions_are_found_and_the_right_name_is_offered(names):
    found = offered = 0
    for code, invented, right in WRONG:
        findings = check(code, names).findings
        hits = [each for each in findings if each.name in invented or invented in each.name]
        near = {last(name) for each in hits for name in each.suggestions}
        found += bool(hits)
        offered += right is not None and last(right) in near
    assert found >= FOUND
    assert offered >= OFFERED
