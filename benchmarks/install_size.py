"""The distributions that an installation adds to ipykernel and ipywidgets, with their sizes.

`python install_size.py NAME…` prints them as JSON for the environment of that Python. It runs in the environments of
the peers too, so nothing of this project is imported at the top.
"""

from __future__ import annotations

import json
import marshal
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MIB = 1024 * 1024


def added_distributions(*roots: str) -> dict[str, float]:
    """Distributions that come in addition, `roots` among them, with their MiB on disk in this environment."""
    present = _closure("ipykernel", "ipywidgets")
    return {name: _size(name) / MIB for name in sorted(_closure(*roots) - present)}


def _closure(*roots: str) -> set[str]:
    """`roots` and everything they need here; of the extras only those that something asks for."""
    found: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(root), "") for root in roots]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(needed.name), each) for each in ("", *needed.extras)]
    return {str(name) for name, _ in found}


def _size(name: str) -> int:
    if name == "openclaw-ipython":  # installed from a checkout, its own list of files is nearly empty
        return _size_of_ours()
    files = (Path(str(file.locate())) for file in distribution(name).files or ())
    return sum(path.stat().st_size for path in files if path.is_file())


def _size_of_ours() -> int:
    """Sources, and the bytecode that an installer makes of them."""
    import openclaw_ipython

    folder = Path(openclaw_ipython.__file__).parent
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    sources = [path for path in files if path.suffix == ".py"]
    bytecode = sum(len(marshal.dumps(compile(path.read_bytes(), path.name, "exec"))) for path in sources)
    return sum(path.stat().st_size for path in files) + bytecode


if __name__ == "__main__":
    print(json.dumps(added_distributions(*sys.argv[1:])))
