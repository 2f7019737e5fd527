"""The store: the content of OpenClaw's files, and the ways to change it.

Homes differ in where their OpenClaw keeps credentials. With JSON, or in a home without OpenClaw, its files are read
and written. With SQLite they are only read: changes go to our own folder, in the same formats, and win for us. An
`auth-profiles.json` in such a home would stop that OpenClaw from starting. The same holds for an `openclaw.json` that
this user cannot replace, as on a JupyterHub; logins are written as ever.

Errors leave this module without the frames they were raised in: those hold the text of files with tokens.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_file import (
    CredentialStorage,
    PendingWrite,
    edited,
    keep_references,
    read_config,
    takes_effect,
)
from openclaw_ipython.openclaw.config_view import ConfigView, ProviderEntry
from openclaw_ipython.openclaw.files import OS, FileSystem, until_written, write_atomically
from openclaw_ipython.openclaw.json5.parse import Document, Edit, dotted
from openclaw_ipython.openclaw.locks import SidecarLock
from openclaw_ipython.openclaw.profiles import (
    Profiles,
    StoredProfile,
    profile_edits,
    read_profiles,
    removal_edits,
)
from openclaw_ipython.openclaw.reading import FileReader, without_frames
from openclaw_ipython.openclaw.sqlite import DatabaseLogins, read_logins, watched
from openclaw_ipython.runtime.env import Runtime

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.paths import Home

ConfigPlan = Callable[[ConfigView], Sequence[Edit]]
ProfilesPlan = Callable[[Any], Sequence[Edit]]


class Snapshot(Struct, frozen=True):
    """The content of the files at one moment.

    `order` and `stats` are the profile order and OpenClaw's failure counts from the credentials file,
    `models_json` the providers of OpenClaw's derived catalog. `sources` is profile id → the file it was read
    from. `problems` are files, or profiles in them, that could not be read; they count as absent.
    """

    config: ConfigView
    storage: CredentialStorage = "json"
    profiles: Mapping[str, StoredProfile] = {}
    order: Mapping[str, list[str]] = {}
    stats: Mapping[str, Mapping[str, Any]] = {}
    models_json: Mapping[str, ProviderEntry] = {}
    sources: Mapping[str, Path] = {}
    problems: tuple[DocumentError, ...] = ()


class Store:
    """The configuration and the logins of one home.

    The environment of `runtime` resolves `${NAME}`; `read_sqlite` reads the logins in OpenClaw's databases.
    """

    def __init__(
        self,
        home: Home,
        runtime: Runtime | None = None,
        *,
        fs: FileSystem = OS,
        read_sqlite: Callable[[Home, FileSystem], DatabaseLogins] = read_logins,
    ) -> None:
        self.home = home
        self.runtime = runtime or Runtime(os.environ)
        self.fs = fs
        self._read_sqlite = read_sqlite
        self._last: tuple[Snapshot, FileReader] | None = None
        self._pinned = threading.local()

    @property
    def storage(self) -> CredentialStorage:
        """Where this home's OpenClaw keeps credentials: `json` means that we write OpenClaw's own files.

        Raises DocumentError when openclaw.json cannot be read.
        """
        return self.load().storage

    @without_frames
    def load(self) -> Snapshot:
        """The content of the files. Cheap: they are read again only when one of them changed.

        Raises DocumentError when openclaw.json cannot be read. Other files are then `problems`.
        """
        pinned: Snapshot | None = getattr(self._pinned, "snapshot", None)
        if pinned is not None:
            return pinned
        if self._last is not None:
            snapshot, reader = self._last
            if reader.is_unchanged():
                return snapshot
        now, reader = self.runtime.clock(), FileReader(self.fs)
        snapshot = self._snapshot(reader)
        self._last = (snapshot, reader) if reader.is_settled(now) else None
        return snapshot

    @contextmanager
    def pinned(self) -> Iterator[Snapshot]:
        """One snapshot for every `load` of this thread inside the `with` block.

        A question looks a dozen times, and checking the files for each would take longer than the rest of it.
        Nothing is written inside.
        """
        before, snapshot = getattr(self._pinned, "snapshot", None), self.load()
        self._pinned.snapshot = snapshot
        try:
            yield snapshot
        finally:
            self._pinned.snapshot = before

    @without_frames
    def edit_config(self, plan: ConfigPlan) -> Path:
        """Change the configuration: `plan` gets it as it is now and returns edits. The file they are in.

        If another program writes meanwhile, `plan` is called again. A changed base URL is carried into
        OpenClaw's `models.json`, whose stale value would win there. Raises DocumentError (nothing written),
        StoreBusy, and UsageError for a change after which OpenClaw would refuse the file.
        """
        return self._edit_config(plan, None)[0]

    def profiles_lock(self) -> SidecarLock:
        """The lock to hold around reading, refreshing and saving a profile."""
        return SidecarLock(self._profiles_path(), self.runtime, fs=self.fs)

    @without_frames
    def save_profile(self, profile_id: str, profile: StoredProfile) -> Path:
        """Store a login; other profiles stay byte for byte. The caller holds `profiles_lock()`.

        Raises DocumentError (nothing written) when the file cannot be parsed or written.
        """
        return self.edit_profiles(lambda document: profile_edits(document, profile_id, profile))

    @without_frames
    def edit_profiles(self, plan: ProfilesPlan) -> Path:
        """Change the credentials file as `plan` says, again when another program wrote meanwhile. Where it is.

        The caller holds `profiles_lock()`. Raises DocumentError (nothing written) and StoreBusy.
        """
        path = self._profiles_path()
        until_written(path, lambda: self._write(self._profiles_write(plan)))
        return path

    @without_frames
    def remove_profile(self, profile_id: str) -> bool:
        """Remove a login; whether there was one. Waits for the lock (StoreBusy)."""
        write = self._profiles_write(lambda document: removal_edits(document, profile_id))
        if write.new == write.old:
            return False
        with self.profiles_lock().hold(self.fs.pause):
            self.edit_profiles(lambda document: removal_edits(document, profile_id))
        return True

    @without_frames
    def save_login(self, profile_id: str, profile: StoredProfile, plan: ConfigPlan) -> list[Path]:
        """Store a finished login: the profile, then the configuration, then OpenClaw's derived catalog.

        Everything is read and rendered first: a file that cannot be parsed means DocumentError and nothing
        written. The profile goes first: its tokens are given out once, and alone it does no harm. Returns the
        files the login is in. Waits for the lock (StoreBusy).
        """
        self._config_writes(plan, profile.provider)
        self._profiles_write(lambda document: profile_edits(document, profile_id, profile))
        with self.profiles_lock().hold(self.fs.pause):
            path = self.edit_profiles(lambda document: profile_edits(document, profile_id, profile))
            return [path, *self._edit_config(plan, profile.provider)]

    # -- reading ---------------------------------------------------------------------------

    def _snapshot(self, reader: FileReader) -> Snapshot:
        config = read_config(self.home, reader)
        problems: list[DocumentError] = []
        logins, sources = self._logins(config.storage, reader, problems)
        return Snapshot(
            config=ConfigView(config.value, self.runtime.environ),
            storage=config.storage,
            profiles=logins.profiles,
            order=logins.order,
            stats=logins.stats,
            models_json=self._models_json(reader, problems),
            sources=sources,
            problems=tuple(problems),
        )

    def _logins(
        self, storage: CredentialStorage, reader: FileReader, problems: list[DocumentError]
    ) -> tuple[Profiles, dict[str, Path]]:
        path = self._profiles_path(storage)
        try:
            document = reader.document(path, may_be_torn=True)
        except DocumentError as error:
            problems.append(error.with_traceback(None))
            document = None
        own = read_profiles(document.value) if document else Profiles()
        problems += [DocumentError(f"{path}: {text}", path=path) for text in own.problems]
        sources = dict.fromkeys(own.profiles, path)
        if storage == "json":
            return own, sources
        for file in watched(self.home):
            reader.watch(file)
        theirs = self._read_sqlite(self.home, self.fs)
        problems += theirs.problems
        return own.over(theirs.profiles), {**theirs.sources, **sources}

    def _models_json(self, reader: FileReader, problems: list[DocumentError]) -> dict[str, ProviderEntry]:
        try:
            value = reader.value(self.home.models_json)
        except DocumentError as error:
            problems.append(error.with_traceback(None))
            value = None
        view = ConfigView({"models": value}, self.runtime.environ)
        return {key: entry for key in view.provider_ids if (entry := view.provider(key))}

    def _profiles_path(self, storage: CredentialStorage | None = None) -> Path:
        storage = storage or read_config(self.home, FileReader(self.fs)).storage
        return self.home.auth_profiles if storage == "json" else self.home.own_profiles

    # -- writing ---------------------------------------------------------------------------

    def _edit_config(self, plan: ConfigPlan, provider_id: str | None) -> list[Path]:
        def merge() -> list[Path]:
            writes = self._config_writes(plan, provider_id)
            for write in writes:
                self._write(write)
            return [write.path for write in writes]

        return until_written(self.home.config_path, merge)

    def _config_writes(self, plan: ConfigPlan, provider_id: str | None) -> list[PendingWrite]:
        """The configuration as `plan` wants it, and `models.json` if it would contradict it."""
        reader = FileReader(self.fs)
        config = read_config(self.home, reader)
        environ = self.runtime.environ
        before = ConfigView(config.value, environ)
        edits = [
            Edit(edit.path, keep_references(before.raw(edit.path), edit.value, environ))
            for edit in plan(before)
        ]
        write = config.edited(edits)
        after = ConfigView(config.value_after(write, reader), environ)
        for edit in edits:
            if not takes_effect(edit.value, after.raw(edit.path)):
                where, name = dotted(edit.path), config.path.name
                what = _(
                    "`{path}` comes from a file that {name} includes; nothing was written",
                    path=where,
                    name=name,
                )
                raise DocumentError(what, path=config.path, hint=_("change it in the included file"))
        from openclaw_ipython.openclaw.config_rules import check_change  # loaded when something is changed

        check_change(before.get(()), after.get(()))
        if config.storage == "sqlite":
            return [write]
        return [write, *self._catalog_writes(reader, before, after, provider_id)]

    def _catalog_writes(
        self, reader: FileReader, before: ConfigView, after: ConfigView, provider_id: str | None
    ) -> list[PendingWrite]:
        path = self.home.models_json
        moved = {key for key in after.provider_ids if before.base_url(key) != after.base_url(key)}
        moved |= {provider_id} if provider_id else set()
        if not moved:
            return []
        from openclaw_ipython.openclaw.config_edit import catalog_entry, catalog_patch

        document = reader.document(path) or Document("", {})
        catalog = ConfigView({"models": document.value})
        edits = [edit for key in sorted(moved) for edit in catalog_patch(catalog, after, key)]
        edits += catalog_entry(catalog, after, provider_id) if provider_id else []
        return [edited(path, document, edits, reader.stamps.get(path))] if edits else []

    def _profiles_write(self, plan: ProfilesPlan) -> PendingWrite:
        """The credentials file as `plan` wants it."""
        path = self._profiles_path()
        reader = FileReader(self.fs)
        document = reader.document(path, may_be_torn=True) or Document("", {})
        return edited(path, document, plan(document.value), reader.stamps[path])

    def _write(self, write: PendingWrite) -> None:
        if write.new != write.old:
            self._last = None
            write_atomically(write.path, write.new, expect=write.expect, fs=self.fs)
