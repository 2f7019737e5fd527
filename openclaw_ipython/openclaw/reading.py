"""Reading files of JSON5 together: what was parsed, and the stamps it depends on.

Between `files` (bytes) and `store` (meaning). OpenClaw writes its credentials in place, so a reader can meet half a
file for a moment: a file that may be torn is read again before it counts as broken.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec

from openclaw_ipython.errors import DocumentError, OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.files import (
    FileChanged,
    FileSystem,
    Stamp,
    read_text,
    stamp_of,
    write_atomically,
)
from openclaw_ipython.openclaw.json5.parse import Document, Json5Error, parse, skip_trivia

P = ParamSpec("P")
T = TypeVar("T")

_TORN_PAUSES = (0.01, 0.02, 0.04, 0.08)  # seconds
_SETTLED = 0.1  # seconds after which a second write shows in the time stamp


class FileReader:
    """Reads files and records their stamps. `stamps` has every file asked for, None for those that are missing."""

    def __init__(self, fs: FileSystem) -> None:
        self.fs = fs
        self.stamps: dict[Path, Stamp | None] = {}

    def document(self, path: Path, *, may_be_torn: bool = False) -> Document | None:
        """The parsed file, None if it is missing; blank text counts as an empty object.

        Raises DocumentError with path and line.
        """
        for pause in _TORN_PAUSES if may_be_torn else ():
            with suppress(DocumentError):
                document = self._document(path)
                if document is None or document.text:
                    return document
            self.fs.pause(pause)
        return self._document(path)

    def value(self, path: Path) -> Any:
        """The value in a file, None if the file is missing."""
        document = self.document(path)
        return None if document is None else document.value

    def watch(self, path: Path) -> bool:
        """Record the stamp of a file that other code reads; whether the file exists."""
        self.stamps[path] = stamp_of(path, fs=self.fs)
        return self.stamps[path] is not None

    def is_unchanged(self) -> bool:
        """Whether every file is still the one that was read."""
        return all(stamp_of(path, fs=self.fs) == stamp for path, stamp in self.stamps.items())

    def is_settled(self, now: float) -> bool:
        """Whether every file is old enough at `now` (seconds since the epoch) for its stamp to be trusted."""
        return all(abs(now - stamp.mtime_ns / 1e9) > _SETTLED for stamp in self.stamps.values() if stamp)

    def _document(self, path: Path) -> Document | None:
        found = read_text(path, fs=self.fs)
        self.stamps[path] = found[1] if found else None
        return parse_file(path, found[0]) if found else None


def read_object(path: Path) -> Mapping[str, Any]:
    """The object in a file of another program. A missing, unreadable or other file counts as empty."""
    try:
        found = read_text(path)
        value = parse(found[0]).value if found else {}
    except (DocumentError, Json5Error):
        return {}
    return value if isinstance(value, Mapping) else {}


def own_json(path: Path, kind: type[T]) -> T:
    """The value in a JSON file of our own; an empty one for a file that is missing or cannot be read as `kind`."""
    try:
        return _own_json(path, kind)[0]
    except DocumentError:
        return kind()


def update_own_json(path: Path, kind: type[T], change: Callable[[T], T]) -> None:
    """Write what `change` makes of the value in a JSON file of our own. Raises DocumentError."""
    while True:
        value, stamp = _own_json(path, kind)
        with suppress(FileChanged):
            text = msgspec.json.format(msgspec.json.encode(change(value)), indent=1).decode()
            write_atomically(path, text, expect=stamp)
            return


def _own_json(path: Path, kind: type[T]) -> tuple[T, Stamp | None]:
    text, stamp = read_text(path) or ("", None)
    with suppress(msgspec.MsgspecError, RecursionError):  # written by hand or by a later release
        return msgspec.json.decode(text, type=kind), stamp
    return kind(), stamp


def parse_file(path: Path, text: str) -> Document:
    """The document in `text`, the content of `path`. Raises DocumentError."""
    try:
        if skip_trivia(text, 0) == len(text):
            return Document(text, {})
        return parse(text)
    except Json5Error as error:
        failure = syntax_error(path, error)
    raise failure  # outside: the parser's frames hold the text


def syntax_error(path: Path, error: Json5Error) -> DocumentError:
    """The error for a file that is not JSON5, or that an edit does not fit."""
    line, column = error.line, error.column
    what = _("{path} line {line}, column {column}: {error}", path=path, line=line, column=column, error=error)
    hint = _("correct line {line} of {name}, or move the file away", line=line, name=path.name)
    return DocumentError(what, path=path, line=line, hint=hint)


def without_frames(method: Callable[P, T]) -> Callable[P, T]:
    """Drop the frames of the errors that `method` raises: their local variables hold the text of files with tokens."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except OpenClawError as error:
            failure = error.with_traceback(None)
        failure.__context__ = failure.__cause__
        if failure.__cause__ is not None:
            failure.__cause__.__traceback__ = None
            failure.__cause__.__context__ = None
        raise failure

    return call
