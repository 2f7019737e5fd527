"""One kernel for a file of tests; before each test a fresh home, a fresh portal, a freshly loaded extension."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest
from scripted_portal import Portal
from signed_in import sign_in


@pytest.fixture(scope="module")
def module_kernel(tmp_path_factory):
    from jupyter_client.manager import start_new_kernel
    from kernels import Kernel

    folder = tmp_path_factory.mktemp("kernel")
    environ = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("OPENCLAW_", "QWEN_")) and "proxy" not in k.lower()
    }
    environ |= {
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "OPENCLAW_HOME": str(folder / "home"),
    }
    manager, client = start_new_kernel(kernel_name="python3", env=environ, cwd=str(folder))
    kernel = Kernel(manager, client)
    kernel.home = folder / "home"
    kernel.run("%load_ext openclaw_ipython")
    yield kernel
    client.stop_channels()
    manager.shutdown_kernel(now=True)


class Notebook:
    """A kernel with the extension loaded, a home, and a portal that is scripted by the test."""

    def __init__(self, kernel, portal: Portal, origin: str) -> None:
        self.kernel = kernel
        self.portal = portal
        self.origin = origin
        self.state = kernel.home / ".openclaw"
        self.run = kernel.run
        self.value = kernel.value

    def sign_in(self) -> None:
        """A finished login, by the quickest way that is a real one."""
        environ = {"OPENCLAW_HOME": str(self.kernel.home), "OPENCLAW_IPYTHON_OAUTH_ORIGIN": self.origin}
        asyncio.run(sign_in(environ, self.portal))

    def config(self) -> dict:
        return json.loads((self.state / "openclaw.json").read_text("utf-8"))

    def profiles(self) -> dict:
        return json.loads(
            (self.state / "agents" / "main" / "agent" / "auth-profiles.json").read_text("utf-8")
        )["profiles"]

    def files(self) -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in sorted(self.state.rglob("*")) if p.is_file()}

    def chats(self):
        return [r for r in self.portal.requests if r.path.endswith("/chat/completions")]

    def last_display(self) -> str:
        return list(self.kernel.displays.values())[-1].get("text/plain", "")


@pytest.fixture
def notebook(module_kernel):
    kernel = module_kernel
    shutil.rmtree(kernel.home, ignore_errors=True)
    Path(kernel.home).mkdir(parents=True)
    portal = Portal()
    with portal.serve() as origin:
        kernel.run(
            "%unload_ext openclaw_ipython\n"
            f"import os; os.environ['OPENCLAW_IPYTHON_OAUTH_ORIGIN'] = {origin!r}\n"
            "%load_ext openclaw_ipython\n"
            "%config OpenClaw.debug = False"
        )
        kernel.displays.clear()
        kernel.traffic.clear()
        yield Notebook(kernel, portal, origin)
        kernel.run("%unload_ext openclaw_ipython")


@pytest.fixture
def signed_in(notebook):
    notebook.sign_in()
    notebook.kernel.displays.clear()
    return notebook
