"""Records what the built front-end extension is made from: `make labextension` runs this after a build.

A test compares the record with the files, so that a change of one without the other is noticed where Node is missing.
"""

import hashlib
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


if __name__ == "__main__":
    RECORD.write_text(digest() + "\n", "utf-8")
