"""The journal at the check-up: can it be read and written? Looked at without opening it for writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_ipython.diagnostics.findings import Finding, shell_line
from openclaw_ipython.journal.schema import MIGRATIONS, ForeignDatabase, version_of

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.paths import Home


def check_journal(home: Home, *, windows: bool) -> Iterator[Finding]:
    """The findings about the file of usage, conversations and cached answers. None where there is no such file."""
    path = home.journal
    if not path.is_file():
        return
    where = str(path)
    if not all(os.access(place, os.W_OK) for place in (path, path.parent)):
        fix = shell_line("attrib -r" if windows else "chmod u+w", path)
        yield Finding("journal", "warning", "usage and conversations cannot be written down", where, fix)
    move = shell_line("ren" if windows else "rm", path)
    try:
        fault = _fault(path)
    except ForeignDatabase as error:
        yield Finding("journal", "warning", f"it is {error} database; nothing is written down", where, move)
    except sqlite3.OperationalError as error:  # in use, or not to be opened: nothing about its content
        yield Finding("journal", "note", f"it could not be looked into: {error}", where, "")
    except sqlite3.DatabaseError as error:
        fault = str(error)
        yield Finding("journal", "warning", f"{_DAMAGED} ({fault})", where, move)
    else:
        if fault != "ok":
            yield Finding("journal", "warning", f"{_DAMAGED} ({fault})", where, move)


_DAMAGED = "the journal is damaged; the next use sets it aside and begins a new one"


def _fault(path: Path) -> str:
    """The first problem that SQLite finds, or `ok`. Raises sqlite3.DatabaseError, ForeignDatabase."""
    # At rest the file is looked at as it is; with a log beside it, a reader takes part in the locking.
    at_rest = not any(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal"))
    how = "immutable=1" if at_rest else "mode=ro"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=0.25)
    try:
        version_of(connection, len(MIGRATIONS))
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    finally:
        connection.close()
