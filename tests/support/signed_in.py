"""A home that is signed in at the practice portal, for runs without a person: notebooks, the documentation site."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from scripted_portal import Portal

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store


async def sign_in(environ: dict[str, str], portal: Portal) -> None:
    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    store = Store(locate(environ, None, Path.exists), Runtime(environ))
    async with Client(store=store, runtime=Runtime(environ, sleep=at_once)) as client:
        async for event in client.login():
            if hasattr(event, "prompt"):
                portal.approve(event.prompt.user_code)


@contextlib.contextmanager
def signed_in(folder: Path) -> Iterator[dict[str, str]]:
    """Environment variables for kernels: a home in `folder`, signed in at a practice portal that runs meanwhile."""
    portal = Portal()
    with portal.serve() as origin:
        ours = {"OPENCLAW_HOME": str(folder), "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        asyncio.run(sign_in(ours, portal))
        yield os.environ | ours | {"IPYTHONDIR": str(folder / "ip")}
