"""What a client takes from outside itself: the environment, time, randomness. Tests hand in their own."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from openclaw_ipython.values import dataclass


@dataclass(frozen=True)
class World:
    """What a client takes from outside: time, randomness, the environment. Tests pass their own.

    `clock` is epoch seconds, `pulse` monotonic seconds.
    """

    environ: Mapping[str, str]
    clock: Callable[[], float] = time.time
    pulse: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
