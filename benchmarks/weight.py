"""What `pip install openclaw-ipython` adds to a machine that has ipykernel and ipywidgets."""

from __future__ import annotations

import marshal
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MIB = 1024 * 1024


def added() -> dict[str, float]:
    """Distributions that come in addition, ours among them, with their MiB on disk in this environment."""
    present = _closure("ipykernel") | _closure("ipywidgets")
    return {name: _size(name) / MIB for name in sorted(_closure("openclaw-ipython") - present)}


def _closure(root: str) -> set[str]:
    """`root` and everything it needs here, extras left out."""
    found: set[str] = set()
    waiting = [root]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


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
