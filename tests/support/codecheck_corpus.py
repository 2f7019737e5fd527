"""The corpus of the code check: cells over one namespace, and a program that runs them all.

A file is cells with `# %%` between them. In `*_wrong.txt` the line names the invented word and, where there is one, the
right name: `# %% invented -> right`.

`python codecheck_corpus.py FILE` runs each cell in a namespace of its own and prints, as JSON, what each raised.
"""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "codecheck" / "corpus"
SETUP = (FOLDER / "namespace.txt").read_text("utf-8")
FILES = {
    "data.csv": "k,v,when\na,1,2024-01-01\nb,2,2024-02-01\n",
    "notes.txt": "one,two\nthree\n",
    "config.json": '{"name": "x"}',
}


class CorpusCell(NamedTuple):
    code: str
    invented: str = ""
    right: str = ""


def cells(name: str) -> list[CorpusCell]:
    """The cells of one file of the corpus."""
    text = (FOLDER / f"{name}.txt").read_text("utf-8")
    found = []
    for head, code in re.findall(
        r"(?ms)^# %%([^\n]*)\n(.*?)(?=^# %%|\Z)", text if text[:4] == "# %%" else f"# %%\n{text}"
    ):
        invented, _arrow, right = head.partition("->")
        found.append(CorpusCell(code.rstrip("\n"), invented.strip(), right.strip()))
    return found


def namespace() -> dict:
    """The namespace the cells are about, as a notebook has it."""
    names: dict = {"__name__": "__main__"}
    exec(compile(SETUP, "<setup>", "exec"), names)
    return names


def run_all(name: str) -> list[str]:
    """What each cell raised; empty where it ran."""
    import warnings

    import matplotlib as mpl
    from IPython.core.interactiveshell import InteractiveShell

    warnings.simplefilter("ignore")
    for file, text in FILES.items():
        Path(file).write_text(text, "utf-8")

    class Shell(InteractiveShell):
        def enable_gui(self, gui=None):
            pass

    shell = Shell.instance()
    shell.showtraceback = shell.showsyntaxerror = lambda *args, **kwargs: None
    setup, first = compile(SETUP, "<setup>", "exec"), dict(shell.user_ns)
    found = []
    for cell in cells(name):
        shell.user_ns.clear()
        shell.user_ns.update(first)
        exec(setup, shell.user_ns)
        result = shell.run_cell(cell.code, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        found.append("" if error is None else f"{type(error).__name__}: {error}")
        mpl.use("agg")
        sys.modules["matplotlib.pyplot"].close("all")
    return found


if __name__ == "__main__":
    results = run_all(sys.argv[1])
    Path("results.json").write_text(json.dumps(results), "utf-8")
