"""Where the tokens of an OAuth login are stored, and how they are refreshed there: OpenClaw's credentials file.

Qwen Code's file is in `qwen_code.credentials`, with the same methods. What differs from file to file is the lock, how
early a token is refreshed, how long a refresh may take, and what a refusal means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.locks import LockFile
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.store import Store

REFRESH_MARGIN = 300.0
"""Seconds before its expiry at which OpenClaw refreshes a token."""


class RefreshPolicy(Struct, frozen=True):
    """How a login is refreshed in its store. Times in seconds.

    `refresh_margin`: how long before its expiry a token is refreshed. `request_timeout`: how long a refresh may take
    in all; the lock is held meanwhile, and other programs take a lock that is held too long. `reread_timeout`: how long
    the file is read again after a refusal, because another program may be writing the tokens it got. `hint` is the
    command that signs in again when the login is no longer accepted.
    """

    refresh_margin: float
    request_timeout: float
    reread_timeout: float
    hint: str


class ProfileTokenStore:
    """A profile in `auth-profiles.json`, or in our own file beside it, under OpenClaw's lock."""

    # OpenClaw takes a lock that is older than 30 s.
    policy = RefreshPolicy(
        refresh_margin=REFRESH_MARGIN,
        request_timeout=20.0,
        reread_timeout=0.0,
        hint="%openclaw login --force",
    )

    def __init__(self, store: Store, profile_id: str) -> None:
        self._store = store
        self._profile_id = profile_id
        self.name = f"the login {profile_id}"
        self.path = store.home.auth_profiles

    def read(self) -> StoredProfile | None:
        """The profile, None if there is none."""
        return self._store.load().profiles.get(self._profile_id)

    def lock(self) -> LockFile:
        """OpenClaw's lock of the credentials file."""
        return self._store.profiles_lock()

    def write(self, profile: StoredProfile) -> None:
        """Store the profile; the others stay byte for byte."""
        self._store.save_profile(self._profile_id, profile)
