"""Answers from 1 kB to 10 MB: the cost per kB must not depend on the length."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import tasks
from benchmarks.measures import Pair
from benchmarks.rows import Row

DELTA = 50  # characters
SIZES = {"1 kB": 1_000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000, "10 MB": 10_000_000}
_REFERENCE, _LARGEST = "100 kB", "10 MB"


class Scaling:
    """The rows, in the order of the table."""

    def __init__(self) -> None:
        self.cpu = {name: Row(f"answer of {name}: CPU per kB", "ms") for name in SIZES}
        self.size = {name: Row(f"answer of {name}: bytes sent ÷ answer", "×") for name in SIZES}
        self.grown = Row(f"answer of {_LARGEST}: growth of memory ÷ answer", "×")
        self.flat_cpu = Row(f"CPU per kB, {_LARGEST} beside {_REFERENCE}", "×", 1.3)
        self.flat_size = Row(f"bytes sent ÷ answer, {_LARGEST} beside {_REFERENCE}", "×", 1.1)

    def __iter__(self) -> Iterator[Row]:
        rows = [*self.cpu.values(), *self.size.values(), self.grown, self.flat_cpu, self.flat_size]
        return (row for row in rows if row.ours)

    def measure(self, pair: Pair, repeat: int = 3) -> None:
        """Every size at full speed, on both sides; the small ones `repeat` times."""
        pair.each(tasks.load)
        pair.each(lambda kernel, side: tasks.answer(kernel, side, f"prose 200 {DELTA}", 200 * DELTA))
        for name, size in SIZES.items():
            for _ in range(repeat if size < 1_000_000 else 1):
                self._measure(pair, name, size)
        for row, samples in ((self.flat_cpu, self.cpu), (self.flat_size, self.size)):
            largest, reference = samples[_LARGEST], samples[_REFERENCE]
            row.add(largest.ours[-1] / reference.measured)

    def _measure(self, pair: Pair, name: str, size: int) -> None:
        prompt = f"prose {size // DELTA} {DELTA}"
        ours, hand = pair.each(lambda kernel, side: tasks.answer(kernel, side, prompt, size))
        self.cpu[name].add(ours.cpu / (size / 1000), hand.cpu / (size / 1000))
        self.size[name].add(ours.cell.size / size, hand.cell.size / size)
        if name == _LARGEST:
            self.grown.add(ours.grown * tasks.MEBIBYTE / size, hand.grown * tasks.MEBIBYTE / size)
