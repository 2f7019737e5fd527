"""`docs/reliability.md` names a test for every promise; the tests exist and are run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
NAMED = re.compile(r"\[`(test_\w+)`\]\(([^)]+)\)")
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|") and "---" not in line]
PROMISES = [line for line in ROWS if "the test that holds it" not in line]


@cache
def named_in(path: Path) -> frozenset[str]:
    """The tests of a file, also those in its classes."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            found.add(node.name)
    return frozenset(found)


def test_there_is_a_table():
    assert len(PROMISES) > 70


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row.split("|")[1].strip()[:60])
def test_every_promise_has_tests_that_exist(row):
    tests = NAMED.findall(row)
    assert tests
    for name, target in tests:
        path = (PAGE.parent / target).resolve()
        assert path.is_file(), target
        assert path.name.startswith("test_") or path.name.endswith("_contract.py"), (
            target
        )  # those are inherited
        assert name in named_in(path), f"{target}: no {name}"


def test_no_promise_is_made_twice():
    promises = [row.split("|")[1].strip() for row in PROMISES]
    assert len(set(promises)) == len(promises)
