"""A home with MCP servers of the tests, and their processes."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from openclaw_ipython.mcp.entries import Consent
from openclaw_ipython.mcp.offer import offer
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.runtime.env import Runtime

PROGRAM = Path(__file__).with_name("mcp_programs.py")


class Servers:
    """A home with servers of the tests' kinds, each with a folder for what happens to it."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.store = Store(locate({}, folder, Path.exists), Runtime(environ))
        self.own = self.store.home.own_dir
        self.consent = Consent(self.own)
        self.entries: dict[str, dict] = {}

    def add(self, name: str, kind: str, **entry) -> None:
        """A server of this kind; with more in its entry, or another one altogether."""
        (self.folder / name).mkdir(exist_ok=True)
        arguments = [str(PROGRAM), kind, str(self.folder / name)]
        patient = {"connectionTimeoutMs": 60_000}  # a busy machine is no failure
        command = {"command": sys.executable, "args": arguments, **patient}
        self.entries[name] = (command if "url" not in entry and "httpUrl" not in entry else {}) | entry
        path = self.store.home.config_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"mcp": {"servers": self.entries}}), "utf-8")

    def offer(self, *words: str, approve=lambda _server: True, **options):
        return offer([f"mcp:{word}" for word in words], self.store, approve, **options)[0]

    def lines(self, name: str, file: str) -> list[str]:
        path = self.folder / name / file
        return path.read_text("utf-8").split() if path.exists() else []

    def running(self) -> list[int]:
        """The processes of all servers that were ever started here and still run."""
        pids = [int(pid) for name in self.entries for pid in self.lines(name, "started")]
        return [pid for pid in pids if is_running(pid)]

    def are_gone(self) -> bool:
        """Whether the processes of all servers end, soon."""
        psutil.wait_procs([psutil.Process(pid) for pid in self.running()], timeout=20)
        return self.running() == []


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def served(kind: str, folder: Path, token: str = "") -> Iterator[int]:
    """A server of this kind on a port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, PROGRAM, kind, folder, str(port), token])
    try:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                continue
        yield port
    finally:
        process.kill()
        process.wait()
