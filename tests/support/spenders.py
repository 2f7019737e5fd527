"""Processes that ask a practice portal within one budget, and report each answer.

As a script (`spenders.py STATE ORIGIN ROUNDS`) it is such a process; imported, it starts them.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

OPTIONS = {"max_tokens": 1900, "thinking": "off"}


class Spender:
    """A child process. `answers` is how many it reported, `begun` is set with the first one."""

    def __init__(self, folder: Path, origin: str, rounds: int) -> None:
        self.answers = 0
        self.errors = ""
        self.begun = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder), origin, str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [threading.Thread(target=self._hear), threading.Thread(target=self._overhear)]
        for reader in self._readers:
            reader.start()

    def ended_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self) -> int:
        code = self._process.wait()
        for reader in self._readers:
            reader.join()
        return code

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def _hear(self) -> None:
        for _line in self._process.stdout:
            self.answers += 1
            self.begun.set()

    def _overhear(self) -> None:
        self.errors = self._process.stderr.read()


# -- the child's side ------------------------------------------------------------------------


def spend(folder: str, origin: str, rounds: str) -> None:
    import asyncio

    from openclaw_ipython.client import Client
    from openclaw_ipython.errors import BudgetExceeded
    from openclaw_ipython.openclaw.paths import locate
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.runtime.env import Runtime

    async def work() -> None:
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        runtime = Runtime(environ)
        home = locate(environ, Path(folder), Path.exists)
        async with Client(store=Store(home, runtime), runtime=runtime) as client:
            for _round in range(int(rounds)):
                try:
                    await client.ask("Hi", **OPTIONS)
                except BudgetExceeded as error:
                    if not error.under_way:
                        return
                    await asyncio.sleep(0.01)
                else:
                    sys.stdout.write("answer\n")
                    sys.stdout.flush()

    asyncio.run(work())


if __name__ == "__main__":
    spend(*sys.argv[1:])
