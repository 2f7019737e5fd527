"""`docs/reliability.md` names a test for every promise, by the beginning of its name; the tests exist and are run."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"
NAMED = re.compile(r"`(test_\w+)`")
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|") and "---" not in line]
PROMISES = [line for line in ROWS if "| test |" not in line]


@pytest.fixture(scope="module")
def existing() -> set[str]:
    """The names of all tests, also of those in classes and in the contracts that are inherited."""
    files = [*TESTS.rglob("test_*.py"), *(TESTS / "support").glob("*_contract.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_there_is_a_table():
    assert len(PROMISES) > 50


@pytest.mark.parametrize("row", PROMISES, ids=lambda row: row.split("|")[1].strip()[:60])
def test_every_promise_has_tests_that_exist(row, existing):
    tests = set(NAMED.findall(row))
    assert tests
    assert all(any(name.startswith(test) for name in existing) for test in tests)


def test_no_promise_is_made_twice():
    promises = [row.split("|")[1].strip() for row in PROMISES]
    assert len(set(promises)) == len(promises)
