"""Where an OAuth login lives, and the manners that hold there: a profile of the store, or Qwen Code's own file.

`tokens` renews a login without knowing whose file it is in. Here stands what differs: which lock, how early, how
long a refresh may take, what a refusal means. Reading and writing is the business of `config`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from openclaw_ipython.auth.credentials import REFRESH_MARGIN
from openclaw_ipython.values import dataclass
from openclaw_ipython.words import translatable

if TYPE_CHECKING:
    from openclaw_ipython.config.documents import StoredProfile
    from openclaw_ipython.config.locks import Lock
    from openclaw_ipython.config.qwen_code import QwenCodeFile
    from openclaw_ipython.config.store import Store


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


class QwenCodeLogin:
    """Qwen Code's login, in place.

    Its rule is to use a token until thirty seconds before its end. Old releases take its lock after ten seconds, so
    a refresh under it ends after eight. A refused refresh mostly means that a Qwen Code was faster and is writing.
    """

    manners = Manners(
        early=30.0,
        request=8.0,
        second_look=2.0,
        again=translatable("sign in with Qwen Code again, or %openclaw login"),
    )

    def __init__(self, file: QwenCodeFile) -> None:
        self._file = file
        self.name = "the sign-in of Qwen Code"
        self.path = file.path

    def read(self) -> StoredProfile | None:
        """The login, read anew: Qwen Code may have renewed it."""
        return self._file.read()

    def lock(self) -> Lock:
        """Qwen Code's."""
        return self._file.lock()

    def write(self, profile: StoredProfile) -> None:
        """Write the tokens back; every other key stays."""
        self._file.write(profile)
