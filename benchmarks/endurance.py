"""Endurance: many questions in one kernel, many kernels at once, a long notebook, a fork."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import mapping, tasks
from benchmarks.implementations import HAND, OURS
from benchmarks.kernels import Cell, Kernel
from benchmarks.rows import Row

WARM = 100  # questions before anything is counted: allocators and caches settle
AT_A_TIME = 5  # kernels that start together
_WRITING = "any(thread.name == 'openclaw-journal' for thread in __import__('threading').enumerate())"

_FORK = """\
import os as _os
_ends = _os.pipe()
_child = _os.fork()
if _child == 0:
    try:
        _os.close(_ends[0])
        get_ipython().run_line_magic("config", "OpenClaw.renderer = 'silent'")
        get_ipython().run_cell_magic("qwen", "", "two")
        _os.write(_ends[1], str(_qwen).encode())
    finally:
        _os._exit(0)
_os.close(_ends[1])
_said = b""
while _more := _os.read(_ends[0], 100):
    _said += _more
_os.close(_ends[0])
_gone = _os.waitpid(_child, 0)
"""


@dataclass(frozen=True, slots=True)
class State:
    """The resources of a kernel: file descriptors, threads, resident memory in MiB."""

    handles: int
    threads: int
    rss: float


class Endurance:
    """The rows, in the order of the table."""

    def __init__(self, environ: Mapping[str, str], folder: Path, url: str) -> None:
        self._kernel_args = (environ, folder)
        self._url = url
        self._rows: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def many_questions(self, count: int = 1_000) -> None:
        """`count` questions in one kernel."""
        with Kernel(*self._kernel_args, "endurance") as kernel:
            tasks.load(kernel, OURS)
            _ask(kernel, WARM)
            before, connections = _state(kernel), self._connections()
            spent = [_cpu_of(kernel, "two")[0] for _ in range(count)]
            self._flat(f"{count:,} questions", before, _state(kernel), 8)
            self._add(f"{count:,} questions: connections opened", "", 0, self._connections() - connections)
            self._slower(f"{count:,} questions", spent)

    def long_notebook(self, outputs: int = 5_000) -> None:
        """A kernel that has made as many outputs as a long notebook has."""
        with Kernel(*self._kernel_args, "notebook") as kernel:
            tasks.load(kernel, OURS)
            _ask(kernel, WARM, "mixed 400 5")
            before, shown, spent = _state(kernel), 0, []
            while shown < outputs:
                cpu, cell = _cpu_of(kernel, "mixed 400 5")
                shown += sum(message.kind == "display_data" for message in cell.messages)
                spent.append(cpu)
            self._flat(f"{outputs:,} outputs", before, _state(kernel), 8)
            self._slower(f"{outputs:,} outputs", spent)

    def many_kernels(self, count: int = 50, each: int = 5) -> None:
        """`count` kernels with one home, all asking at once."""
        with ExitStack() as open_kernels, ThreadPoolExecutor(count) as all_of_them:
            kernels: list[Kernel] = []

            def start(number: int) -> Kernel:
                for attempt in range(
                    3
                ):  # a port that was free when it was chosen may be taken when it is used
                    kernel = Kernel(*self._kernel_args, f"many-{number}-{attempt}")
                    try:
                        return kernel.__enter__()
                    except RuntimeError:
                        kernel.__exit__(None, None, None)
                raise RuntimeError(f"kernel {number} does not start")

            with ThreadPoolExecutor(AT_A_TIME) as a_few:
                for kernel in a_few.map(start, range(count)):
                    open_kernels.push(kernel)
                    kernels.append(kernel)
            bare = [kernel.rss() for kernel in kernels]
            list(all_of_them.map(lambda kernel: tasks.load(kernel, OURS), kernels))
            before = [_state(kernel) for kernel in kernels]
            started = time.monotonic()
            answers = list(all_of_them.map(lambda kernel: _ask(kernel, each), kernels))
            took = time.monotonic() - started
            after = [_state(kernel) for kernel in kernels]
        what = f"{count} kernels at once"
        self._add(f"{what}: kernels that got every answer", "", count, answers.count(each), at_least=True)
        self._add(f"{what}: file descriptors added, the worst", "", 0,
                  max(b.handles - a.handles for a, b in zip(before, after, strict=True)))  # fmt: skip
        self._add(f"{what}: threads added, the worst", "", 0,
                  max(b.threads - a.threads for a, b in zip(before, after, strict=True)))  # fmt: skip
        grown = median(state.rss - rss for state, rss in zip(after, bare, strict=True))
        self._add(f"{what}: memory of the extension in each", "MiB", None, grown)
        self._add(f"{what}: questions a second, all together", "", None, count * each / took)

    def fork(self) -> None:
        """A forked child asks, then the parent; neither disturbs the other."""
        with Kernel(*self._kernel_args, "fork") as kernel:
            tasks.load(kernel, OURS)
            _ask(kernel, 3)
            before, connections = _state(kernel), self._connections()
            kernel.run(_FORK).completed()
            said = kernel.value("_said.decode()")
            _ask(kernel, 3)
            after = _state(kernel)
            self._add("fork: the child got its answer", "", 1, said == "Two words.", at_least=True)
            self._add("fork: connections opened, the child's", "", 1, self._connections() - connections)
            self._add("fork: file descriptors added in the parent", "", 0, after.handles - before.handles)

    def many_items(self, environ: Mapping[str, str], folder: Path, count: int = 100_000) -> None:
        """`oc.map` over many trivial items, beside a tenth of them on the asyncio server."""
        few = mapping.run(environ, folder, count // 10, 0)
        many = mapping.run(environ, folder, count, 0)
        what = f"oc.map, {count:,} trivial items"
        self._add(f"{what}: CPU of the driver per item", "ms", None, many["cpu"] / count * 1000)
        by_hand = mapping.run(environ, folder, count // 100, 0, HAND)
        self._rows[-1].hand.append(by_hand["cpu"] / (count // 100) * 1000)
        self._add(
            f"{what}: the same beside {count // 10:,} items",
            "×",
            1.3,
            many["cpu"] / few["cpu"] / 10,
        )
        self._add(f"{what}: memory per item, the answers included", "KiB", None, many["grown"] * 1024 / count)

    def _connections(self) -> int:
        return int(tasks.server_state(self._url)["connections"])

    def _flat(self, what: str, before: State, after: State, mebibytes: float) -> None:
        self._add(f"{what}: file descriptors added", "", 0, after.handles - before.handles)
        self._add(f"{what}: threads added", "", 0, after.threads - before.threads)
        self._add(f"{what}: memory added", "MiB", mebibytes, after.rss - before.rss)

    def _slower(self, what: str, spent: list[float]) -> None:
        ratio = median(spent[-100:]) / median(spent[:100])
        self._add(f"{what}: CPU of the last 100 answers beside the first", "×", 1.3, ratio)

    def _add(
        self, what: str, unit: str, limit: float | None, value: float, *, at_least: bool = False
    ) -> None:
        row = Row(what, unit, limit, at_least=at_least)
        row.add(value)
        self._rows.append(row)


def _ask(kernel: Kernel, count: int, prompt: str = "two") -> int:
    """Ask `count` times, look at every answer; how many there were."""
    for _ in range(count):
        _cpu_of(kernel, prompt)
    return count


def _cpu_of(kernel: Kernel, prompt: str) -> tuple[float, Cell]:
    """CPU seconds of one answer, and its cell. Raises RuntimeError when it is empty."""
    before = kernel.cpu()
    cell = kernel.run(OURS.ask(prompt), ask={"there": "bool(_qwen)"}).completed()
    if not cell.values["there"]:
        raise RuntimeError("an answer was empty")
    return kernel.cpu() - before, cell


def _state(kernel: Kernel, readings: int = 5) -> State:
    """What the kernel holds when it is left alone. The journal is written a moment after an answer, and IPython's
    history opens a file for a moment now and then."""
    kernel.run("import gc as _gc; _gc.collect();").completed()
    while kernel.value(_WRITING):
        time.sleep(0.1)
    time.sleep(1.0)
    handles = []
    for _ in range(readings):
        handles.append(kernel.handles())
        time.sleep(0.1)
    return State(min(handles), kernel.threads(), kernel.rss())
