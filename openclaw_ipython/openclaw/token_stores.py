"""Where an OAuth login lives, and the manners that hold there: a profile of the store, or Qwen Code's own file.

`tokens` renews a login without knowing whose file it is in. Here stands what differs: which lock, how early, how
long a refresh may take, what a refusal means. Reading and writing is the business of `config`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from openclaw_ipython.values import dataclass

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.locks import Lock
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.store import Store

REFRESH_MARGIN = 300.0  # seconds before expiry at which a token is renewed


@dataclass(frozen=True)
class Manners:
    """How a login is renewed where it lives. Times in seconds.

    `early`: how long before its end a token is renewed. `request`: how long the refresh may take in all; the lock
    is held meanwhile, and a lock that is held longer may be taken. `second_look`: how long to look for the result
    of somebody else after a refusal. `again` is what to type when the login is dead.
    """

    early: float
    request: float
    second_look: float
    again: str


class TokenHome(Protocol):
    """One login, wherever it is stored. `name` is what it is called in sentences."""

    @property
    def name(self) -> str:
        """For sentences: `the login qwen-portal:default`."""

    @property
    def path(self) -> Path:
        """The file it is in."""

    @property
    def manners(self) -> Manners:
        """What holds in this place."""

    def read(self) -> StoredProfile | None:
        """The login as it stands now, None if there is none. Raises DocumentError for an unusable file."""

    def lock(self) -> Lock:
        """What to hold around reading, refreshing and writing."""

    def write(self, profile: StoredProfile) -> None:
        """Store renewed tokens. Raises ConfigError when that is not possible; the file is then as it was."""


class StoreProfile:
    """A profile in `auth-profiles.json`, or in our own file beside it, under OpenClaw's lock."""

    # OpenClaw takes a lock that is older than 30 s from its holder.
    manners = Manners(early=REFRESH_MARGIN, request=20.0, second_look=0.0, again="%openclaw login --force")

    def __init__(self, store: Store, profile_id: str) -> None:
        self._store = store
        self._id = profile_id
        self.name = f"the login {profile_id}"
        self.path = store.home.auth_profiles

    def read(self) -> StoredProfile | None:
        """The profile, None if there is none."""
        return self._store.load().profiles.get(self._id)

    def lock(self) -> Lock:
        """OpenClaw's."""
        return self._store.profiles_lock()

    def write(self, profile: StoredProfile) -> None:
        """Store the profile; the others stay byte for byte."""
        self._store.save_profile(self._id, profile)
