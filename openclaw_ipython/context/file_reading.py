"""Reading the files that a person names. No other module of the package reads files."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

MAX_IMAGE_BYTES = 100 * 1024 * 1024
"""Larger image files are not read."""

_FULL_READ = 16 * 1024 * 1024  # bytes; of a larger file only the beginning is read
_BINARY = rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]"  # in no text, whatever its encoding
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LANGUAGES = {
    ".py": "python", ".json": "json", ".csv": "csv", ".md": "markdown", ".html": "html", ".sql": "sql",
    ".js": "javascript", ".ts": "typescript", ".r": "r", ".sh": "bash", ".toml": "toml", ".yaml": "yaml",
    ".yml": "yaml", ".xml": "xml", ".tex": "latex", ".c": "c", ".cpp": "cpp", ".rs": "rust", ".jl": "julia",
}  # fmt: skip


def existing_path(word: str) -> Path | None:
    """The file or folder `word`, relative to the working folder or with `~`; None if it does not exist."""
    try:
        path = Path(word).expanduser()
        return path if word and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # an impossible name, or an unknown home folder
        return None


def read_text(path: Path, limit: int) -> tuple[str, int, str]:
    """The first `limit` characters of a text file, its length (estimated for a large file), and its language.

    Raises UsageError if it cannot be read or is not text.
    """
    data, size = _read(path, max(4 * limit + 4, _FULL_READ))
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data)  # the data may end within a character
    except UnicodeDecodeError:
        if not re.search(_BINARY, data):
            raise UsageError(
                _("{path} is not text in UTF-8", path=path),
                hint=_("read it in a cell and attach the variable"),
            ) from None
        text = "\0"
    if "\0" in text:
        raise UsageError(
            _("{path} is not a text file", path=path),
            hint=_("send an image with --image {path}", path=path),
        )
    total = len(text) if len(data) == size else round(len(text) * size / len(data))
    return text[:limit], total, _LANGUAGES.get(path.suffix.lower(), "")


def read_bytes(path: Path) -> bytes:
    """A whole file. Raises UsageError if it cannot be read or is larger than MAX_IMAGE_BYTES."""
    data, size = _read(path, MAX_IMAGE_BYTES)
    if size > MAX_IMAGE_BYTES:
        raise UsageError(_("{path} is too large for an image", path=path))
    return data


def _read(path: Path, limit: int) -> tuple[bytes, int]:
    """The first `limit` bytes of a regular file, and its size."""
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise UsageError(_("{path} is a folder; name the files in it", path=path))
        if not stat.S_ISREG(about.st_mode):  # reading a pipe or a device may never end
            raise UsageError(_("{path} is not a file that can be sent", path=path))
        with path.open("rb") as file:
            data = file.read(limit)
        # `st_size` is wrong for files of /proc and the like.
        return data, about.st_size if len(data) == limit else len(data)
    except OSError as error:
        raise UsageError(
            _("{path} cannot be read: {why}", path=path, why=error.strerror or type(error).__name__)
        ) from None
