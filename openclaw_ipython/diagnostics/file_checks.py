"""The checks of files: permissions, links, locks, leftovers of interrupted writes, and the journal.

`inspect_files` asks the file system, `check_files` decides. The content of files is not read, except the journal's.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.diagnostics.findings import Finding, shell_line
from openclaw_ipython.errors import StoreBusy
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.journal.database import damaged_copy
from openclaw_ipython.journal.migrations import MIGRATIONS, ForeignDatabase, version_of
from openclaw_ipython.journal.stand_in import stand_in_for
from openclaw_ipython.openclaw.locks import STALE_SECONDS

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.paths import Home

Role = Literal["folder", "file", "shared", "lock", "leftover"]

QWEN_LOCK_SECONDS = 40.0  # above the age at which any release of Qwen Code ignores a lock
LEFTOVER_SECONDS = 3600.0  # no write takes that long
_CLOCK_TOLERANCE = 300.0  # seconds
_LEFTOVER = r"\.[^/]+\.[0-9a-f]{16}\.tmp|[^/]+\.tmp(\.[^/]+)?|[^/]+\.lock\.(takeover|stale\..+|[0-9a-f]{16})"


class FileFact(Struct, frozen=True):
    """What the file system says about one path. `mtime` in epoch seconds; `mode` has the permission bits.

    The role `shared` is that of a configuration that another user owns, or that is outside the home.
    `link` is the target of a symbolic link, empty for none; a link without a target file is `broken`.
    """

    path: Path
    role: Role
    is_folder: bool = False
    mode: int = 0o600
    mtime: float = 0.0
    mine: bool = True
    link: str = ""
    broken: bool = False


def inspect_files(home: Home) -> list[FileFact]:
    """The existing files, folders and locks of a home, and the temporary files beside them."""
    folders = (home.state_dir, home.agent_dir, home.own_dir)
    creds = home.qwen_dir / "oauth_creds.json"
    files = (
        home.config_path, home.auth_profiles, home.models_json, home.own_config, home.own_profiles,
        home.journal, creds,
    )  # fmt: skip
    own_folders = (home.state_dir, home.user_home)
    moved = not any(home.config_path.is_relative_to(folder) for folder in own_folders)
    config = [
        replace(fact, role="shared") if moved or not fact.mine else fact for fact in _facts(files[:1], "file")
    ]
    locks = [path.with_name(path.name + ".lock") for path in (home.auth_profiles, home.own_profiles)]
    locks.append(home.qwen_dir / "oauth_creds.lock")
    parents = dict.fromkeys(path.parent for path in files)
    names = {path.name for path in files}
    return [
        *_facts(folders, "folder"),
        *config,
        *_facts(files[1:], "file"),
        *_facts(locks, "lock"),
        *_facts([path for folder in parents for path in _left_behind(folder, names)], "leftover"),
    ]


def check_files(facts: Sequence[FileFact], now: float, *, windows: bool) -> Iterator[Finding]:
    """The findings about files. On Windows permissions are not checked."""
    for fact in facts:
        if fact.broken:
            what = _("the target of the link does not exist: {link}", link=fact.link)
            yield Finding("link", "error", what, str(fact.path), _remove(fact, windows))
        elif fact.role == "lock":
            yield from _check_lock(fact, now, windows)
        elif fact.role != "leftover":
            yield from _check_one(fact, now, windows)
        elif now - fact.mtime > LEFTOVER_SECONDS and not fact.is_folder:
            what = _("an interrupted write left it behind")
            yield Finding("leftover", "warning", what, str(fact.path), _remove(fact, windows))


def _check_one(fact: FileFact, now: float, windows: bool) -> Iterator[Finding]:
    where = str(fact.path)
    if fact.is_folder != (fact.role == "folder"):
        what = _("it is a folder, not a file") if fact.is_folder else _("it is not a folder")
        fix = shell_line(
            "move" if windows else "mv -i", fact.path, fact.path.with_name(f"{fact.path.name}.old")
        )
        yield Finding("kind", "error", what, where, fix)
        return
    if fact.mtime > now + _CLOCK_TOLERANCE and not fact.is_folder:
        hours = (fact.mtime - now) / 3600
        what = _(
            "its time stamp is {hours} h in the future: is the clock of this machine right?",
            hours=f"{hours:.1f}",
        )
        yield Finding("clock", "warning", what, where, "!date /t" if windows else "!date")
    if windows:
        return
    shared = fact.role == "shared"
    if shared and fact.mode & 0o044 and not fact.mode & 0o022:
        what = _(
            "it is shared, other users of this machine can read it (mode {mode}): no key should be in it",
            mode=f"{fact.mode:03o}",
        )
        yield Finding("shared", "note", what, where, "")
    elif not fact.mine:
        fix = shell_line("ls -ld", fact.path)
        yield Finding("owner", "warning", _("it belongs to another user"), where, fix)
    elif fact.mode & 0o077:
        wanted = "700" if fact.is_folder else "644" if shared else "600"
        what = _("other users of this machine may open it (mode {mode})", mode=f"{fact.mode:03o}")
        yield Finding("mode", "warning", what, where, shell_line(f"chmod {wanted}", fact.path))
    if fact.link:
        yield Finding("link", "note", _("it is a link to {target}", target=fact.link), where, "")


def _check_lock(fact: FileFact, now: float, windows: bool) -> Iterator[Finding]:
    where, age = str(fact.path), now - fact.mtime
    if fact.is_folder:
        what = _("the lock is a folder, which no program removes: logins cannot be changed")
        yield Finding("lock", "error", what, where, shell_line("rmdir", fact.path))
    elif age > (QWEN_LOCK_SECONDS if fact.path.name == "oauth_creds.lock" else STALE_SECONDS):
        what = _(
            "a lock of {age} s ago was left behind; the next program that needs it replaces it", age=int(age)
        )
        yield Finding("lock", "warning", what, where, _remove(fact, windows))


def _remove(fact: FileFact, windows: bool) -> str:
    return shell_line("del" if windows else "rm", fact.path)


# -- asking the file system ----------------------------------------------------------------


def _facts(paths: Sequence[Path], role: Role) -> list[FileFact]:
    return [fact for path in dict.fromkeys(paths) if (fact := _fact(path, role)) is not None]


def _fact(path: Path, role: Role) -> FileFact | None:
    try:
        status = path.lstat()
        link = str(path.readlink()) if stat.S_ISLNK(status.st_mode) else ""
    except OSError:
        return None
    broken = False
    if link:
        try:
            status = path.stat()
        except (OSError, RuntimeError):  # pathlib before 3.13 raises RuntimeError for a circle
            broken = True
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    mode = stat.S_IMODE(status.st_mode)
    return FileFact(path, role, stat.S_ISDIR(status.st_mode), mode, status.st_mtime, mine, link, broken)


def _left_behind(folder: Path, names: set[str]) -> list[Path]:
    """The temporary files of the files `names`, of any program."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    stems = tuple(stem for name in names for stem in (name + ".", f".{name}."))
    return [
        path
        for path in entries
        if re.fullmatch(_LEFTOVER, path.name) and path.name.startswith((*stems, "oauth_creds.lock."))
    ]


# -- the journal ---------------------------------------------------------------------------

_DAMAGED = N_("the journal is damaged ({fault}); the next use sets it aside and begins a new one")


def check_journal(home: Home, *, windows: bool) -> Iterator[Finding]:
    """The findings about the file of usage, conversations and cached answers, which is not opened for writing."""
    path = home.journal
    if error := stand_in_for(path).error:
        what = _("what is recorded is kept in memory only: {why}", why=error)
        free = "" if windows else shell_line("df -h", path.parent)
        fix = error.hint if isinstance(error, StoreBusy) else free
        yield Finding("journal", "warning", what, str(path), fix)
    remove = "del" if windows else "rm"
    if (copy := damaged_copy(path)).exists():
        what = _("a damaged journal was set aside: what it has of usage and spending is not counted")
        yield Finding("journal", "note", what, str(copy), shell_line(remove, copy))
    if not path.is_file():
        return
    where = str(path)
    if not all(os.access(place, os.W_OK) for place in (path, path.parent)):
        fix = shell_line("attrib -r" if windows else "chmod u+w", path)
        what = _("usage and conversations cannot be written down")
        yield Finding("journal", "warning", what, where, fix)
    move = shell_line(remove, path)
    try:
        fault = _fault(path)
    except ForeignDatabase as error:
        what = _("it is {kind} database; nothing is written down", kind=error)
        yield Finding("journal", "warning", what, where, move)
    except sqlite3.OperationalError as error:  # in use, or cannot be opened: says nothing about its content
        yield Finding("journal", "note", _("it could not be read: {error}", error=error), where, "")
    except sqlite3.DatabaseError as error:
        yield Finding("journal", "warning", _(_DAMAGED, fault=error), where, move)
    else:
        if fault != "ok":
            yield Finding("journal", "warning", _(_DAMAGED, fault=fault), where, move)


def _fault(path: Path) -> str:
    """The first problem that SQLite finds, or `ok`. Raises sqlite3.DatabaseError, ForeignDatabase."""
    # Without a log beside it the file is read unlocked; with one, the reader takes part in the locking.
    at_rest = not any(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal"))
    how = "immutable=1" if at_rest else "mode=ro"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=0.25)
    try:
        version_of(connection, len(MIGRATIONS))
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    finally:
        connection.close()
