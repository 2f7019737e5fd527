"""Cells as people write them: right ones, which run, and others with one invented name, which fail.

The first and the fourth cells guided the check. The others were checked for the first time when it was finished;
docs/code-check.md has the figures of those runs.
"""

import json
import subprocess
import sys
from pathlib import Path

import codecheck_corpus as corpus
import pytest

from openclaw_ipython.codecheck.checker import check

pytest.importorskip("polars")
pytest.importorskip("sklearn")

RIGHT = ["first_right", "second_right", "third_right", "fourth_right", "fifth_right"]
WRONG = ["first_wrong", "second_wrong", "fourth_wrong", "fifth_wrong"]


@pytest.fixture(scope="module")
def names():
    return corpus.namespace()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RIGHT, *WRONG])
def test_the_right_cells_run_and_the_others_fail(name, tmp_path):
    command = [sys.executable, corpus.__file__, name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    raised = json.loads((tmp_path / "results.json").read_text("utf-8"))
    cells = corpus.cells(name)
    assert len(raised) == len(cells)
    if name in RIGHT:
        assert [(cell.code, why) for cell, why in zip(cells, raised, strict=True) if why] == []
    else:
        other = [cell.code for cell, why in zip(cells, raised, strict=True) if cell.invented not in why]
        assert [
            code for code in other if "invalid" not in code and check(code, {}).findings[0].kind != "syntax"
        ] == []


@pytest.mark.parametrize(
    "cell", [cell for name in RIGHT for cell in corpus.cells(name)], ids=lambda cell: cell.code[:40]
)
def test_nothing_is_found_in_a_right_cell(cell, names):
    assert check(cell.code, names).findings == ()


def results(name, names):
    """Of each cell with an invented name: whether that was found, and the names offered for it."""
    for cell in corpus.cells(name):
        kinds = {"invalid syntax": "syntax"}
        found = [
            f
            for f in check(cell.code, names).findings
            if f.name.rpartition(".")[2] == cell.invented or f.kind == kinds.get(cell.invented)
        ]
        yield cell, bool(found), {name for finding in found for name in finding.suggestions}


@pytest.mark.parametrize("name", WRONG)
def test_inventions_are_found_and_the_right_name_is_offered(name, names):
    every = list(results(name, names))
    found = [cell for cell, hit, _offered in every if hit]
    meant = [(cell, offered) for cell, _hit, offered in every if cell.right]
    offered = [cell for cell, near in meant if cell.right in near]
    assert len(found) >= 0.9 * len(every)
    assert len(offered) >= 0.8 * len(meant)


def test_the_corpus_is_large_enough():
    folder = Path(corpus.FOLDER)
    count = {name: len(corpus.cells(name)) for name in (path.stem for path in folder.glob("*_*.txt"))}
    assert count["first_right"] + count["second_right"] >= 300
    assert count["first_wrong"] + count["second_wrong"] >= 100


def test_a_long_chain_costs_no_more_than_its_length(names):
    assert check("penguins" + ".head()" * 60 + '["nothing"]', names).findings[0].name == "nothing"
