"""Many rows cost the memory of their answers. Their replies are dropped."""

import sys
from pathlib import Path

import pytest

import openclaw_ipython as oc

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("call", ["compare", "filter"])
def test_a_row_costs_a_kilobyte_or_two(house, oracle, call):
    def resident():
        with Path("/proc/self/statm").open() as file:
            return int(file.read().split()[1]) * 4096 / 2**20

    oracle(lambda model, prompt: '{"answer": "yes"}' if call == "filter" else "even")
    both = {"client": house.client, "progress": False}
    grown = []
    for count in (300, 3_000):  # the first loads what every call needs
        rows = [{"n": n, "label": "even"} for n in range(count)]
        before = resident()
        if call == "compare":
            oc.compare(rows, models=["test/cheap"], prompts="{n}", expected="label", **both)
        else:
            oc.filter(rows, "{n}", model="test/cheap", **both)
        grown.append(resident() - before)
    assert grown[1] < 8  # MiB; 10 MiB were measured for 10,000 rows of `compare`, 5.5 for `filter`
