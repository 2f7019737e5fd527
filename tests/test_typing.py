"""What type checkers say about programs: right uses are accepted, wrong ones reported. mypy runs with `make check`."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import openclaw_ipython
from openclaw_ipython import errors

ROOT = Path(__file__).parents[1]
PYRIGHT = shutil.which("pyright")


def test_every_error_that_can_be_caught_is_exported():
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.OpenClawError) and not name.startswith("_")
    }
    assert defined <= set(openclaw_ipython.__all__)
    assert all(getattr(openclaw_ipython, name) is getattr(errors, name) for name in defined)


@pytest.mark.slow
@pytest.mark.skipif(PYRIGHT is None, reason="pyright is not installed: pip install 'pyright[nodejs]'")
def test_pyright_accepts_right_uses_and_reports_wrong_ones(tmp_path):
    settings = {
        "include": ["programs"],
        "extraPaths": [str(ROOT)],
        "reportUnnecessaryTypeIgnoreComment": "error",
        "reportMissingModuleSource": "none",
        "reportUnusedExpression": "none",
        "reportUnusedCoroutine": "none",
    }
    shutil.copytree(ROOT / "tests" / "typing", tmp_path / "programs")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    found = subprocess.run(
        [PYRIGHT, "--project", str(tmp_path), "--outputjson"], capture_output=True, text=True, check=False
    )
    report = json.loads(found.stdout)
    assert report["summary"]["filesAnalyzed"] == 2
    said = [
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"])
        for one in report["generalDiagnostics"]
    ]
    assert said == []
