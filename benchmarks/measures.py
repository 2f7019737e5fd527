"""What is measured, and how: each function runs one thing on both sides and adds a pair to its rows."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median
from urllib.parse import urlsplit

from benchmarks.kernels import Cell, Kernel
from benchmarks.rows import Row
from benchmarks.sides import HAND, OURS, Side
from benchmarks.texts import prose
from benchmarks.weight import added

DELTAS, DELTA = 5_000, 5
MEBIBYTE = 1024 * 1024
AT_ONCE = 0.02  # seconds; messages closer together are one update to the reader
EAGER = ("openclaw_ipython", "openclaw_ipython._version", "openclaw_ipython.errors", "openclaw_ipython.shell",
         "openclaw_ipython.shell.magics")  # fmt: skip

_LOAD = """\
import sys as _sys, time as _time
_before = set(_sys.modules)
_cpu = _time.process_time()
{}
_cpu = _time.process_time() - _cpu
_new = sorted(set(_sys.modules) - _before)
"""


@dataclass(slots=True)
class Pair:
    """A kernel for each side. `order` says which is asked first; it changes from pair to pair."""

    ours: Kernel
    hand: Kernel
    ours_first: bool
    url: str

    def each(self, act: Callable[[Kernel, Side], float]) -> tuple[float, float]:
        """`act` on both sides, one right after the other; ours, by hand."""
        if self.ours_first:
            first = act(self.ours, OURS)
            return first, act(self.hand, HAND)
        first = act(self.hand, HAND)
        return act(self.ours, OURS), first

    def turn(self) -> None:
        """The other side goes first from now on."""
        self.ours_first = not self.ours_first


class Measures:
    """The rows, in the order of the table."""

    def __init__(self) -> None:
        self.load_cpu = Row("%load_ext: CPU", "ms", 30)
        self.load_rss = Row("%load_ext: memory added", "MiB", 2)
        self.load_modules = Row("%load_ext: modules imported too early", "", 0)
        self.first_wall = Row("load + first two-word answer: time", "ms", 1.3, "ratio")
        self.first_cpu = Row("load + first two-word answer: CPU", "ms", None, "ratio")
        self.text = Row("first text after the server's first token", "ms", 15)
        self.deltas_cpu = Row("5,000 deltas of 5 characters: CPU", "ms", 1.3, "ratio")
        self.deltas_messages = Row("5,000 deltas: messages", "", 12)
        self.deltas_bytes = Row("5,000 deltas: bytes sent ÷ answer", "×", 4)
        self.mixed_cpu = Row("5,000 deltas, half code and tables: CPU", "ms", None, "ratio")
        self.mixed_bytes = Row("5,000 deltas, half code and tables: bytes ÷ answer", "×")
        self.paced_updates = Row("1 MiB answer: updates in the slowest second", "", 4, at_least=True)
        self.paced_bytes = Row("1 MiB answer: bytes sent ÷ answer", "×", 12)
        self.paced_rss = Row("1 MiB answer: growth of memory", "MiB", 30)
        self.paced_cpu = Row("1 MiB answer: CPU", "ms", None, "ratio")
        self.stop_end = Row("interrupt to end of cell", "ms", 50)
        self.stop_kept = Row("interrupt: share of the arrived text kept", "", 0.95, at_least=True)
        self.stop_traceback = Row("interrupt: characters of traceback", "", 200)
        self.stop_closed = Row("interrupt to connection closed at the server", "ms", 1000)
        self.tiny = Row("tiny request, warm kernel", "ms", 3, "difference")
        self.tiny_links = Row("tiny requests: connections used", "", 1)
        self.packages = Row("install: distributions added", "", 12)
        self.megabytes = Row("install: MiB added", "MiB", 15)

    def __iter__(self) -> Iterator[Row]:
        return (row for row in vars(self).values() if row.ours)

    # -- in a fresh pair of kernels --

    def load_and_first_answer(self, pair: Pair) -> None:
        """Loading, and loading with the first answer: once in the life of a kernel."""
        found: dict[str, tuple[float, ...]] = {}

        def act(kernel: Kernel, side: Side) -> float:
            rss, cpu = kernel.rss(), kernel.cpu()
            load = kernel.run(_LOAD.format(side.load), ask={"cpu": "_cpu", "new": "_new"}).completed()
            grown = kernel.rss() - rss
            ask = kernel.run(side.ask("two")).completed()
            modules: list[str] = load.values["new"]
            if side is OURS:
                self._note_modules(modules)
            spent = (kernel.cpu() - cpu) * 1000
            found[side.name] = (load.values["cpu"] * 1000, grown, (load.seconds + ask.seconds) * 1000, spent)
            return 0.0

        pair.each(act)
        rows = (self.load_cpu, self.load_rss, self.first_wall, self.first_cpu)
        for row, ours, hand in zip(rows, found[OURS.name], found[HAND.name], strict=True):
            row.add(ours, hand)

    def _note_modules(self, modules: list[str]) -> None:
        rooms = [name for name in modules if name.startswith("openclaw_ipython") and name not in EAGER]
        heavy = [name for name in modules if name in ("httpx", "ipywidgets", "asyncio", "ssl")]
        self.load_modules.add(len(rooms) + len(heavy))
        self.load_modules.note = f"{len(modules)} modules imported: {', '.join(modules)}"

    # -- in a warm pair --

    def tiny_requests(self, pair: Pair, count: int) -> None:
        """Two words from a warm kernel, again and again."""
        port = urlsplit(pair.url).port or 0
        used: set[int] = set()

        def act(kernel: Kernel, side: Side) -> float:
            seconds = kernel.run(side.ask("two")).completed().seconds
            if side is OURS:
                used.update(kernel.ports_to(port))
            return seconds * 1000

        both = []
        for _ in range(count):
            both.append(pair.each(act))
            pair.turn()
        self.tiny.add(median(ours for ours, _ in both), median(hand for _, hand in both))
        self.tiny_links.add(len(used))

    def first_text(self, pair: Pair, count: int) -> None:
        """How long after it left the server the first text is at the front end; by hand with a flush per delta."""

        def act(kernel: Kernel, side: Side) -> float:
            cell = kernel.run(side.ask_promptly("stamp")).completed()
            return _delay(cell) * 1000

        for _ in range(count):
            self.text.add(*pair.each(act))

    def deltas(self, pair: Pair) -> None:
        """Many small deltas at full speed."""
        for kind, cpu, size in (
            ("prose", self.deltas_cpu, self.deltas_bytes),
            ("mixed", self.mixed_cpu, self.mixed_bytes),
        ):
            found: dict[str, Cell] = {}
            cpu.add(*pair.each(partial(_answered, kind=kind, found=found)))
            ours, hand = found[OURS.name], found[HAND.name]
            size.add(ours.size / (DELTAS * DELTA), hand.size / (DELTAS * DELTA))
            if kind == "prose":
                self.deltas_messages.add(len(ours.messages), len(hand.messages))

    def interrupts(self, pair: Pair) -> None:
        """*Interrupt* while text streams in."""
        found: dict[str, tuple[float, ...]] = {}

        def act(kernel: Kernel, side: Side) -> float:
            found[side.name] = _interrupted(kernel, side, pair.url)
            return 0.0

        pair.each(act)
        rows = (self.stop_end, self.stop_kept, self.stop_traceback, self.stop_closed)
        for row, ours, hand in zip(rows, found[OURS.name], found[HAND.name], strict=True):
            row.add(ours, hand)

    def long_answer(self, pair: Pair, seconds: float) -> None:
        """A long answer that arrives evenly."""
        found: dict[str, tuple[float, ...]] = {}

        def act(kernel: Kernel, side: Side) -> float:
            found[side.name] = _paced(kernel, side, seconds)
            return 0.0

        pair.each(act)
        rows = (self.paced_updates, self.paced_bytes, self.paced_rss, self.paced_cpu)
        for row, ours, hand in zip(rows, found[OURS.name], found[HAND.name], strict=True):
            row.add(ours, hand)
        self.paced_updates.note = f"over {seconds:.0f} s"

    # -- without a kernel --

    def weigh(self) -> None:
        """What an installation adds."""
        sizes = added()
        self.packages.add(len(sizes))
        self.packages.note = ", ".join(f"{name} {size:.2f} MiB" for name, size in sizes.items())
        self.megabytes.add(sum(sizes.values()))


def warm_up(pair: Pair) -> None:
    """Everything once, unmeasured: afterwards the files are in memory and the bytecode is on disk."""
    unused = Measures()
    unused.load_and_first_answer(pair)
    unused.deltas(pair)


def _delay(cell: Cell) -> float:
    for message in cell.messages:
        stamp = re.search(r"@(\d+)@", message.text)
        if stamp is not None:
            return message.at - int(stamp[1]) / 1e9
    raise RuntimeError("the stamped token was never shown")


def _answered(kernel: Kernel, side: Side, kind: str, found: dict[str, Cell]) -> float:
    before = kernel.cpu()
    found[side.name] = kernel.run(side.ask(f"{kind} {DELTAS} {DELTA}")).completed()
    spent = kernel.cpu() - before
    kept = kernel.value(f"len({side.kept})")
    if kept != DELTAS * DELTA:
        raise RuntimeError(f"{side.name} kept {kept} characters")
    return spent * 1000


def _interrupted(kernel: Kernel, side: Side, url: str) -> tuple[float, ...]:
    """Milliseconds to the end, share kept, characters of traceback, milliseconds to the closed connection."""
    known = len(_hang_ups(url))
    pressed = 0.0

    def watch(cell: Cell) -> None:
        nonlocal pressed
        if not pressed and cell.messages and time.monotonic() - cell.messages[0].at > 0.7:
            pressed = time.monotonic()
            kernel.interrupt()

    cell = kernel.run(side.ask("endless"), watch=watch)
    if cell.status != "error":
        raise RuntimeError(f"{side.name}: the interrupted cell did not fail")
    gone = _wait_for_hang_up(url, known)
    arrived = gone["sent"] * 10
    kept = kernel.value(side.kept)
    if not prose(len(kept)) == kept:
        raise RuntimeError(f"{side.name} kept something else than the beginning of the answer")
    share = len(kept) / arrived if arrived else 0.0
    return (cell.ended - pressed) * 1000, share, len(cell.traceback), (gone["time"] - pressed) * 1000


def _hang_ups(url: str) -> list[dict[str, float]]:
    with urllib.request.urlopen(f"{url}/bench", timeout=10) as answer:
        hang_ups: list[dict[str, float]] = json.load(answer)["hang_ups"]
    return hang_ups


def _wait_for_hang_up(url: str, known: int, patience: float = 5.0) -> dict[str, float]:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if len(seen := _hang_ups(url)) > known:
            return seen[known]
        time.sleep(0.05)
    return {"time": float("inf"), "sent": 0}


def _paced(kernel: Kernel, side: Side, seconds: float) -> tuple[float, ...]:
    """Updates in the slowest whole second, bytes ÷ answer, growth of memory in MiB, CPU in ms."""
    before, highest = kernel.rss(), 0.0

    def watch(cell: Cell) -> None:
        nonlocal highest
        highest = max(highest, kernel.rss())

    cpu = kernel.cpu()
    cell = kernel.run(side.ask(f"paced {MEBIBYTE} {seconds}"), watch=watch).completed()
    spent = kernel.cpu() - cpu
    moments = [b.at for a, b in pairwise(cell.messages) if b.at - a.at > AT_ONCE]
    updates = Counter(int(at - moments[0]) for at in moments)
    slowest = min(updates[second] for second in range(int(seconds) - 1))
    return slowest, cell.size / MEBIBYTE, highest - before, spent * 1000
