"""Records what the built front-end extension is made from: `make labextension` runs this after a build.

A test compares the record with the files, so that a change of one without the other is noticed where Node is missing.
With the folder of an earlier build as argument, the two builds are compared.
"""

import hashlib
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "labextension"
RECORD = FOLDER / "build.sha256"
PATTERNS = ("src/*", "style/*", "*.json", ".yarnrc.yml", "yarn.lock", "built/**/*")


def digest() -> str:
    """A hash of the sources and of the built files, with their names."""
    found = hashlib.sha256()
    for path in sorted({path for pattern in PATTERNS for path in FOLDER.glob(pattern) if path.is_file()}):
        found.update(f"{path.relative_to(FOLDER).as_posix()}\n".encode() + path.read_bytes())
    return found.hexdigest()


def content(folder: Path) -> dict[str, bytes]:
    """The files of a build without the hashes and module numbers in them, which depend on where the checkout lies."""
    files = (path for path in folder.rglob("*") if path.is_file())
    plain = {re.sub(r"\.[0-9a-f]{16}", "", path.name): path.read_bytes() for path in files}
    return {name: re.sub(rb"\d+", b"0", re.sub(rb"[0-9a-f]{16}", b"", text)) for name, text in plain.items()}


if __name__ == "__main__":
    if sys.argv[1:]:
        same = content(Path(sys.argv[1])) == content(FOLDER / "built")
        sys.exit(
            None
            if same
            else "labextension/built is not what its sources make: run make labextension and commit"
        )
    RECORD.write_text(digest() + "\n", "utf-8")
