"""Real kernels, each a fresh process, with every message to the front end timed and weighed as it arrives."""

from __future__ import annotations

import ast
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

SHOWN = frozenset(
    {
        "display_data",
        "update_display_data",
        "execute_result",
        "stream",
        "clear_output",
        "comm_open",
        "comm_msg",
    }
)
MIB = 1024 * 1024
_PATIENCE = 300.0  # seconds; a cell that takes longer is a defect


@dataclass(frozen=True, slots=True)
class Message:
    """One message to the front end: when it was here (monotonic), its kind, its bytes, its text."""

    at: float
    kind: str
    size: int
    text: str


@dataclass(slots=True)
class Cell:
    """One executed cell. Times are monotonic seconds."""

    started: float
    ended: float = 0.0
    status: str = ""
    traceback: str = ""
    messages: list[Message] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def size(self) -> int:
        return sum(message.size for message in self.messages)

    def completed(self) -> Self:
        """Itself. Raises RuntimeError when the cell failed: then its figures mean nothing."""
        if self.status != "ok":
            raise RuntimeError(f"the cell failed:\n{self.traceback}")
        return self


class Kernel:
    """A kernel that runs while a `with` block does, of this Python or of the one at `python`."""

    def __init__(
        self, environ: Mapping[str, str], folder: Path, name: str, python: str = sys.executable
    ) -> None:
        self._environ = dict(environ)
        self._manager = KernelManager(
            kernel_name=_registered(folder, name, python),
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder)], ensure_native_kernel=False),
            connection_file=str(folder / f"{name}-{time.monotonic_ns()}.json"),
        )
        self._folder = folder

    def __enter__(self) -> Self:
        quiet = ["--IPKernelApp.log_level=ERROR"]
        self._manager.start_kernel(env=self._environ, cwd=str(self._folder), extra_arguments=quiet)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        for _ in range(2):  # what every kernel does once, at its first cells
            self.run("pass")
        self._process = psutil.Process(self.value("__import__('os').getpid()"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    def run(
        self,
        code: str,
        *,
        watch: Callable[[Cell], None] | None = None,
        ask: Mapping[str, str] | None = None,
        silent: bool = False,
    ) -> Cell:
        """Run a cell to its end. `watch` sees it while it runs; `ask` names expressions to evaluate after it."""
        cell = Cell(time.monotonic())
        asked = self._client.execute(code, silent=silent, allow_stdin=False, user_expressions=dict(ask or {}))
        socket = self._client.iopub_channel.socket
        while not cell.ended:
            if cell.started + _PATIENCE < time.monotonic():
                raise TimeoutError("the cell does not end")
            if socket.poll(20):
                self._take(cell, asked, socket.recv_multipart(), time.monotonic())
            if watch is not None:
                watch(cell)
        self._take_reply(cell, asked)
        return cell

    def value(self, expression: str) -> Any:
        """A Python literal from the kernel, asked for without a trace."""
        return self.run("", ask={"value": expression}, silent=True).values["value"]

    def cpu(self) -> float:
        """CPU seconds of the kernel so far, all threads; finer than the 10 ms ticks seen from outside."""
        return float(self.value("__import__('time').process_time()"))

    def rss(self) -> float:
        """Resident memory of the kernel in MiB."""
        return float(self._process.memory_info().rss) / MIB

    def handles(self) -> int:
        """Open file descriptors of the kernel; handles where the system calls them so."""
        count = getattr(self._process, "num_fds", None) or self._process.num_handles
        return int(count())

    def threads(self) -> int:
        """Threads of the kernel."""
        return int(self._process.num_threads())

    def ports_to(self, port: int) -> set[int]:
        """The local ports of its open connections to `port`."""
        return {
            link.laddr.port
            for link in self._process.net_connections("tcp")
            if link.raddr and link.raddr.port == port and link.status == psutil.CONN_ESTABLISHED
        }

    def interrupt(self) -> None:
        """What the *Interrupt* button does."""
        self._manager.interrupt_kernel()

    def _take(self, cell: Cell, asked: str, frames: list[bytes], at: float) -> None:
        _, parts = self._client.session.feed_identities(frames)
        message = self._client.session.deserialize(parts)
        if message["parent_header"].get("msg_id") != asked:
            return
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            cell.ended = at
        elif kind == "error":
            cell.traceback = "\n".join(content["traceback"])
        elif kind in SHOWN:
            text = content.get("text") or content.get("data", {}).get("text/plain", "")
            cell.messages.append(Message(at, kind, sum(map(len, parts)), text))

    def _take_reply(self, cell: Cell, asked: str) -> None:
        while True:
            reply = self._client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == asked:
                break
        cell.status = reply["content"]["status"]
        for name, value in reply["content"].get("user_expressions", {}).items():
            if value["status"] != "ok":
                raise RuntimeError(f"{name}: {value['ename']}: {value['evalue']}")
            cell.values[name] = ast.literal_eval(value["data"]["text/plain"])


def _registered(folder: Path, name: str, python: str) -> str:
    """The name under which a kernel of that Python is found in `folder`."""
    place = folder / f"kernel-{name}"
    place.mkdir(exist_ok=True)
    command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": name, "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec), "utf-8")
    return place.name
