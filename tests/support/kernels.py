"""A real kernel for tests: cells in, what a front end would have been told out."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from queue import Empty

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Cell:
    """What one cell brought. `displays` are the outputs in their last state, in order."""

    stdout: str = ""
    stderr: str = ""
    displays: dict[str, dict] = field(default_factory=dict)
    ename: str = ""
    evalue: str = ""
    traceback: str = ""
    messages: int = 0
    size: int = 0
    status: str = ""
    seconds: float = 0.0
    payload: list = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything a reader without HTML sees."""
        plain = [d.get("text/plain", "") for d in self.displays.values()]
        return "\n".join([self.stdout, *plain])

    @property
    def markdown(self) -> str:
        return "\n".join(d["text/markdown"] for d in self.displays.values() if "text/markdown" in d)

    def everything(self) -> str:
        return repr(
            (self.stdout, self.stderr, self.displays, self.ename, self.evalue, self.traceback, self.payload)
        )


class Kernel:
    """A client of one running kernel."""

    def __init__(self, manager, client) -> None:
        self.manager = manager
        self.client = client
        self.displays: dict[str, dict] = {}  # every output ever shown, by display id, in its last state
        self.traffic: list[str] = []

    def run(
        self, code: str, *, attended: bool = True, timeout: float = 20, during=None, cell_id: str = ""
    ) -> Cell:
        """Execute `code`; `during(cell)` is called after every message and between them.

        `cell_id` is what JupyterLab and VS Code tell of the cell that runs.
        """
        started = time.monotonic()
        sent = self._send(code, attended, cell_id)
        cell = Cell()
        while True:
            if time.monotonic() - started > timeout:
                self.interrupt()
                raise AssertionError(f"no end of {code!r}: {cell}")
            if during is not None:
                during(cell)
            try:
                message = self.client.get_iopub_msg(timeout=0.02 if during else 1)
            except Empty:
                continue
            mine = message["parent_header"].get("msg_id") == sent
            self._take(message, cell, mine)
            if mine and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        cell.seconds = time.monotonic() - started
        reply = self.client.get_shell_msg(timeout=timeout)
        while reply["parent_header"].get("msg_id") != sent:
            reply = self.client.get_shell_msg(timeout=timeout)
        cell.status = reply["content"]["status"]
        cell.payload = reply["content"].get("payload", [])
        return cell

    def _send(self, code: str, attended: bool, cell_id: str) -> str:
        if not cell_id:
            return self.client.execute(code, allow_stdin=attended)
        content = {"code": code, "allow_stdin": attended, "store_history": True, "user_expressions": {}}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def _take(self, message, cell: Cell, mine: bool) -> None:
        kind, content = message["msg_type"], message["content"]
        self.traffic.append(repr(content))
        if kind in {"display_data", "update_display_data"}:
            display_id = content.get("transient", {}).get("display_id") or f"anonymous-{len(self.displays)}"
            self.displays[display_id] = content["data"]
            if kind == "display_data" and mine:
                cell.displays[display_id] = content["data"]
            if display_id in cell.displays:
                cell.displays[display_id] = content["data"]
            if mine:
                cell.messages += 1
                cell.size += len(repr(content["data"]))
        elif not mine:
            return
        elif kind == "stream":
            if content["name"] == "stdout":
                cell.stdout += content["text"]
            else:
                cell.stderr += content["text"]
        elif kind == "execute_result":
            cell.displays[f"result-{len(cell.displays)}"] = content["data"]
        elif kind == "error":
            cell.ename, cell.evalue = content["ename"], content["evalue"]
            cell.traceback = ANSI.sub("", "\n".join(content["traceback"]))

    def settle(self, condition, seconds: float = 10) -> bool:
        """Take in late updates until `condition()` holds."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            try:
                self._take(self.client.get_iopub_msg(timeout=0.05), Cell(), False)
            except Empty:
                continue
        return condition()

    def value(self, expression: str):
        """The value of an expression in the kernel, by its repr."""
        cell = self.run(f"print(repr({expression}))")
        assert not cell.ename, cell.traceback
        return eval(cell.stdout)

    def answering(self, *answers: str, asked: list[str] | None = None):
        """For `during`: give `answers` to the questions a cell asks, in order; the questions are put into `asked`."""
        left = list(answers)

        def during(cell: Cell) -> None:
            try:
                message = self.client.get_stdin_msg(timeout=0)
            except Empty:
                return
            if message["msg_type"] == "input_request":
                if asked is not None:
                    asked.append(message["content"]["prompt"])
                self.client.input(left.pop(0))

        return during

    def asked_now(self) -> str:
        """The question that a cell asks now, taken without an answer; empty without one."""
        try:
            message = self.client.get_stdin_msg(timeout=0)
        except Empty:
            return ""
        return message["content"]["prompt"] if message["msg_type"] == "input_request" else ""

    def complete(self, code: str) -> list[str]:
        sent = self.client.complete(code, len(code))
        while True:
            reply = self.client.get_shell_msg(timeout=20)
            if reply["parent_header"].get("msg_id") == sent:
                return reply["content"]["matches"]

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()
