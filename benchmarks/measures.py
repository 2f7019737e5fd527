"""The rows of the table: each method runs a task on both sides and adds a pair of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TypeVar
from urllib.parse import urlsplit

from benchmarks import agent_turn, code_check, money, tasks
from benchmarks.implementations import CERTIFIED, HAND, OURS, Implementation
from benchmarks.install_size import added_distributions
from benchmarks.kernels import Kernel
from benchmarks.rows import Row

T = TypeVar("T")

DELTAS, DELTA = 5_000, 5
LENGTH = DELTAS * DELTA
EAGER = ("openclaw_ipython", "openclaw_ipython._version", "openclaw_ipython.errors", "openclaw_ipython.shell",
         "openclaw_ipython.shell.magics")  # fmt: skip


@dataclass(slots=True)
class Pair:
    """A kernel for each side. `ours_first` tells which goes first."""

    ours: Kernel
    hand: Kernel
    ours_first: bool
    url: str
    side: Implementation = OURS

    def each(self, task: Callable[[Kernel, Implementation], T]) -> tuple[T, T]:
        """Run a task on both sides, one right after the other. Returns the results of ours and by hand."""
        if self.ours_first:
            first = task(self.ours, self.side)
            return first, task(self.hand, HAND)
        first = task(self.hand, HAND)
        return task(self.ours, self.side), first

    def turn(self) -> None:
        """Let the other side go first from now on."""
        self.ours_first = not self.ours_first


class Measures:
    """The rows, in the order of the table."""

    def __init__(self) -> None:
        self.load_cpu = Row("%load_ext: CPU", "ms", 30)
        self.load_rss = Row("%load_ext: memory added", "MiB", 2)
        self.load_modules = Row("%load_ext: modules imported too early", "", 0)
        self.first_wall = Row("load + first two-word answer: time", "ms", 1.4, "ratio")
        self.first_cpu = Row("load + first two-word answer: CPU", "ms", None, "ratio")
        self.real_wall = Row("load + first answer as a service gives it: time", "ms", None, "ratio")
        self.real_cpu = Row("load + first answer as a service gives it: CPU", "ms", None, "ratio")
        self.text = Row("first text after the server's first token", "ms", 15)
        self.cold_text = Row("the same, of the first Markdown answer in a kernel", "ms")
        self.deltas_cpu = Row("5,000 deltas of 5 characters: CPU", "ms", 1.4, "ratio")
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
        self.tiny = Row("tiny request, warm kernel", "ms", 4, "difference")
        self.tiny_links = Row("tiny requests: connections used", "", 1)
        self.map_rate = Row(
            "oc.map, 1,000 items at 100 ms, 64 at once: share of the ideal rate", "", 0.85, at_least=True
        )
        self.map_cpu = Row("oc.map, 64 at once: CPU of an item", "ms", 2)
        self.map_more_rate = Row("oc.map, 256 at once: share of the ideal rate", "", 0.75, at_least=True)
        self.map_more_cpu = Row("oc.map, 256 at once: CPU of an item", "ms")
        self.shared_input = Row(
            "oc.map, 1,000 rows that share 3,150 tokens: input cost beside uncached", "", money.LIMIT
        )
        self.agent = Row("%%openclaw, a turn over the Gateway's own time", "ms", 10, "difference")
        self.check_p95 = Row("check of a cell of code, warm: CPU, 95th percentile", "ms", 10)
        self.check_median = Row("check of a cell of code, warm: CPU, median", "ms")
        self.packages = Row("install: distributions added", "", 13)
        self.megabytes = Row("install: MiB added", "MiB", 15)

    def __iter__(self) -> Iterator[Row]:
        return (row for row in vars(self).values() if row.ours)

    # -- in this process --

    def code_check(self) -> None:
        """The check of every right cell of the corpus."""
        if code_check.available():
            middle, high = code_check.milliseconds()
            self.check_median.add(middle)
            self.check_p95.add(high)

    def agent_turns(self) -> None:
        """Turns with the practice Gateway, by `%%openclaw` and by hand."""
        self.agent.add(*agent_turn.milliseconds())

    def shared_prefix(self) -> None:
        """The bill of the practice portal for rows with a shared beginning."""
        self.shared_input.add(money.input_share())

    # -- in a fresh pair of kernels --

    def load_and_first_answer(self, pair: Pair) -> None:
        """Load, and load with the first answer: once in each kernel."""
        ours, hand = pair.each(tasks.load)
        self.load_cpu.add(ours.cpu, hand.cpu)
        self.load_rss.add(ours.grown, hand.grown)
        self.first_wall.add(ours.first_time, hand.first_time)
        self.first_cpu.add(ours.first_cpu, hand.first_cpu)
        early = [name for name in ours.modules if name.startswith("openclaw_ipython") and name not in EAGER]
        heavy = [name for name in ours.modules if name in ("httpx", "ipywidgets", "asyncio", "ssl")]
        self.load_modules.add(len(early) + len(heavy))
        self.load_modules.note = f"{len(ours.modules)} modules imported: {', '.join(ours.modules)}"

    def first_real_answer(self, pair: Pair) -> None:
        """Load with a first answer that needs certificates and Markdown, in another fresh pair."""
        pair.side = CERTIFIED
        ours, hand = pair.each(partial(tasks.load, prompt="prose 200 5", length=1000))
        self.real_wall.add(ours.first_time, hand.first_time)
        self.real_cpu.add(ours.first_cpu, hand.first_cpu)

    # -- in a warm pair --

    def tiny_requests(self, pair: Pair, count: int) -> None:
        """Two words from a warm kernel, again and again."""
        port = urlsplit(pair.url).port or 0
        used: set[int] = set()
        both = []
        for _ in range(count):
            both.append(pair.each(tasks.tiny))
            used |= pair.ours.ports_to(port)
            pair.turn()
        self.tiny.add(median(ours for ours, _ in both), median(hand for _, hand in both))
        self.tiny_links.add(len(used))

    def first_text(self, pair: Pair, count: int) -> None:
        """How long after it left the server the first text is at the front end; by hand with a flush per delta."""
        self.cold_text.add(*pair.each(tasks.first_text))
        for _ in range(count):
            self.text.add(*pair.each(tasks.first_text))

    def deltas(self, pair: Pair) -> None:
        """Many small deltas at full speed."""
        for kind, cpu, size in (
            ("prose", self.deltas_cpu, self.deltas_bytes),
            ("mixed", self.mixed_cpu, self.mixed_bytes),
        ):
            task = partial(tasks.answer, prompt=f"{kind} {DELTAS} {DELTA}", length=LENGTH)
            ours, hand = pair.each(task)
            cpu.add(ours.cpu, hand.cpu)
            size.add(ours.cell.size / LENGTH, hand.cell.size / LENGTH)
            if kind == "prose":
                self.deltas_messages.add(len(ours.cell.messages), len(hand.cell.messages))

    def interrupts(self, pair: Pair) -> None:
        """*Interrupt* while text streams in."""
        ours, hand = pair.each(lambda kernel, side: tasks.interrupt(kernel, side, pair.url))
        if not (ours.failed and hand.failed):
            raise RuntimeError("the interrupted cell did not fail")
        self.stop_end.add(ours.end, hand.end)
        self.stop_kept.add(ours.kept, hand.kept)
        self.stop_traceback.add(ours.traceback, hand.traceback)
        self.stop_closed.add(ours.closed, hand.closed)

    def long_answer(self, pair: Pair, seconds: float) -> None:
        """A long answer that arrives evenly."""
        size = tasks.MEBIBYTE
        ours, hand = pair.each(lambda kernel, side: tasks.paced(kernel, side, size, seconds))
        self.paced_updates.add(ours[0], hand[0])
        self.paced_bytes.add(ours[1].cell.size / size, hand[1].cell.size / size)
        self.paced_rss.add(ours[1].grown, hand[1].grown)
        self.paced_cpu.add(ours[1].cpu, hand[1].cpu)
        self.paced_updates.note = f"over {seconds:.0f} s"

    # -- a peer, in a fresh kernel --

    def peer(self, kernel: Kernel, side: Implementation, url: str, requests: int) -> None:
        """The tasks that a peer can do as well."""
        loaded = tasks.load(kernel, side)
        self.load_cpu.add_other(side.name, loaded.cpu)
        self.load_rss.add_other(side.name, loaded.grown)
        self.first_wall.add_other(side.name, loaded.first_time)
        self.first_cpu.add_other(side.name, loaded.first_cpu)
        times = [tasks.tiny(kernel, side) for _ in range(requests)]
        self.tiny.add_other(side.name, median(times))
        if side.streams:
            self.cold_text.add_other(side.name, tasks.first_text(kernel, side))
            self.text.add_other(side.name, tasks.first_text(kernel, side))
        deltas = tasks.answer(kernel, side, f"prose {DELTAS} {DELTA}", LENGTH)
        self.deltas_cpu.add_other(side.name, deltas.cpu)
        self.deltas_messages.add_other(side.name, len(deltas.cell.messages))
        self.deltas_bytes.add_other(side.name, deltas.cell.size / LENGTH)
        stopped = tasks.interrupt(kernel, side, url)
        self.stop_end.add_other(side.name, stopped.end)
        self.stop_kept.add_other(side.name, stopped.kept)
        self.stop_traceback.add_other(side.name, stopped.traceback)
        self.stop_closed.add_other(side.name, stopped.closed)

    # -- without a kernel --

    def install_size(self) -> None:
        """The distributions that an installation adds."""
        sizes = added_distributions("openclaw-ipython")
        by_hand = added_distributions("httpx")
        self.packages.add(len(sizes), len(by_hand))
        self.packages.note = ", ".join(f"{name} {size:.2f} MiB" for name, size in sizes.items())
        self.megabytes.add(sum(sizes.values()), sum(by_hand.values()))

    def peer_install_size(self, side: Implementation, sizes: dict[str, float]) -> None:
        """The distributions that the installation of a peer adds."""
        self.packages.add_other(side.name, len(sizes))
        self.megabytes.add_other(side.name, sum(sizes.values()))


def warm_up(pair: Pair) -> None:
    """Run the tasks once without recording: file caches are filled and bytecode is written."""
    unused = Measures()
    unused.load_and_first_answer(pair)
    unused.deltas(pair)
