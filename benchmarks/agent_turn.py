"""A turn of an agent by `%%openclaw` beside httpx by hand, in warm kernels.

`python -m benchmarks.agent_turn` measures with the practice Gateway. For a real one it is given the address, and the
name of the variable that holds the secret: `… http://127.0.0.1:18789 OPENCLAW_GATEWAY_TOKEN`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.implementations import HAND, OURS
from benchmarks.kernels import Kernel

OURS_AGENT = replace(OURS, ask="%%openclaw main\n{}".format)
HAND_AGENT = replace(
    HAND, load=HAND.load.replace('{"model": "coder-model",', '{"model": "openclaw/main", "user": "bench",')
)


@contextmanager
def practice_gateway() -> Iterator[str]:
    """A practice Gateway in a process of its own, without waits; its URL."""
    command = [
        sys.executable, "-m", "openclaw_ipython", "portal", "--gateway", "main", "--port", "0", "--pace", "0",
        "--first-turn", "0",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def milliseconds(turns: int = 30, url: str = "", token: str = "practice") -> tuple[float, float]:
    """The medians of ours and by hand, of turns that alternate. `url` is a Gateway; a practice one if it is empty."""
    if not url:
        with practice_gateway() as practice:
            return milliseconds(turns, practice, token)
    with tempfile.TemporaryDirectory(prefix="openclaw-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "QWEN_"))} | {
            "OPENCLAW_HOME": str(folder / "home"), "IPYTHONDIR": str(folder / "ipython"),
            "OPENCLAW_GATEWAY_URL": url, "OPENCLAW_GATEWAY_TOKEN": token, "BENCH_URL": f"{url}/v1",
            "BENCH_TOKEN": token,
        }  # fmt: skip
        with Kernel(environ, folder, "ours") as ours, Kernel(environ, folder, "hand") as hand:
            sides = [(ours, OURS_AGENT, []), (hand, HAND_AGENT, [])]
            for kernel, side, _times in sides:
                kernel.run(side.load).completed()
            for turn in range(turns + 2):
                for kernel, side, times in sides:
                    seconds = kernel.run(side.ask("two words")).completed().seconds
                    if turn > 1:  # the first ones import, connect and wake the agent
                        times.append(1000 * seconds)
                sides.reverse()
            found = {side.name: median(times) for _kernel, side, times in sides}
    return found[OURS.name], found[HAND.name]


if __name__ == "__main__":
    gateway, variable = (*sys.argv[1:3], "", "")[:2]
    by_us, by_hand = milliseconds(10 if gateway else 30, gateway, os.environ.get(variable, "practice"))
    print(f"%%openclaw {by_us:.1f} ms, httpx by hand {by_hand:.1f} ms: {by_us - by_hand:+.1f} ms a turn")
