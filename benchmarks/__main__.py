"""`python -m benchmarks`: measure everything, print the table, keep the figures."""

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
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.kernels import Kernel
from benchmarks.measures import Measures, Pair, warm_up
from benchmarks.rows import Row, table
from openclaw_ipython import __version__

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    options = _options()
    seconds = 60.0 if options.full else options.seconds
    measures = Measures()
    with (
        tempfile.TemporaryDirectory(prefix="openclaw-bench-", ignore_cleanup_errors=True) as folder,
        _server() as url,
    ):
        environ = _signed_in(Path(folder), url)
        measures.weigh()
        _say("a pair that does not count, to fill caches")
        with _pair(environ, Path(folder), url, ours_first=True) as pair:
            warm_up(pair)
        for number in range(options.runs):
            _say(f"pair {number + 1} of {options.runs}")
            with _pair(environ, Path(folder), url, ours_first=number % 2 == 0) as pair:
                measures.load_and_first_answer(pair)
                measures.tiny_requests(pair, options.requests)
                measures.first_text(pair, 3)
                measures.deltas(pair)
                measures.interrupts(pair)
        for number in range(options.long_runs):
            _say(f"long answer, {seconds:.0f} s on each side, {number + 1} of {options.long_runs}")
            with _pair(environ, Path(folder), url, ours_first=number % 2 == 0) as pair:
                measures.load_and_first_answer(pair)
                measures.long_answer(pair, seconds)
    return _report(measures, options.runs, options.save)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
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
    parser.add_argument("--no-save", dest="save", action="store_false", help="print only")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _server() -> Iterator[str]:
    """The other side in a process of its own; the address."""
    command = [sys.executable, "-m", "benchmarks.server"]
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
    from openclaw_ipython.client import Client, World
    from openclaw_ipython.config.paths import locate
    from openclaw_ipython.config.store import Store

    home = locate(environ, Path.home(), Path.exists)
    async with Client(store=Store(home, environ=environ), world=World(environ)) as client:
        async for _ in client.login():
            pass  # the server approves by itself


@contextmanager
def _pair(environ: Mapping[str, str], folder: Path, url: str, *, ours_first: bool) -> Iterator[Pair]:
    with Kernel(environ, folder, "ours") as ours, Kernel(environ, folder, "hand") as hand:
        yield Pair(ours, hand, ours_first, url)


def _report(measures: Measures, runs: int, save: bool) -> int:
    rows = list(measures)
    about = _about(runs)
    print("\n" + table(rows))
    print("\n" + "\n".join(f"{row.what}: {row.note}" for row in rows if row.note))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
    if save:
        RESULTS.mkdir(exist_ok=True)
        kept = about | {"rows": [row.as_json() for row in rows]}
        path = RESULTS / f"{__version__}.json"
        path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(f"kept in {path.relative_to(ROOT)}")
    return 1 if _missed(rows) else 0


def _missed(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.met is False]


def _about(runs: int) -> dict[str, object]:
    packages = {name: version(name) for name in ("ipython", "ipykernel", "ipywidgets", "httpx")}
    return {
        "openclaw_ipython": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        **packages,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "runs": runs,
        "noise": f"{_noise():.0%}",
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
