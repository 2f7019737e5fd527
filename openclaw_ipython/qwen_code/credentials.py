"""Qwen Code's own login, used in its place: `oauth_creds.json`, under Qwen Code's lock and by its rules.

A refresh token that rotates has one owner, so this login is never copied into OpenClaw's files. It is read for each
question, refreshed under `oauth_creds.lock` and written back, and a running Qwen Code goes on with what was written.
The file is never deleted, and nothing happens to it unless a question needs it. No network in here.

Observed with Qwen Code 0.10.1 and 0.12.0; later releases keep the format.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.openclaw.config_file import edited
from openclaw_ipython.openclaw.files import OS, FileSystem, Stamp, until_written, write_atomically
from openclaw_ipython.openclaw.json5.parse import Document, Edit
from openclaw_ipython.openclaw.locks import ExistingLock, LockFile
from openclaw_ipython.openclaw.profiles import StoredProfile, is_time
from openclaw_ipython.openclaw.reading import FileReader, without_frames
from openclaw_ipython.openclaw.token_stores import RefreshPolicy
from openclaw_ipython.sanitize.secrets import Secret, is_token

if TYPE_CHECKING:
    from openclaw_ipython.runtime.env import Runtime

PROVIDER_ID: Final = "qwen-portal"
PROFILE_ID: Final = "qwen-portal:qwen-cli"
"""What OpenClaw calls this login."""

SOURCE: Final = "Qwen Code, in place"

STALE_SECONDS = 40.0
"""The age at which a lock is stale: higher than in every release of Qwen Code (10 to 35 s)."""

WAIT_SECONDS = 45.0
_LONGEST_PAUSE = 1.0  # seconds between two attempts
_TORN_PAUSE = 0.05  # old releases write in place, which takes moments
_NEWER_NS = 2_000_000  # Qwen Code reads the file again when its time, in milliseconds, is a later one
_KNOWN = frozenset({"access_token", "refresh_token", "expiry_date", "id_token"})


class QwenCodeFile:
    """The file with Qwen Code's login, with the methods of a `ProfileTokenStore`.

    Qwen Code uses a token until thirty seconds before its expiry. Old releases take a lock that is older than ten
    seconds, so a refresh under it ends after eight. A refused refresh mostly means that a Qwen Code was faster and is
    writing.
    """

    name = "the sign-in of Qwen Code"
    policy = RefreshPolicy(
        refresh_margin=30.0,
        request_timeout=8.0,
        reread_timeout=2.0,
        hint=N_("sign in with Qwen Code again, or %openclaw login"),
    )

    def __init__(self, folder: Path, runtime: Runtime, *, fs: FileSystem = OS) -> None:
        self.path = folder / "oauth_creds.json"
        self._runtime = runtime
        self._fs = fs

    def lock(self) -> QwenCodeLock:
        """The lock to hold around reading, refreshing and writing."""
        return QwenCodeLock(self.path, self._runtime, fs=self._fs)

    @without_frames
    def read(self) -> StoredProfile | None:
        """The login as it is stored now, None if there is no file.

        `extra` has `resource_url` and everything else in the file. Raises DocumentError for a file that is no login.
        """
        try:
            return self._read()
        except DocumentError:
            self._fs.pause(_TORN_PAUSE)
        return self._read()

    @without_frames
    def write(self, profile: StoredProfile) -> None:
        """Write refreshed tokens; every other key of the file stays. The caller holds `lock()`.

        A file that was removed meanwhile is written anew. Raises DocumentError or StoreBusy where that is not
        possible; the file is then as it was.
        """
        until_written(self.path, lambda: self._write(profile))

    # -- inside ----------------------------------------------------------------------------

    def _read(self) -> StoredProfile | None:
        document = FileReader(self._fs).document(self.path)
        profile = _profile(document.value) if document is not None else None
        if not isinstance(profile, str):
            return profile
        raise DocumentError(
            _("{path} holds no login: {why}", path=self.path, why=profile),
            path=self.path,
            hint=_(self.policy.hint),
        )

    def _write(self, profile: StoredProfile) -> None:
        reader = FileReader(self._fs)
        document = reader.document(self.path) or Document("", {})
        old = reader.stamps[self.path]
        values = _record(profile, with_extra=not document.text.strip())
        write = edited(self.path, document, [Edit((key,), value) for key, value in values.items()], old)
        self._date(write_atomically(self.path, write.new, expect=old, fs=self._fs), old)

    def _date(self, new: Stamp, old: Stamp | None) -> None:
        """Give the file a later time than before, whatever the clocks: Qwen Code reads it again only then."""
        if old is not None and new.mtime_ns < old.mtime_ns + _NEWER_NS:
            with suppress(OSError):  # its next request is refused, and it refreshes by itself
                self._fs.set_mtime(self.path, old.mtime_ns + _NEWER_NS)


class QwenCodeLock(LockFile):
    """Qwen Code's lock: `oauth_creds.lock`, one random UUID in it, judged by its age alone.

    Hold it for less than ten seconds: old releases take it over then.
    """

    def __init__(self, path: Path, runtime: Runtime, *, fs: FileSystem = OS) -> None:
        super().__init__(path, path.with_name("oauth_creds.lock"), runtime, fs=fs)

    def content(self) -> bytes:
        """A UUID, by which its owner recognises the lock."""
        return str(uuid.uuid4()).encode()

    def is_stale(self, found: ExistingLock) -> bool:
        """Whether it is older than `STALE_SECONDS`."""
        return self._runtime.clock() - found.mtime > STALE_SECONDS

    def delays(self) -> Iterator[float]:
        """From 0.1 s up to a second, each lengthened by up to as much again, `WAIT_SECONDS` in all."""
        waited, pause = 0.0, 0.1
        while waited < WAIT_SECONDS:
            delay = min(pause * (1 + self._runtime.random()), _LONGEST_PAUSE)
            yield delay
            waited += delay
            pause *= 1.5


# -- one record ----------------------------------------------------------------------------


def _profile(record: Any) -> StoredProfile | str:
    """The login in a parsed file, or why it holds none."""
    if not isinstance(record, Mapping):
        return "it is not an object"
    kind = record.get("token_type")
    if kind is not None and (not isinstance(kind, str) or kind.lower() != "bearer"):
        return "token_type is not Bearer"
    for key in ("access_token", "refresh_token"):
        if not is_token(record.get(key)):
            return f"{key} is missing or is no token"
    if not is_time(record.get("expiry_date")):
        return "expiry_date is missing or is not a time"
    return StoredProfile(
        id=PROFILE_ID,
        type="oauth",
        provider=PROVIDER_ID,
        access=Secret(record["access_token"]),
        refresh=Secret(record["refresh_token"]),
        expires=int(record["expiry_date"]),
        extra={key: value for key, value in record.items() if key not in _KNOWN},
    )


def _record(profile: StoredProfile, *, with_extra: bool) -> dict[str, Any]:
    """The record to write. Qwen Code ignores one without `token_type`."""
    record: dict[str, Any] = {
        "access_token": profile.access.reveal() if profile.access else "",
        "refresh_token": profile.refresh.reveal() if profile.refresh else "",
        "token_type": profile.extra.get("token_type") or "Bearer",
    }
    if with_extra:
        record |= profile.extra
    return record | {"expiry_date": profile.expires}
