"""The tasks that one implementation does in one kernel, and what is measured. `measures` pairs and judges them."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.implementations import Implementation
from benchmarks.kernels import Cell, Kernel
from benchmarks.sample_texts import prose

MEBIBYTE = 1024 * 1024
UPDATE_GAP = 0.02  # seconds; messages that are closer together count as one update
READING = 0.7  # seconds of reading before *Interrupt* is pressed
UNSEEN = 3.0  # the same for implementations that show nothing before the end

_LOAD = """\
import sys as _sys, time as _time
_before = set(_sys.modules)
_cpu = _time.process_time()
{}
_cpu = _time.process_time() - _cpu
_new = sorted(set(_sys.modules) - _before)
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A fresh kernel that loaded and answered once: CPU and time in ms, memory in MiB, what was imported."""

    cpu: float
    grown: float
    first_time: float
    first_cpu: float
    modules: list[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """One whole answer: CPU of the kernel in ms, growth of its memory in MiB, the cell."""

    cpu: float
    grown: float
    cell: Cell


@dataclass(frozen=True, slots=True)
class Stopped:
    """An interrupted answer: ms to the end of the cell, the share of the arrived text that is kept,
    characters of traceback, ms until the server saw the connection closed, whether the cell failed."""

    end: float
    kept: float
    traceback: int
    closed: float
    failed: bool


def load(
    kernel: Kernel, side: Implementation, prompt: str = "two", length: int = len("Two words.")
) -> Loaded:
    """Load, then the first answer, of `length` characters: once in the life of a kernel."""
    rss, cpu = kernel.rss(), kernel.cpu()
    loaded = kernel.run(_LOAD.format(side.load), ask={"cpu": "_cpu", "new": "_new"}).completed()
    grown = kernel.rss() - rss
    asked = kernel.run(side.ask(prompt)).completed()
    spent = kernel.cpu() - cpu
    _check_length(kernel, side, length)
    return Loaded(
        cpu=loaded.values["cpu"] * 1000,
        grown=grown,
        first_time=(loaded.seconds + asked.seconds) * 1000,
        first_cpu=spent * 1000,
        modules=loaded.values["new"],
    )


def tiny(kernel: Kernel, side: Implementation) -> float:
    """Two words from a warm kernel: milliseconds from cell sent to cell over."""
    return kernel.run(side.ask("two")).completed().seconds * 1000


def first_text(kernel: Kernel, side: Implementation) -> float:
    """Milliseconds from the server to the front end, of the first text."""
    cell = kernel.run(side.ask_flushed("stamp")).completed()
    for message in cell.messages:
        stamp = re.search(r"@(\d+)@", message.text)
        if stamp is not None:
            return (message.at - int(stamp[1]) / 1e9) * 1000
    raise RuntimeError("the stamped token was never shown")


def answer(kernel: Kernel, side: Implementation, prompt: str, length: int) -> Answered:
    """The answer to `prompt`, which has `length` characters."""
    rss, cpu = kernel.rss(), kernel.cpu()
    cell = kernel.run(side.ask(prompt)).completed()
    spent = kernel.cpu() - cpu
    grown = kernel.rss() - rss
    _check_length(kernel, side, length)
    return Answered(spent * 1000, grown, cell)


def paced(kernel: Kernel, side: Implementation, size: int, seconds: float) -> tuple[int, Answered]:
    """A long answer that comes evenly: updates in its slowest whole second, and the rest.

    The growth is the highest point over the start.
    """
    before, highest = kernel.rss(), 0.0

    def watch(cell: Cell) -> None:
        nonlocal highest
        highest = max(highest, kernel.rss())

    cpu = kernel.cpu()
    cell = kernel.run(side.ask(f"paced {size} {seconds}"), watch=watch).completed()
    spent = kernel.cpu() - cpu
    moments = [b.at for a, b in pairwise(cell.messages) if b.at - a.at > UPDATE_GAP]
    updates = Counter(int(at - moments[0]) for at in moments)
    slowest = min(updates[second] for second in range(int(seconds) - 1))
    return slowest, Answered(spent * 1000, highest - before, cell)


def interrupt(kernel: Kernel, side: Implementation, url: str) -> Stopped:
    """*Interrupt* while an endless answer streams in."""
    kernel.run(side.clear).completed()
    known = len(server_state(url)["disconnects"])
    pressed = 0.0

    def watch(cell: Cell) -> None:
        nonlocal pressed
        now = time.monotonic()
        seen = bool(cell.messages) and now - cell.messages[0].at > READING
        if not pressed and (seen or now - cell.started > UNSEEN):
            pressed = now
            kernel.interrupt()

    cell = kernel.run(side.ask("endless"), watch=watch)
    gone = _wait_for_disconnect(url, known)
    arrived = int(gone["sent"]) * 10
    kept = kernel.value(side.saved_text)
    if prose(len(kept)) != kept:
        raise RuntimeError(f"{side.name} kept something else than the beginning of the answer")
    return Stopped(
        end=(cell.ended - pressed) * 1000,
        kept=len(kept) / arrived if arrived else 0.0,
        traceback=len(cell.traceback),
        closed=(gone["time"] - pressed) * 1000,
        failed=cell.status == "error",
    )


def server_state(url: str) -> dict[str, Any]:
    """The disconnects and connections that the server has counted."""
    with urllib.request.urlopen(f"{url}/bench", timeout=10) as response:
        state: dict[str, Any] = json.load(response)
    return state


def _check_length(kernel: Kernel, side: Implementation, length: int) -> None:
    kept = kernel.value(f"len({side.saved_text})")
    if kept != length:
        raise RuntimeError(f"{side.name} kept {kept} characters of {length}")


def _wait_for_disconnect(url: str, known: int, patience: float = 5.0) -> dict[str, float]:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if len(seen := server_state(url)["disconnects"]) > known:
            state: dict[str, float] = seen[known]
            return state
        time.sleep(0.05)
    return {"time": float("inf"), "sent": 0}
