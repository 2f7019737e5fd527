"""`python -m benchmarks`: measure, print the tables, keep the figures, write them and their chart into the docs.

`python -m benchmarks chart` draws again what is kept, without measuring.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import kept, mapping, peers
from benchmarks.endurance import Endurance
from benchmarks.kernels import Kernel
from benchmarks.measures import Measures, Pair, warm_up
from benchmarks.rows import Row, beside, table
from benchmarks.scaling import Scaling
from benchmarks.sides import HAND, OURS, PEERS
from openclaw_ipython import __version__

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place: the environment of its kernels, a folder that is thrown away, the server."""

    environ: dict[str, str]
    folder: Path
    url: str

    @contextmanager
    def pair(self, *, ours_first: bool = True) -> Iterator[Pair]:
        """A fresh kernel for each side."""
        with (
            Kernel(self.environ, self.folder, "ours") as ours,
            Kernel(self.environ, self.folder, "hand") as hand,
        ):
            yield Pair(ours, hand, ours_first, self.url)


def main() -> int:
    options = _options()
    if options.do == "chart":
        return _write_docs()
    noise = _noise()
    with _place() as place:
        parts: dict[str, list[Row]] = {}
        about: dict[str, object] = {}
        if not options.only_endurance:
            parts["rows"], about = _rows(place, options)
            parts["scaling"] = _scaling(place)
        if options.endurance or options.only_endurance:
            parts["endurance"] = _endurance(place)
    return _report(parts, _about(options, noise) | about, options.save)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("do", nargs="?", choices=("measure", "chart"), default="measure")
    parser.add_argument("--runs", type=int, default=5, help="pairs of fresh kernels (default %(default)s)")
    parser.add_argument(
        "--requests", type=int, default=15, help="tiny requests in each (default %(default)s)"
    )
    parser.add_argument(
        "--long-runs", type=int, default=1, help="pairs with a 1 MiB answer (default %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="over how long it comes (default %(default)s)"
    )
    parser.add_argument(
        "--full", action="store_true", help="the 1 MiB answer over 60 s, as the limit is stated"
    )
    parser.add_argument("--peers", action="store_true", help="the peers too; they are installed on first use")
    parser.add_argument(
        "--peer-runs", type=int, default=3, help="fresh kernels of each (default %(default)s)"
    )
    parser.add_argument("--endurance", action="store_true", help="a long day as well: ten minutes more")
    parser.add_argument("--only-endurance", action="store_true", help="nothing but the long day")
    parser.add_argument("--no-save", dest="save", action="store_false", help="print only")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- the parts ---------------------------------------------------------------------------------


def _rows(place: Place, options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    seconds = 60.0 if options.full else options.seconds
    measures = Measures()
    measures.weigh()
    _say("a pair that does not count, to fill caches")
    with place.pair() as pair:
        warm_up(pair)
    for number in range(options.runs):
        _say(f"pair {number + 1} of {options.runs}")
        with place.pair(ours_first=number % 2 == 0) as pair:
            measures.load_and_first_answer(pair)
            measures.tiny_requests(pair, options.requests)
            measures.first_text(pair, 3)
            measures.deltas(pair)
            measures.interrupts(pair)
        with place.pair(ours_first=number % 2 == 0) as pair:
            measures.first_real_answer(pair)
    about: dict[str, object] = {}
    if options.peers:
        about["peers"] = _peers(place, measures, options)
    for number in range(options.long_runs):
        _say(f"long answer, {seconds:.0f} s on each side, {number + 1} of {options.long_runs}")
        with place.pair(ours_first=number % 2 == 0) as pair:
            measures.load_and_first_answer(pair)
            measures.long_answer(pair, seconds)
    if mapping.there():
        _map(measures, options.runs)
    else:
        _say("oc.map: not in this version, no row")
    return list(measures), about


def _peers(place: Place, measures: Measures, options: argparse.Namespace) -> dict[str, str]:
    """Measure every peer that can be; the release of each, or why it could not."""
    told = {}
    for peer in PEERS:
        _say(f"{peer.side.name}: {options.peer_runs + 1} kernels, the first does not count")
        try:
            python = peers.python_of(peer)
            environ = peers.environ_of(peer, place.environ)
            for number in range(options.peer_runs + 1):
                with Kernel(environ, place.folder, peer.slug, python) as kernel:
                    into = measures if number else Measures()
                    into.peer(kernel, peer.side, place.url, 5)
            measures.weigh_peer(peer.side, peers.weigh(peer))
            told[peer.side.name] = peers.release(peer)
        except (peers.NotThere, RuntimeError, TimeoutError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            told[peer.side.name] = f"not measured: {reason[:200]}"
            _say(told[peer.side.name])
    return told


def _map(measures: Measures, runs: int) -> None:
    with _place("--crowd") as place:
        for number in range(runs):
            _say(f"oc.map, {number + 1} of {runs}")
            for at_once, rate, cpu in (
                (mapping.AT_ONCE, measures.map_rate, measures.map_cpu),
                (mapping.MORE_AT_ONCE, measures.map_more_rate, measures.map_more_cpu),
            ):
                ours, hand = (
                    mapping.share_of_ideal(place.environ, place.folder, side, at_once)
                    for side in (OURS, HAND)
                )
                rate.add(ours[0], hand[0])
                cpu.add(ours[1], hand[1])


def _scaling(place: Place) -> list[Row]:
    scaling = Scaling()
    _say("answers from 1 kB to 10 MB")
    with place.pair() as pair:
        scaling.measure(pair)
    return list(scaling)


def _endurance(place: Place) -> list[Row]:
    endurance = Endurance(place.environ, place.folder, place.url)
    _say("1,000 questions")
    endurance.many_questions()
    _say("a notebook of 5,000 outputs")
    endurance.long_notebook()
    if hasattr(os, "fork"):
        endurance.fork()
    if mapping.there():
        _say("100,000 items")
        with _place("--crowd") as crowd:
            endurance.many_items(crowd.environ, crowd.folder)
    _say("50 kernels")
    endurance.many_kernels()
    return list(endurance)


# -- where it takes place ----------------------------------------------------------------------


@contextmanager
def _place(*door: str) -> Iterator[Place]:
    with (
        tempfile.TemporaryDirectory(prefix="openclaw-bench-", ignore_cleanup_errors=True) as folder,
        _server(*door) as url,
    ):
        yield Place(_signed_in(Path(folder), url), Path(folder), url)


@contextmanager
def _server(*door: str) -> Iterator[str]:
    """The other side in a process of its own; the address."""
    command = [sys.executable, "-m", "benchmarks.server", *door]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


def _signed_in(folder: Path, url: str) -> dict[str, str]:
    """The environment of every kernel: a home of its own with a login, made once by the real sign-in."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "QWEN_"))}
    environ |= {
        "OPENCLAW_HOME": str(folder / "home"),
        "OPENCLAW_IPYTHON_OAUTH_ORIGIN": url,
        "IPYTHONDIR": str(folder / "ipython"),
        "BENCH_URL": f"{url}/v1",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }
    # An installed package has its bytecode; so has this one, whatever is usual in this checkout.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    (folder / "home").mkdir()
    asyncio.run(_sign_in(environ))
    profiles = next((folder / "home").rglob("auth-profiles.json"))
    environ["BENCH_TOKEN"] = json.loads(profiles.read_text("utf-8"))["profiles"]["qwen-portal:default"][
        "access"
    ]
    return environ


async def _sign_in(environ: Mapping[str, str]) -> None:
    from openclaw_ipython.client import Client
    from openclaw_ipython.openclaw.paths import locate
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.runtime.env import Runtime

    home = locate(environ, Path.home(), Path.exists)
    async with Client(store=Store(home, Runtime(environ)), runtime=Runtime(environ)) as client:
        async for _ in client.login():
            pass  # the server approves by itself


# -- what came of it ---------------------------------------------------------------------------


def _report(parts: Mapping[str, list[Row]], about: dict[str, Any], save: bool) -> int:
    for rows in parts.values():
        print("\n" + table(rows))
        if others := beside(rows, OURS.name):
            print("\n" + others)
    print("\n" + "\n".join(f"{row.what}: {row.note}" for rows in parts.values() for row in rows if row.note))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
    if save:
        kept.keep(__version__, parts, about)
        _write_docs()
    return 1 if any(row.met is False for rows in parts.values() for row in rows) else 0


def _write_docs() -> int:
    from benchmarks import chart, page

    figures = kept.latest()
    page.write(figures)
    print(f"written: {page.PAGE.relative_to(ROOT)}")
    try:
        chart.draw(figures, page.CHART)
    except ImportError:
        print("no chart: it needs matplotlib, the extra `plot`")
        return 1
    print(f"written: {page.CHART.relative_to(ROOT)}")
    return 0


def _about(options: argparse.Namespace, noise: float) -> dict[str, Any]:
    packages = {name: version(name) for name in ("ipython", "ipykernel", "ipywidgets", "httpx")}
    busy = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "openclaw_ipython": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        **packages,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "runs": options.runs,
        "noise": f"{noise:.0%} before, {_noise():.0%} after",
        "load at the end": busy,
    }


def _noise(times: int = 30) -> float:
    """How much longer than the quickest the usual run of the same short work takes: 0 on a quiet machine."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        sum(range(200_000))
        taken.append(time.perf_counter() - started)
    return sorted(taken)[times // 2 + times // 4] / min(taken) - 1


if __name__ == "__main__":
    sys.exit(main())
