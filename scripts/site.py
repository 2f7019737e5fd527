"""`make docs`: the documentation site in build/site/html, with no network.

1. Every notebook is executed beside a practice portal, in a home of its own.
2. Sphinx builds docs/, the executed notebooks and the pages of the Python API; a warning is an error.
3. Every link and anchor inside the site is followed. Links to elsewhere are listed in build/site/external-links.txt.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import unquote, urlsplit

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT)]

from signed_in import signed_in  # noqa: E402

import openclaw_ipython as oc  # noqa: E402

BUILD = ROOT / "build" / "site"
HTML = BUILD / "html"
SOURCE = BUILD / "source"
EXECUTED = BUILD / "notebooks"


def executed(name: str, sources: float) -> None:
    """Execute notebooks/`name`, unless its last outputs are newer than every source. A cell that fails raises."""
    target = EXECUTED / name
    if target.exists() and target.stat().st_mtime > sources:
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = Path(folder) / "notebooks"
        shutil.copytree(ROOT / "notebooks", work)
        with signed_in(Path(folder)) as environ:
            notebook = nbformat.read(work / name, as_version=4)
            run(notebook, environ, work)
        nbformat.write(notebook, target)


def run(notebook, environ: dict[str, str], folder: Path) -> None:
    """Execute the cells of `notebook` in a kernel with these environment variables, in this folder."""
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environ)


def api() -> str:
    """The page of the Python API: every public name, from its docstring and annotations."""
    values = {name: getattr(oc, name) for name in [*oc.__all__, "filter", "map"] if name != "__version__"}
    groups: dict[tuple[str, str, str], list[str]] = {
        (title, directive, options): []
        for title, directive, options in (
            ("Functions", "autofunction", ""),
            ("Client, messages and results", "autoclass", ":members:"),
            ("Events of a stream", "autoclass", ""),
            ("Types", "autodata", ":no-value:"),
            ("Errors", "autoexception", ":show-inheritance:"),
        )
    }
    functions, classes, events, types, errors = groups.values()
    for name, value in sorted(values.items(), key=lambda item: item[0].lower()):
        if not isinstance(value, type):
            (functions if callable(value) and hasattr(value, "__code__") else types).append(name)
        elif issubclass(value, Exception):
            errors.append(name)
        else:
            (events if value in get_args(oc.ChatEvent) or name == "Timed" else classes).append(name)
    lines = [
        "# Python API",
        "",
        "Generated from the docstrings. [From Python](python.md) is the introduction.",
    ]
    for (title, directive, options), names in groups.items():
        lines += ["", f"## {title}", "", "```{eval-rst}", ".. currentmodule:: openclaw_ipython", ""]
        for name in names:
            lines += [f".. {directive}:: {name}", f"   {options}", ""]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def assemble() -> None:
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.rmtree(HTML, ignore_errors=True)
    EXECUTED.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    files = [*(ROOT / "openclaw_ipython").rglob("*.py"), *(ROOT / "notebooks").rglob("*.*")]
    sources = max(path.stat().st_mtime for path in files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(executed, names, [sources] * len(names)))
    shutil.copytree(ROOT / "docs", SOURCE, ignore=shutil.ignore_patterns("__pycache__"))
    (SOURCE / "api.md").write_text(api(), "utf-8")
    shutil.copytree(EXECUTED, SOURCE / "notebooks")


class Page(HTMLParser):
    """The anchors of a page, and what it leads to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {value for value in (values.get("id"), values.get("name")) if value}
        self.targets += [value for value in (values.get("href"), values.get("src")) if value]


def broken(html: Path) -> Iterator[str]:
    """Links inside the site that lead nowhere. Writes the list of the others."""
    pages = {file: Page(file) for file in sorted(html.rglob("*.html"))}
    external: set[str] = set()
    for file, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                external.add(target)
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            there = there / "index.html" if there.is_dir() else there
            if not there.exists():
                yield f"{file.relative_to(html)}: {target} is not there"
            elif parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].anchors:
                yield f"{file.relative_to(html)}: {target} has no such anchor"
    (html.parent / "external-links.txt").write_text("\n".join(sorted(external)) + "\n", "utf-8")


def main() -> int:
    started = time.monotonic()
    assemble()
    print(f"notebooks executed in {time.monotonic() - started:.0f} s")
    command = [
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-b",
        "html",
        "-d",
        str(BUILD / "doctrees"),
        str(SOURCE),
        str(HTML),
    ]
    if subprocess.run([sys.executable, *command], check=False).returncode:
        return 1
    if found := list(broken(HTML)):
        print("\n".join(found))
        return 1
    print(f"{HTML / 'index.html'} ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
