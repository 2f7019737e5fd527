"""A home that is signed in to a practice portal on loopback, which workers in other processes reach too."""

import asyncio
import os
from pathlib import Path

import pytest
from scripted_portal import Portal
from signed_in import sign_in

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store


class RemotePortal:
    """A portal that other processes reach over loopback, and a client that is signed in to it; with the real clock."""

    def __init__(self, portal, origin, folder):
        self.portal = portal
        self.origin = origin
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin, "OPENCLAW_HOME": str(folder)}
        self.home = locate(environ, None, Path.exists)
        self.client = Client(store=Store(self.home, Runtime(environ)), runtime=Runtime(environ))
        asyncio.run(sign_in(environ, portal))

    def chats(self):
        return [r for r in self.portal.requests if r.path.endswith("/chat/completions")]

    def prompts(self):
        return [r.json()["messages"][-1]["content"] for r in self.chats()]

    def tokens(self):
        """Every bearer that was sent so remote."""
        return {r.bearer() for r in self.chats()}


@pytest.fixture
def remote(tmp_path):
    portal = Portal()
    with portal.serve() as origin:
        yield RemotePortal(portal, origin, tmp_path / "remote")


@pytest.fixture(scope="module")
def cluster_home(tmp_path_factory):
    """A temporary folder for the files of clusters, which is searched for secrets."""
    folder = tmp_path_factory.mktemp("cluster")
    before = {name: os.environ.get(name) for name in ("HOME", "IPYTHONDIR", "TMPDIR")}
    os.environ.update(HOME=str(folder), IPYTHONDIR=str(folder / "ipython"))
    yield folder
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
