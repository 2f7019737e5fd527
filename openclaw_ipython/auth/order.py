"""In which order the stored logins of a provider are tried. Pure; OpenClaw's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.cooldown import last_used, rest_of

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.profiles import StoredProfile

_KINDS = {"oauth": 0, "token": 1, "api_key": 2}


def ordered_profiles(
    profiles: Iterable[StoredProfile],
    order: Iterable[str],
    config: ConfigView,
    provider_id: str,
    *,
    now: int,
    usable: Callable[[StoredProfile], bool],
    record: Callable[[str], Mapping[str, Any]],
    stays: str = "",
    backup: str = "",
) -> list[StoredProfile]:
    """The usable logins of a provider, the one to be tried first in front.

    `order` is the person's own from the credentials file, before the one in the configuration. Without either:
    those that `auth.profiles` names (all, if none of these is stored), by kind, then the one used least recently,
    but `stays` before others of its kind: a conversation keeps its login. `backup` is for when nothing else is left,
    unless the person's order names it. Resting ones come last, soonest first. `now` is epoch
    milliseconds, `record` gives the `usageStats` of a profile.
    """
    mine = {p.id: p for p in profiles if p.provider.lower() == provider_id}
    wished = list(order) or list(config.auth_order(provider_id))
    modes = config.configured_profiles(provider_id)
    named = [mine[id_] for id_ in dict.fromkeys(wished or modes) if id_ in mine]
    pool = named or list(mine.values())
    if backup in mine and mine[backup] not in pool:
        pool.append(mine[backup])
    able = [p for p in pool if usable(p) and _fits(modes.get(p.id), p.type)]
    if not wished or not named:
        able.sort(key=lambda p: (p.id == backup, _kind(p), p.id != stays, last_used(record(p.id))))

    def rest(profile: StoredProfile) -> float:
        resting = rest_of(record(profile.id), now)
        return resting.seconds if resting else 0.0

    return sorted(able, key=rest)


def _kind(profile: StoredProfile) -> int:
    return _KINDS.get(profile.type, len(_KINDS))


def _fits(mode: str | None, kind: str) -> bool:
    """Whether a login is what the configuration says it is; nothing said fits."""
    return not mode or mode == kind or (mode == "oauth" and kind == "token")
