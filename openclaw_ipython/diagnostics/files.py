"""The files of a home: who may read them, what lies around, what is locked. What they say is not looked at here.

`look` asks the file system; the rest decides from what it found.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openclaw_ipython.diagnostics.findings import Finding, shell_line
from openclaw_ipython.openclaw.locks import STALE_SECONDS

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.paths import Home

Role = Literal["folder", "file", "lock", "litter"]

QWEN_LOCK_SECONDS = 40.0  # above the age at which any release of Qwen Code takes a lock for abandoned
LITTER_SECONDS = 3600.0  # no write takes that long
_AHEAD_SECONDS = 300.0
_LITTER = re.compile(
    r"\.[^/]+\.[0-9a-f]{16}\.tmp|[^/]+\.tmp(\.[^/]+)?|[^/]+\.lock\.(takeover|stale\..+|[0-9a-f]{16})"
)


@dataclass(frozen=True, slots=True)
class FileFact:
    """What the system says about one path. Times in epoch seconds; `mode` are the permission bits behind links.

    `link` is where a symbolic link leads, empty for none; a link that leads nowhere is `broken`.
    """

    path: Path
    role: Role
    is_folder: bool = False
    mode: int = 0o600
    mtime: float = 0.0
    mine: bool = True
    link: str = ""
    broken: bool = False


def look(home: Home) -> list[FileFact]:
    """What is there of a home, and what was left behind beside it."""
    folders = (home.state_dir, home.agent_dir, home.own_dir)
    creds = home.qwen_dir / "oauth_creds.json"
    files = (
        home.config_path, home.auth_profiles, home.models_json, home.own_config, home.own_profiles,
        home.journal, creds,
    )  # fmt: skip
    locks = (_lock_of(home.auth_profiles), _lock_of(home.own_profiles), home.qwen_dir / "oauth_creds.lock")
    around = dict.fromkeys(path.parent for path in files)
    names = {path.name for path in files}
    return [
        *_facts(folders, "folder"),
        *_facts(files, "file"),
        *_facts(locks, "lock"),
        *_facts([path for folder in around for path in _left_behind(folder, names)], "litter"),
    ]


def check_files(facts: Sequence[FileFact], now: float, *, windows: bool) -> Iterator[Finding]:
    """The findings about files. On Windows permissions are another matter and not looked at."""
    for fact in facts:
        if fact.broken:
            yield Finding(
                "link",
                "error",
                f"the link leads nowhere: {fact.link}",
                str(fact.path),
                _remove(fact, windows),
            )
        elif fact.role == "lock":
            yield from _check_lock(fact, now, windows)
        elif fact.role == "litter":
            yield from _check_litter(fact, now, windows)
        else:
            yield from _check_one(fact, now, windows)


def _check_one(fact: FileFact, now: float, windows: bool) -> Iterator[Finding]:
    where = str(fact.path)
    if fact.is_folder != (fact.role == "folder"):
        what = "it is a folder where a file belongs" if fact.is_folder else "it is no folder"
        yield Finding(
            "kind", "error", what, where, shell_line("move" if windows else "mv -i", fact.path) + " …"
        )
        return
    if fact.mtime > now + _AHEAD_SECONDS and fact.role == "file":
        hours = (fact.mtime - now) / 3600
        what = f"it was written {hours:.1f} h from now: is the clock of this machine right?"
        yield Finding("clock", "warning", what, where, "!date /t" if windows else "!date")
    if windows:
        return
    if not fact.mine:
        yield Finding(
            "owner", "warning", "it belongs to another user", where, shell_line("ls -ld", fact.path)
        )
    elif fact.mode & 0o077:
        wanted = "700" if fact.is_folder else "600"
        what = f"others on this machine may open it (mode {fact.mode:03o})"
        yield Finding("mode", "warning", what, where, shell_line(f"chmod {wanted}", fact.path))
    if fact.link:
        yield Finding("link", "note", f"it is a link to {fact.link}", where, "")


def _check_lock(fact: FileFact, now: float, windows: bool) -> Iterator[Finding]:
    where, age = str(fact.path), now - fact.mtime
    if fact.is_folder:
        what = "the lock is a folder, which no program takes over: logins cannot be changed"
        yield Finding("lock", "error", what, where, shell_line("rmdir", fact.path))
    elif age > (QWEN_LOCK_SECONDS if fact.path.name == "oauth_creds.lock" else STALE_SECONDS):
        what = f"a lock of {int(age)} s ago was left behind; the next program that needs it takes it over"
        yield Finding("lock", "warning", what, where, _remove(fact, windows))


def _check_litter(fact: FileFact, now: float, windows: bool) -> Iterator[Finding]:
    if now - fact.mtime > LITTER_SECONDS and not fact.is_folder:
        what = "a write that was cut short left this behind"
        yield Finding("litter", "warning", what, str(fact.path), _remove(fact, windows))


def _remove(fact: FileFact, windows: bool) -> str:
    return shell_line("del" if windows else "rm", fact.path)


# -- asking the file system ----------------------------------------------------------------


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


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
    """Temporary files of the given ones, of whichever program."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    stems = tuple(stem for name in names for stem in (name + ".", f".{name}."))
    return [
        path
        for path in entries
        if _LITTER.fullmatch(path.name) and path.name.startswith((*stems, "oauth_creds.lock."))
    ]
