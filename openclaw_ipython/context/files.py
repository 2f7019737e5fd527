"""The files that a person named: read here, and nowhere else in this room."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path
from typing import NamedTuple

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

MOST_PICTURE = 100 * 1024 * 1024
"""Bytes of a picture's file; larger ones are not read."""

_WHOLE = 16 * 1024 * 1024  # bytes; of a larger file only the beginning is read, and its length guessed
_BINARY = re.compile(
    rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]"
)  # no text has these; a letter of any old encoding is none
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LANGUAGES = {
    ".py": "python", ".json": "json", ".csv": "csv", ".md": "markdown", ".html": "html", ".sql": "sql",
    ".js": "javascript", ".ts": "typescript", ".r": "r", ".sh": "bash", ".toml": "toml", ".yaml": "yaml",
    ".yml": "yaml", ".xml": "xml", ".tex": "latex", ".c": "c", ".cpp": "cpp", ".rs": "rust", ".jl": "julia",
}  # fmt: skip


class TextFile(NamedTuple):
    """The beginning of a text file, how many characters it has in all (as far as bytes tell), its language."""

    text: str
    total: int
    language: str


def existing(word: str) -> Path | None:
    """The file that `word` names, from the working folder or the home folder (`~`); None where there is none."""
    try:
        path = Path(word).expanduser()
        return path if word and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # a name that no file can have; nobody's home
        return None


def read_text(path: Path, limit: int) -> TextFile:
    """The first `limit` characters of a file. Raises UsageError for what cannot be read, or is no text."""
    data, size = _read(path, max(4 * limit + 4, _WHOLE))
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)  # it may be cut within a character
    except UnicodeDecodeError:
        if not _BINARY.search(data):
            raise UsageError(
                _("{path} is not text in UTF-8", path=path),
                hint=_("read it in a cell and attach the variable"),
            ) from None
        text = "\0"
    if "\0" in text:
        raise UsageError(
            _("{path} is not a text file", path=path),
            hint=_("a picture goes along with --image {path}", path=path),
        )
    total = len(text) if len(data) == size else round(len(text) * size / len(data))
    return TextFile(text[:limit], total, _LANGUAGES.get(path.suffix.lower(), ""))


def read_bytes(path: Path) -> bytes:
    """A whole file. Raises UsageError for what cannot be read, or is very large."""
    data, size = _read(path, MOST_PICTURE)
    if size > MOST_PICTURE:
        raise UsageError(_("{path} is too large to be a picture", path=path))
    return data


def _read(path: Path, most: int) -> tuple[bytes, int]:
    """The first `most` bytes of a regular file, and its size."""
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise UsageError(_("{path} is a folder; name the files in it", path=path))
        if not stat.S_ISREG(about.st_mode):  # a pipe or a device may never end
            raise UsageError(_("{path} is not a file that can be sent", path=path))
        with path.open("rb") as file:
            data = file.read(most)
        return data, about.st_size if len(data) == most else len(
            data
        )  # some systems' own files say another size
    except OSError as error:
        raise UsageError(
            _("{path} cannot be read: {why}", path=path, why=error.strerror or type(error).__name__)
        ) from None
