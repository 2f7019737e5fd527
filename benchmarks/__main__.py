"""`python -m benchmarks`: measure, print the tables, store the figures, write them and their chart into the docs.

`python -m benchmarks chart` writes the docs from the stored figures, without measuring.
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

from benchmarks import mapping, peers, storage
from benchmarks.endurance import Endurance
from benchmarks.implementations import HAND, OURS, PEERS
from benchmarks.kernels import Kernel
from benchmarks.measures import Measures, Pair, warm_up
from benchmarks.rows import Row, comparison_table, table
from benchmarks.scaling import Scaling
from openclaw_ipython import __version__

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Workspace:
    """The environment of the kernels, a temporary folder, and the URL of the server."""

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
    with _workspace() as place:
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


def _rows(place: Workspace, options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    seconds = 60.0 if options.full else options.seconds
    measures = Measures()
    measures.install_size()
    for _ in range(options.runs):
        measures.code_check()
        measures.agent_turns()
    _say("a pair that is not counted, to fill caches")
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
    if mapping.available():
        _map(measures, options.runs)
        _say("oc.map: what rows share")
        measures.shared_prefix()
    else:
        _say("oc.map: not in this version, no row")
    return list(measures), about


def _peers(place: Workspace, measures: Measures, options: argparse.Namespace) -> dict[str, str]:
    """Measure every available peer. Returns the release of each, or why it was not measured."""
    outcomes = {}
    for peer in PEERS:
        _say(f"{peer.side.name}: {options.peer_runs + 1} kernels, the first does not count")
        try:
            python = peers.python_of(peer)
            environ = peers.environ_of(peer, place.environ)
            for number in range(options.peer_runs + 1):
                with Kernel(environ, place.folder, peer.slug, python) as kernel:
                    into = measures if number else Measures()
                    into.peer(kernel, peer.side, place.url, 5)
            measures.peer_install_size(peer.side, peers.install_size(peer))
            outcomes[peer.side.name] = peers.release(peer)
        except (peers.PeerUnavailable, RuntimeError, TimeoutError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            outcomes[peer.side.name] = f"not measured: {reason[:200]}"
            _say(outcomes[peer.side.name])
    return outcomes


def _map(measures: Measures, runs: int) -> None:
    with _workspace("--concurrent") as place:
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


def _scaling(place: Workspace) -> list[Row]:
    scaling = Scaling()
    _say("answers from 1 kB to 10 MB")
    with place.pair() as pair:
        scaling.measure(pair)
    return list(scaling)


def _endurance(place: Workspace) -> list[Row]:
    endurance = Endurance(place.environ, place.folder, place.url)
    _say("1,000 questions")
    endurance.many_questions()
    _say("a notebook of 5,000 outputs")
    endurance.long_notebook()
    if hasattr(os, "fork"):
        endurance.fork()
    if mapping.available():
        _say("100,000 items")
        with _workspace("--concurrent") as crowd:
            endurance.many_items(crowd.environ, crowd.folder)
    _say("50 kernels")
    endurance.many_kernels()
    return list(endurance)


# -- the workspace -----------------------------------------------------------------------------


@contextmanager
def _workspace(*options: str) -> Iterator[Workspace]:
    with (
        tempfile.TemporaryDirectory(prefix="openclaw-bench-", ignore_cleanup_errors=True) as folder,
        _server(*options) as url,
    ):
        yield Workspace(_signed_in(Path(folder), url), Path(folder), url)


@contextmanager
def _server(*options: str) -> Iterator[str]:
    """The benchmark server in a process; its URL."""
    command = [sys.executable, "-m", "benchmarks.server", *options]
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
    """The environment variables of every kernel: a temporary home with a login, made once by a real sign-in."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "QWEN_"))}
    environ |= {
        "OPENCLAW_HOME": str(folder / "home"),
        "OPENCLAW_IPYTHON_OAUTH_ORIGIN": url,
        "IPYTHONDIR": str(folder / "ipython"),
        "BENCH_URL": f"{url}/v1",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }
    # An installed package has bytecode, so this one must have it too.
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
            pass  # the server approves automatically


# -- the report -------------------------------------------------------------------------------


def _report(parts: Mapping[str, list[Row]], about: dict[str, Any], save: bool) -> int:
    for rows in parts.values():
        print("\n" + table(rows))
        if others := comparison_table(rows, OURS.name):
            print("\n" + others)
    print("\n" + "\n".join(f"{row.what}: {row.note}" for rows in parts.values() for row in rows if row.note))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
    if save:
        storage.save(__version__, parts, about)
        _write_docs()
    return 1 if any(row.met is False for rows in parts.values() for row in rows) else 0


def _write_docs() -> int:
    from benchmarks import chart, docs_page

    figures = storage.latest()
    docs_page.write(figures)
    print(f"written: {docs_page.PAGE.relative_to(ROOT)}")
    try:
        chart.draw(figures, docs_page.CHART)
    except ImportError:
        print("no chart: it needs matplotlib, the extra `plot`")
        return 1
    print(f"written: {docs_page.CHART.relative_to(ROOT)}")
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
    """The third quartile of a short loop's time beside its minimum: 0 on a quiet machine."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        sum(range(200_000))
        taken.append(time.perf_counter() - started)
    return sorted(taken)[times // 2 + times // 4] / min(taken) - 1


if __name__ == "__main__":
    sys.exit(main())
