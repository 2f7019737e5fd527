"""The store: what OpenClaw's files say, and the few ways to change them. All that the floors above may know.

Two eras. In a home of the JSON era, or one nobody owns yet, OpenClaw's own files are read and written. In one
of the SQLite era they are only read; what changes goes to our own folder, in the same formats, and wins
for us. An `auth-profiles.json` in such a home would block that installation.

Errors leave this file without the frames they were raised in: those hold the text of files with tokens.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.openclaw.config_view import ConfigView, ProviderEntry
from openclaw_ipython.openclaw.files import OS, FileChanged, FileSystem, Stamp, write_atomically
from openclaw_ipython.openclaw.frames import without_frames
from openclaw_ipython.openclaw.includes import (
    correction,
    overlaid,
    resolve_includes,
    takes_effect,
    with_references,
)
from openclaw_ipython.openclaw.json5.parse import Document, Edit, Json5Error, dotted
from openclaw_ipython.openclaw.locks import SidecarLock
from openclaw_ipython.openclaw.profiles import (
    Profiles,
    StoredProfile,
    profile_edits,
    read_profiles,
    removal_edits,
)
from openclaw_ipython.openclaw.reading import Reading, parsed, unreadable
from openclaw_ipython.openclaw.sqlite import DatabaseLogins, databases, read_logins, watched

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.paths import Home

Era = Literal["json", "sqlite"]
Plan = Callable[[ConfigView], Sequence[Edit]]

_MERGES = 3  # how often a change is merged again when somebody else keeps writing


class Snapshot(Struct, frozen=True):
    """What the files said at one moment.

    `order` and `stats` are the profile order and OpenClaw's failure counts from the credentials file,
    `models_json` the providers of OpenClaw's derived catalog. `sources` is profile id → the file it was read
    from. `problems` are files, or profiles in them, that could not be read; they count as absent.
    """

    config: ConfigView
    era: Era = "json"
    profiles: Mapping[str, StoredProfile] = {}
    order: Mapping[str, list[str]] = {}
    stats: Mapping[str, Mapping[str, Any]] = {}
    models_json: Mapping[str, ProviderEntry] = {}
    sources: Mapping[str, Path] = {}
    problems: tuple[DocumentError, ...] = ()


class _Rewrite(Struct, frozen=True):
    """A file as it will be. `expect` is what it was based on."""

    path: Path
    old: str
    new: str
    expect: Stamp | None

    def __repr__(self) -> str:
        return f"_Rewrite({self.path})"


class _Config(Struct, frozen=True):
    """The configuration as it stands: `base` is OpenClaw's with its includes, `overlay` ours (SQLite era)."""

    era: Era
    base: Any
    overlay: Any
    file: Path
    document: Document
    stamp: Stamp | None

    def __repr__(self) -> str:
        return f"_Config({self.file})"

    @property
    def value(self) -> Any:
        return overlaid(self.base, self.overlay) if self.era == "sqlite" else self.base


class Store:
    """The configuration and the logins of one home.

    `environ` resolves `${NAME}`, `clock` is epoch seconds, `read_sqlite` looks into OpenClaw's databases.
    """

    def __init__(
        self,
        home: Home,
        *,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        fs: FileSystem = OS,
        read_sqlite: Callable[[Home, FileSystem], DatabaseLogins] = read_logins,
    ) -> None:
        self.home = home
        self._environ = environ
        self.clock = clock
        self.fs = fs
        self._read_sqlite = read_sqlite
        self._last: tuple[Snapshot, Reading] | None = None
        self._steady = threading.local()

    @property
    def era(self) -> Era:
        """Who owns this home: `json` (or nobody), where we write OpenClaw's files, or `sqlite`.

        Raises DocumentError when openclaw.json cannot be read.
        """
        return self.load().era

    @without_frames
    def load(self) -> Snapshot:
        """What the files say. Cheap: read again only when one of them changed.

        Raises DocumentError when openclaw.json cannot be read. Other files are then `problems`.
        """
        held: Snapshot | None = getattr(self._steady, "snapshot", None)
        if held is not None:
            return held
        if self._last is not None:
            snapshot, reading = self._last
            if reading.is_current():
                return snapshot
        now, reading = self.clock(), Reading(self.fs)
        snapshot = self._snapshot(reading)
        self._last = (snapshot, reading) if reading.is_settled(now) else None
        return snapshot

    @contextmanager
    def steady(self) -> Iterator[Snapshot]:
        """One look at the files for all that this thread reads inside: a question is made from one state of them,
        and looking a dozen times would take longer than the rest of it. Nothing is to be written inside.
        """
        before, snapshot = getattr(self._steady, "snapshot", None), self.load()
        self._steady.snapshot = snapshot
        try:
            yield snapshot
        finally:
            self._steady.snapshot = before

    @without_frames
    def edit_config(self, plan: Plan) -> Path:
        """Change the configuration: `plan` sees it as it stands now and returns edits. Where it was written.

        If somebody else writes meanwhile, the plan is asked again. A changed base URL is carried into
        OpenClaw's `models.json`, whose stale value would win there. Raises DocumentError (nothing written)
        and StoreBusy.
        """
        return self._edit_config(plan, None)[0]

    def profiles_lock(self) -> SidecarLock:
        """The lock to hold around reading, refreshing and saving a profile."""
        return SidecarLock(self._profiles_path(), clock=self.clock, fs=self.fs)

    @without_frames
    def save_profile(self, profile_id: str, profile: StoredProfile) -> Path:
        """Store a login; other profiles stay byte for byte. The caller holds `profiles_lock()`.

        Raises DocumentError (nothing written) when the file cannot be parsed or written.
        """
        return self._edit_profiles(lambda document: profile_edits(document, profile_id, profile))

    @without_frames
    def edit_profiles(self, plan: Callable[[Any], Sequence[Edit]]) -> Path:
        """Change the credentials file otherwise (`order`, `usageStats`). The caller holds `profiles_lock()`."""
        return self._edit_profiles(plan)

    @without_frames
    def remove_profile(self, profile_id: str) -> bool:
        """Forget a login; whether there was one. Takes the lock itself, waiting for it."""
        if self._profiles_rewrite(lambda document: removal_edits(document, profile_id)) is None:
            return False
        with self.profiles_lock().hold(self.fs.pause):
            self._edit_profiles(lambda document: removal_edits(document, profile_id))
        return True

    @without_frames
    def save_login(self, profile_id: str, profile: StoredProfile, plan: Plan) -> list[Path]:
        """Store a finished login: the profile, then the configuration, then OpenClaw's derived catalog.

        Everything is read and rendered first: a file that cannot be parsed means DocumentError and nothing
        written. The profile goes first: it is what cannot be had again, and alone it does no harm. Returns
        the files the login is in. Takes the lock itself, waiting for it (StoreBusy).
        """
        self._config_rewrite(plan, profile.provider)
        self._profiles_rewrite(lambda document: profile_edits(document, profile_id, profile))
        with self.profiles_lock().hold(self.fs.pause):
            path = self._edit_profiles(lambda document: profile_edits(document, profile_id, profile))
            return [path, *self._edit_config(plan, profile.provider)]

    # -- reading ---------------------------------------------------------------------------

    def _snapshot(self, reading: Reading) -> Snapshot:
        config = self._config(reading)
        view = ConfigView(config.value, self._environ)
        problems: list[DocumentError] = []
        logins, sources = self._logins(config.era, reading, problems)
        return Snapshot(
            config=view,
            era=config.era,
            profiles=logins.profiles,
            order=logins.order,
            stats=logins.stats,
            models_json=self._models_json(reading, problems),
            sources=sources,
            problems=tuple(problems),
        )

    def _config(self, reading: Reading) -> _Config:
        path = self.home.config_path
        document = reading.document(path) or Document("", {})
        _check_object(path, document)
        base = resolve_includes(document.value, path, reading.value)
        era = self._era_of(base, reading)
        if era == "json":
            return _Config(era, base, {}, path, document, reading.stamps[path])
        own = self.home.own_config
        overlay = reading.document(own) or Document("", {})
        _check_object(own, overlay)
        return _Config(era, base, overlay.value, own, overlay, reading.stamps[own])

    def _era_of(self, config: Any, reading: Reading) -> Era:
        has_database = any(reading.watch(path) for path in databases(self.home))
        return "sqlite" if has_database or ConfigView(config).says_sqlite else "json"

    def _logins(
        self, era: Era, reading: Reading, problems: list[DocumentError]
    ) -> tuple[Profiles, dict[str, Path]]:
        path = self._profiles_path(era)
        try:
            document = reading.document(path, may_be_torn=True)
        except DocumentError as error:
            problems.append(error.with_traceback(None))
            document = None
        own = read_profiles(document.value) if document else Profiles()
        problems += [DocumentError(f"{path}: {text}", path=path) for text in own.problems]
        sources = dict.fromkeys(own.profiles, path)
        if era == "json":
            return own, sources
        for file in watched(self.home):
            reading.watch(file)
        theirs = self._read_sqlite(self.home, self.fs)
        problems += theirs.problems
        return own.over(theirs.profiles), {**theirs.sources, **sources}

    def _models_json(self, reading: Reading, problems: list[DocumentError]) -> dict[str, ProviderEntry]:
        try:
            value = reading.value(self.home.models_json)
        except DocumentError as error:
            problems.append(error.with_traceback(None))
            value = None
        view = ConfigView({"models": value}, self._environ)
        return {key: entry for key in view.provider_ids if (entry := view.provider(key))}

    def _profiles_path(self, era: Era | None = None) -> Path:
        json_era = (era or self._config(Reading(self.fs)).era) == "json"
        return self.home.auth_profiles if json_era else self.home.own_profiles

    # -- writing ---------------------------------------------------------------------------

    def _edit_config(self, plan: Plan, provider_id: str | None) -> list[Path]:
        for _ in range(_MERGES):
            rewrites = self._config_rewrite(plan, provider_id)
            try:
                for rewrite in rewrites:
                    self._write(rewrite)
            except FileChanged:
                continue
            return [rewrite.path for rewrite in rewrites]
        raise _restless(self.home.config_path)

    def _config_rewrite(self, plan: Plan, provider_id: str | None) -> list[_Rewrite]:
        """The configuration as `plan` wants it, and `models.json` if it would contradict it."""
        reading = Reading(self.fs)
        config = self._config(reading)
        before = ConfigView(config.value, self._environ)
        edits = [
            Edit(change.path, with_references(before.raw(change.path), change.value, self._environ))
            for change in plan(before)
        ]
        new = _edited(config.file, config.document.text, _for_file(config, edits))
        after = ConfigView(self._merged(config, new, reading), self._environ)
        for change in edits:
            if not takes_effect(change.value, after.raw(change.path)):
                raise _set_elsewhere(config.file, change)
        rewrite = _Rewrite(config.file, config.document.text, new, config.stamp)
        if config.era == "sqlite":
            return [rewrite]
        return [rewrite, *self._catalog_rewrite(reading, before, after, provider_id)]

    def _merged(self, config: _Config, new: str, reading: Reading) -> Any:
        """The whole configuration, once the text of the file we write is `new`."""
        value = parsed(config.file, new).value
        if config.era == "sqlite":
            return overlaid(config.base, value)
        return resolve_includes(value, config.file, reading.value)

    def _catalog_rewrite(
        self, reading: Reading, before: ConfigView, after: ConfigView, provider_id: str | None
    ) -> list[_Rewrite]:
        path = self.home.models_json
        moved = {key for key in after.provider_ids if before.base_url(key) != after.base_url(key)}
        moved |= {provider_id} if provider_id else set()
        if not moved:
            return []
        from openclaw_ipython.openclaw.config_edit import catalog_entry, catalog_patch

        document = reading.document(path)
        catalog = ConfigView({"models": document.value if document else {}})
        edits = [change for key in sorted(moved) for change in catalog_patch(catalog, after, key)]
        edits += catalog_entry(catalog, after, provider_id) if provider_id else []
        if not edits:
            return []
        old = document.text if document else ""
        return [_Rewrite(path, old, _edited(path, old, edits), reading.stamps.get(path))]

    def _edit_profiles(self, plan: Callable[[Any], Sequence[Edit]]) -> Path:
        path = self._profiles_path()
        for _ in range(_MERGES):
            rewrite = self._profiles_rewrite(plan)
            try:
                if rewrite is not None:
                    self._write(rewrite)
            except FileChanged:
                continue
            return path
        raise _restless(path)

    def _profiles_rewrite(self, plan: Callable[[Any], Sequence[Edit]]) -> _Rewrite | None:
        """The credentials file as `plan` wants it; None if that changes nothing."""
        path = self._profiles_path()
        reading = Reading(self.fs)
        document = reading.document(path, may_be_torn=True) or Document("", {})
        new = _edited(path, document.text, plan(document.value))
        return None if new == document.text else _Rewrite(path, document.text, new, reading.stamps[path])

    def _write(self, rewrite: _Rewrite) -> None:
        if rewrite.new != rewrite.old:
            self._last = None
            write_atomically(rewrite.path, rewrite.new, expect=rewrite.expect, fs=self.fs)


# -- decisions -----------------------------------------------------------------------------


def _for_file(config: _Config, edits: Sequence[Edit]) -> list[Edit]:
    """The edits as the file we write needs them: an overlay corrects what is under it."""
    if config.era == "json":
        return list(edits)
    base = ConfigView(config.base)
    return [Edit(change.path, correction(base.raw(change.path), change.value)) for change in edits]


def _edited(path: Path, text: str, edits: Sequence[Edit]) -> str:
    from openclaw_ipython.openclaw.json5.edit import edit  # loaded when something is changed

    try:
        return edit(text, edits)
    except Json5Error as error:
        failure = unreadable(path, error)
    raise failure


def _check_object(path: Path, document: Document) -> None:
    if not isinstance(document.value, Mapping):
        raise DocumentError(
            f"{path} is not an object", path=path, line=1, hint=f"correct {path.name}, or move it away"
        )


def _set_elsewhere(path: Path, change: Edit) -> DocumentError:
    return DocumentError(
        f"`{dotted(change.path)}` comes from a file that {path.name} includes; nothing was written",
        path=path,
        hint="change it in the included file",
    )


def _restless(path: Path) -> StoreBusy:
    return StoreBusy(
        f"{path.name} keeps being changed by another program", path=path, hint="try again in a moment"
    )
