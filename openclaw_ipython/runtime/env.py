"""What a client takes from outside itself: the environment, time, randomness. Tests pass their own."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from random import random as _random

from msgspec import Struct

from openclaw_ipython.errors import hidden_fields


class Runtime(Struct, frozen=True):
    """The environment, the clocks and the sources of randomness of a client.

    `clock` gives the seconds since the epoch, `monotonic` seconds that never go back, `sleep` waits for so many
    seconds, `random` gives a number from 0 up to 1, `random_bytes` so many bytes fit for a secret.
    """

    environ: Mapping[str, str]
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = _random
    random_bytes: Callable[[int], bytes] = secrets.token_bytes

    def __repr__(self) -> str:
        return "Runtime(…)"  # the environment holds keys

    __rich_repr__ = hidden_fields
