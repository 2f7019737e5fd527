"""The logins in OpenClaw's databases, of whichever release: read, never written.

Releases since June 2026 keep the credentials document (`profiles`) and its statistics (`order`, `usageStats`) as JSON
in SQLite: at first in the agent's own database (tables `auth_profile_store`, `auth_profile_state`), later in the state
database (table `config_machine_state`). The schema is OpenClaw's and may change. So tables and columns are looked up
before they are read, an unknown form is a problem and never an error, and a query that takes long is stopped.

Nothing is written, nor is a lock held that a writer would wait for. A database that is not in use is opened as
immutable: SQLite otherwise creates a `-wal` and a `-shm` file beside it, even for a reader.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct, field

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.openclaw.config_view import is_marker
from openclaw_ipython.openclaw.files import MAX_BYTES, OS, FileSystem, Stamp, stamp_of
from openclaw_ipython.openclaw.json5.parse import Json5Error, parse
from openclaw_ipython.openclaw.profiles import Profiles, read_profiles

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.openclaw.paths import Home

_SIDECARS = ("-wal", "-journal")  # hold changes that are not in the database yet
_SECTIONS = ("profiles", "order", "usageStats")
_TABLES = {  # table → the rows that are read; where none of them exists, all
    "config_machine_state": ("authProfiles.store", "authProfiles.state"),
    "auth_profile_store": ("primary",),
    "auth_profile_state": ("primary",),
}
_EXACT = frozenset({"config_machine_state"})  # tables whose other rows are never read
_KEY_COLUMN = r"(?i)(?:.*_)?(?:key|id|name)"
_JSON_COLUMN = r"(?i)(?:.*_)?(?:json|value|document|data)"

_BUSY_SECONDS = 0.25
_ATTEMPTS = 3
_MAX_ROWS = 1000
_STEPS, _ROUNDS = 10_000, 100  # of SQLite's virtual machine: far more than 300 tables take, and milliseconds


class DatabaseLogins(Struct, frozen=True):
    """The logins in the databases of a home. `sources` is profile id → the database it is in.

    `problems` are databases, and logins in them, that could not be read; they count as absent.
    """

    profiles: Profiles = field(default_factory=Profiles)
    sources: Mapping[str, Path] = {}
    problems: tuple[DocumentError, ...] = ()


def databases(home: Home) -> tuple[Path, Path]:
    """The state database, and the agent's own, which wins."""
    return home.sqlite_path, home.agent_sqlite_path


def watched(home: Home) -> list[Path]:
    """The files whose stamps change when the logins in the databases do."""
    return [file for path in databases(home) for file in (path, *_beside(path))]


def read_logins(home: Home, fs: FileSystem = OS) -> DatabaseLogins:
    """The logins in a home's databases. What cannot be read is a problem; nothing is raised."""
    joined = Profiles()
    sources: dict[str, Path] = {}
    problems: list[DocumentError] = []
    for path in databases(home):
        try:
            found = read_profiles(_sections(path, fs))
        except DocumentError as error:
            problems.append(error.with_traceback(None))  # its frames hold what was read
            continue
        joined = found.over(joined)
        sources |= dict.fromkeys(found.profiles, path)
        problems += [DocumentError(f"{path}: {text}", path=path) for text in found.problems]
    return DatabaseLogins(joined, sources, tuple(problems))


# -- rows ----------------------------------------------------------------------------------


def _sections(path: Path, fs: FileSystem) -> dict[str, dict[str, Any]]:
    """The credentials document of one database. Raises DocumentError."""
    joined: dict[str, dict[str, Any]] = {name: {} for name in _SECTIONS}
    for cell in _cells(path, fs):
        for name, section in _document(*cell, path).items():
            joined[name].update(section)
    return joined


def _document(key: str, text: str, path: Path) -> dict[str, dict[str, Any]]:
    """The sections in one row, which is a credentials document or a single login named by its key."""
    try:
        value = parse(text).value
    except Json5Error:
        value = None
    if not isinstance(value, Mapping):
        raise DocumentError(_("{path} holds logins that are no JSON object", path=path), path=path)
    if "type" in value and "provider" in value:
        value = {"profiles": {key: value}}
    sections = {name: dict(value[name]) for name in _SECTIONS if isinstance(value.get(name), Mapping)}
    if "profiles" in sections:
        sections["profiles"] = {
            id_: record for id_, record in sections["profiles"].items() if not _is_placeholder(record)
        }
    return sections


def _is_placeholder(record: Any) -> bool:
    """Whether this is no login: OpenClaw's migration turns a provider's marker into a key `qwen-oauth`."""
    if not isinstance(record, Mapping):
        return False
    key = record.get("key", record.get("apiKey"))
    return isinstance(key, str) and is_marker(key)


# -- one database --------------------------------------------------------------------------


def _cells(path: Path, fs: FileSystem) -> list[tuple[str, str]]:
    """The rows of one database; none where there is no database. Raises DocumentError."""
    if not _is_there(path, fs):
        return []
    for _attempt in range(_ATTEMPTS):
        before = _stamps(path, fs)
        if any(stamp and stamp.size for stamp in before[1:]):
            break  # a writer is active or was killed: SQLite's own protocol decides what counts
        try:
            cells = _read(path, "immutable=1")
        except DocumentError:
            if _stamps(path, fs) == before:
                raise
        else:
            if _stamps(path, fs) == before:
                return cells
    return _read(path, "mode=ro")


def _is_there(path: Path, fs: FileSystem) -> bool:
    try:
        mode = fs.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(path, error.strerror or N_("the system refused")) from None
    if not stat.S_ISREG(mode):  # reading a pipe would wait
        raise _unreadable(path, N_("it is not an ordinary file"))
    return True


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + more) for more in _SIDECARS]


def _stamps(path: Path, fs: FileSystem) -> list[Stamp | None]:
    return [stamp_of(file, fs=fs) for file in (path, *_beside(path))]


def _read(path: Path, how: str) -> list[tuple[str, str]]:
    import sqlite3  # here: most homes have no database

    place = path.absolute().as_posix()
    uri = f"file://{'' if place.startswith('/') else '/'}{quote(place)}?mode=ro&{how}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)
        try:
            _restrain(connection)
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = {name.decode() for (name,) in found}
            tables = [table for table in _TABLES if table in names]
            return [cell for table in tables for cell in _rows(connection, table, path)]
        finally:
            connection.close()
    except sqlite3.Error as error:
        reason = _REASONS.get(getattr(error, "sqlite_errorname", ""), N_("SQLite refused"))
    except UnicodeDecodeError:  # the error holds what it could not decode
        reason = N_("it holds something else than text")
    raise _unreadable(path, reason)


def _restrain(connection: sqlite3.Connection) -> None:
    """Limit what a hostile or damaged database can cost."""
    import sqlite3

    connection.text_factory = bytes  # so that text of another encoding raises UnicodeDecodeError here
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
    rounds = iter(range(_ROUNDS))
    connection.set_progress_handler(lambda: int(next(rounds, None) is None), _STEPS)
    connection.execute("PRAGMA trusted_schema = OFF")


def _rows(connection: sqlite3.Connection, table: str, path: Path) -> list[tuple[str, str]]:
    """The rows of a table that hold logins, whatever its columns are called."""
    found = connection.execute("SELECT name FROM pragma_table_info(?)", [table])
    columns = [name.decode() for (name,) in found]
    key = _first(columns, _KEY_COLUMN)
    value = _first((name for name in columns if name != key), _JSON_COLUMN)
    if key is None or value is None:
        raise _unreadable(path, _("its table {table} is not as any known release makes it", table=table))
    quoted = ['"' + name.replace('"', '""') + '"' for name in (key, value)]
    query = f"SELECT {', '.join(quoted)} FROM {table} LIMIT {_MAX_ROWS}"  # noqa: S608 - names
    rows = {_text(name): content for name, content in connection.execute(query)}
    wanted = [name for name in _TABLES[table] if name in rows]
    if not wanted and table not in _EXACT:
        wanted = list(rows)
    return [(name, _text(rows[name])) for name in wanted]


def _first(names: Iterable[str], pattern: str) -> str | None:
    return next((name for name in names if re.fullmatch(pattern, name)), None)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


_REASONS = {
    "SQLITE_BUSY": N_("another program is changing it"),
    "SQLITE_CANTOPEN": N_("it cannot be opened"),
    "SQLITE_CORRUPT": N_("it is damaged"),
    "SQLITE_INTERRUPT": N_("that would take too long"),
    "SQLITE_NOTADB": N_("it is not a database"),
    "SQLITE_TOOBIG": N_("it holds too much"),
}


def _unreadable(path: Path, reason: str) -> DocumentError:
    return DocumentError(
        _("{path} could not be read: {reason}", path=path, reason=_(reason)),
        path=path,
        hint="openclaw doctor",
    )
