"""The credentials in `auth-profiles.json`: one login per profile, most of them for other services than ours.

Pure: parsed JSON in, values and edits out. A profile that cannot be read does not hide the others; a change touches one
profile and keeps every key it does not know. Tokens are `Secret`s from the moment they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit, mapping_at, member_at
from openclaw_ipython.sanitize.secrets import HiddenFields, Secret

TYPES = ("oauth", "api_key", "token")
_SECRETS = ("access", "refresh", "key", "token")
_REFERENCES = {"api_key": "keyRef", "token": "tokenRef"}
_KNOWN = frozenset({"type", "provider", "expires", "email", *_SECRETS})
_OLD_NAMES = {"mode": "type", "apiKey": "key"}


class StoredProfile(HiddenFields, Struct, frozen=True):
    """One stored login. `expires` is epoch milliseconds.

    `oauth` has `access` and mostly `refresh`; `api_key` has `key` and `token` has `token`, or either has a
    reference to a variable, which stays in `extra`: everything else that the record holds.
    """

    id: str
    type: str
    provider: str
    access: Secret | None = None
    refresh: Secret | None = None
    key: Secret | None = None
    token: Secret | None = None
    expires: int | None = None
    email: str | None = None
    extra: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"StoredProfile({self.id!r}, {self.type!r}, {self.provider!r}, expires={self.expires})"

    @property
    def credential(self) -> str:
        """What it holds, in OpenClaw's words: `oauth`, `api-key`, `token`, `api-key-ref`, `token-ref`."""
        if self.type == "oauth":
            return self.type
        name = "api-key" if self.type == "api_key" else "token"
        return name if self.key or self.token else f"{name}-ref"

    def secret(self, environ: Mapping[str, str]) -> Secret | None:
        """What requests send: access token, token or key; a reference is looked up in the environment."""
        stored = self.access or self.token or self.key
        if stored:
            return stored
        reference = self.extra.get(_REFERENCES.get(self.type, ""))
        if not isinstance(reference, Mapping) or reference.get("source") != "env":
            return None
        value = environ.get(str(reference.get("id")), "").strip()
        return Secret(value) if value else None


class Profiles(Struct, frozen=True):
    """The content of a credentials file. `problems` are messages about profiles that had to be left out.

    `order` is provider → profile ids in the order they are to be tried; `stats` are OpenClaw's records of failures
    and cooldowns, per profile, as they are written.
    """

    profiles: Mapping[str, StoredProfile] = {}
    order: Mapping[str, list[str]] = {}
    stats: Mapping[str, Mapping[str, Any]] = {}
    problems: tuple[str, ...] = ()

    def over(self, base: Profiles) -> Profiles:
        """These and those of `base`; of two with one id, these. Problems are left out."""
        return Profiles(
            {**base.profiles, **self.profiles}, {**base.order, **self.order}, {**base.stats, **self.stats}
        )


def read_profiles(document: Any) -> Profiles:
    """The profiles of a parsed file. Profiles with values of the wrong type are problems."""
    if not isinstance(document, Mapping):
        return Profiles(problems=("it is not an object",))
    found: dict[str, StoredProfile] = {}
    problems = []
    for profile_id, record in mapping_at(document, "profiles").items():
        profile = _profile(profile_id, record)
        if isinstance(profile, str):
            problems.append(f"profile {profile_id!r}: {profile}")
        else:
            found[profile_id] = profile
    order, stats = _order(mapping_at(document, "order")), mapping_at(document, "usageStats")
    stats = {profile_id: record for profile_id, record in stats.items() if isinstance(record, Mapping)}
    return Profiles(found, order, stats, tuple(problems))


def version_edits(document: Any) -> list[Edit]:
    """The edit that gives a credentials document a version, if it has none."""
    return [] if isinstance(document, Mapping) and "version" in document else [Edit(("version",), 1)]


def profile_edits(document: Any, profile_id: str, profile: StoredProfile) -> list[Edit]:
    """The edits that store a profile: its keys are set, credentials it no longer has are removed, other keys stay."""
    version = version_edits(document)
    path = ("profiles", profile_id)
    record = _record(profile)
    old = member_at(document, path)
    if not isinstance(old, Mapping):
        return [*version, Edit(path, record)]
    gone = [key for key in old if key not in record and (key in _KNOWN or key in _OLD_NAMES)]
    return [
        *version,
        *(Edit((*path, key), value) for key, value in record.items()),
        *(Edit((*path, key), REMOVE) for key in gone),
    ]


def removal_edits(document: Any, profile_id: str) -> list[Edit]:
    """The edits that remove a profile and its statistics; the order chosen by the user stays."""
    if member_at(document, ("profiles", profile_id)) is None:
        return []
    edits = [Edit(("profiles", profile_id), REMOVE)]
    if isinstance(last_good := member_at(document, ("lastGood",)), Mapping):
        edits += [Edit(("lastGood", key), REMOVE) for key, value in last_good.items() if value == profile_id]
    if member_at(document, ("usageStats", profile_id)) is not None:
        edits.append(Edit(("usageStats", profile_id), REMOVE))
    return edits


# -- one record ----------------------------------------------------------------------------


def _profile(profile_id: str, record: Any) -> StoredProfile | str:
    """The profile, or what is wrong with it. Old names (`mode`, `apiKey`) are read as OpenClaw reads them."""
    if not isinstance(record, Mapping):
        return "it is not an object"
    values = {new: record[old] for old, new in _OLD_NAMES.items() if old in record}
    values |= {key: value for key, value in record.items() if key not in _OLD_NAMES}
    if values.get("email") is None:
        values.pop("email", None)
    if values.get("type") not in TYPES:
        return "its type is unknown"
    for key in ("provider", "email", *_SECRETS):
        if key in values and not isinstance(values[key], str):
            return f"{key} is not a text"
    if not values.get("provider"):
        return "it names no provider"
    if "expires" in values and not is_time(values["expires"]):
        return "expires is not a time"
    if not _has_credential(values):
        return "it holds no credential"
    return StoredProfile(
        id=profile_id,
        type=values["type"],
        provider=values["provider"],
        **{name: Secret(values[name]) if values.get(name) else None for name in _SECRETS},
        expires=int(values["expires"]) if "expires" in values else None,
        email=values.get("email"),
        extra={k: v for k, v in values.items() if k not in _KNOWN},
    )


def _has_credential(values: Mapping[str, Any]) -> bool:
    if values["type"] == "oauth":
        return bool(values.get("access") or values.get("refresh"))
    name = "key" if values["type"] == "api_key" else "token"
    return bool(values.get(name)) or isinstance(values.get(_REFERENCES[values["type"]]), Mapping)


def is_time(value: Any) -> bool:
    """Whether `value` is a time in milliseconds since the epoch."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < 2**63  # which neither infinity nor "not a number" is


def _record(profile: StoredProfile) -> dict[str, Any]:
    record: dict[str, Any] = {"type": profile.type, "provider": profile.provider}
    for name in _SECRETS:
        secret: Secret | None = getattr(profile, name)
        if secret is not None:
            record[name] = secret.reveal()
    if profile.expires is not None:
        record["expires"] = profile.expires
    if profile.email is not None:
        record["email"] = profile.email
    return record | {key: value for key, value in profile.extra.items() if key not in _KNOWN}


def _order(value: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        provider: [item for item in ids if isinstance(item, str)]
        for provider, ids in value.items()
        if isinstance(ids, list)
    }
