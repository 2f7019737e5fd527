"""A home that is signed in at a practice portal on loopback, so that workers in other processes reach it too."""

import asyncio
import os
from pathlib import Path

import pytest

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.practice import Portal


class Far:
    """A portal other processes can ask, and a client that is signed in there. The clock is the real one."""

    def __init__(self, portal, origin, folder):
        self.portal = portal
        self.origin = origin
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        self.home = locate(environ, folder, Path.exists)
        self._environ = environ
        self.client = Client(store=Store(self.home, Runtime(environ)), runtime=Runtime(environ))
        asyncio.run(self._login())

    async def _login(self):
        async def at_once(_):
            await asyncio.sleep(0)

        runtime = Runtime(self._environ, sleep=at_once)
        async with Client(store=Store(self.home, Runtime(self._environ)), runtime=runtime) as client:
            async for event in client.login():
                if hasattr(event, "prompt"):
                    self.portal.approve(event.prompt.user_code)

    def chats(self):
        return [r for r in self.portal.requests if r.path.endswith("/chat/completions")]

    def prompts(self):
        return [r.json()["messages"][-1]["content"] for r in self.chats()]

    def tokens(self):
        """Every bearer that was sent so far."""
        return {r.bearer() for r in self.chats()}


@pytest.fixture
def far(tmp_path):
    portal = Portal()
    with portal.serve() as origin:
        yield Far(portal, origin, tmp_path / "far")


@pytest.fixture(scope="module")
def cluster_home(tmp_path_factory):
    """A folder of their own for what clusters write; the folder to look for secrets in."""
    folder = tmp_path_factory.mktemp("cluster")
    before = {name: os.environ.get(name) for name in ("HOME", "IPYTHONDIR", "TMPDIR")}
    os.environ.update(HOME=str(folder), IPYTHONDIR=str(folder / "ipython"))
    yield folder
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
