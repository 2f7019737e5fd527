"""`oc.map` over many items in a script: its rate compared with the ideal one, and the CPU of an item."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openclaw_ipython
from benchmarks.implementations import HAND, OURS, Implementation

ITEMS, DELAY, AT_ONCE, MORE_AT_ONCE = 1_000, 0.1, 64, 256

_MEASURED = """\
import json, os, sys, time
import psutil

count, delay, at_once = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
prompt = "after " + delay + " {item}" if float(delay) else "two {item}"
rss = psutil.Process().memory_info
before = highest = 0

def items():
    global before, highest
    before = highest = rss().rss
    for number in range(count):
        if not number % 1000:
            highest = max(highest, rss().rss)
        yield str(number)

def report(measured):
    global highest
    measured(["warm"] * at_once)  # imports and connections
    wall, cpu = time.perf_counter(), time.process_time()
    table = measured(items())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    highest = max(highest, rss().rss)
    print(json.dumps({"wall": wall, "cpu": cpu, "grown": (highest - before) / 2**20, "rows": len(table)}))
"""

_OURS = """\
import openclaw_ipython as oc
options = dict(concurrency=at_once, progress=False, resume=False)
report(lambda each: oc.map(each, prompt, **options))
"""

_BY_HAND = """\
import asyncio
import httpx

async def ask(client, item):
    body = {"model": "coder-model", "messages": [{"role": "user", "content": prompt.format(item=item)}]}
    response = await client.post("/chat/completions", json=body)
    response.raise_for_status()
    return response.json()["choices"][0]["message"]["content"]

async def worker(client, each, answers):
    for number, item in each:
        answers[number] = await ask(client, item)

loop = asyncio.new_event_loop()
client = httpx.AsyncClient(
    base_url=os.environ["BENCH_URL"], headers={"Authorization": "Bearer " + os.environ["BENCH_TOKEN"]},
    limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once), timeout=60,
)

def by_hand(each):
    answers, numbered = {}, enumerate(each)
    async def all_of_them():
        await asyncio.gather(*(worker(client, numbered, answers) for _ in range(at_once)))
    loop.run_until_complete(all_of_them())
    return answers

report(by_hand)
"""

_SCRIPTS = {OURS.name: _MEASURED + _OURS, HAND.name: _MEASURED + _BY_HAND}


def available() -> bool:
    """Whether this version has `oc.map`."""
    return hasattr(openclaw_ipython, "map")


def run(
    environ: Mapping[str, str],
    folder: Path,
    count: int,
    delay: float,
    side: Implementation = OURS,
    at_once: int = AT_ONCE,
) -> dict[str, Any]:
    """Map `count` items in a fresh process: seconds, CPU seconds, growth of its highest memory in MiB."""
    command = [sys.executable, "-c", _SCRIPTS[side.name], str(count), str(delay), str(at_once)]
    done = subprocess.run(
        command,
        check=False,
        env=dict(environ),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if figures["rows"] != count:
        raise RuntimeError(f"{figures['rows']} rows of {count}")
    return figures


def share_of_ideal(
    environ: Mapping[str, str], folder: Path, side: Implementation, at_once: int = AT_ONCE
) -> tuple[float, float]:
    """Of 1,000 items of 100 ms each: the rate beside `at_once` / 100 ms, and the CPU of an item in ms."""
    figures = run(environ, folder, ITEMS, DELAY, side, at_once)
    return (ITEMS / at_once * DELAY) / figures["wall"], figures["cpu"] / ITEMS * 1000
