"""Processes that write to one journal until they are killed, and report each committed row.

As a script (`writers.py PATH NAME`) it is such a process; imported, it starts them.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path


class Writer:
    """A child process. `committed` are the rows it reported, `errors` is its standard error output."""

    def __init__(self, path: Path, name: str) -> None:
        self.committed: list[str] = []
        self.errors = ""
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(path), name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.begun = threading.Event()
        self._readers = [threading.Thread(target=self._hear), threading.Thread(target=self._overhear)]
        for reader in self._readers:
            reader.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()

    def _hear(self) -> None:
        for line in self._process.stdout:
            if line.endswith("\n"):  # a killed program may leave half a line
                self.committed.append(line.strip())
                self.begun.set()

    def _overhear(self) -> None:
        self.errors = self._process.stderr.read()


# -- the child's side ------------------------------------------------------------------------


def write(path: str, name: str) -> None:
    from openclaw_ipython.errors import StoreBusy
    from openclaw_ipython.journal.conversations import Turn
    from openclaw_ipython.journal.journal import Journal
    from openclaw_ipython.journal.usage import UsageRecord

    journal = Journal(Path(path))
    number, rows = 0, []
    while True:
        number += 1
        row = f"{name}-{number}"
        journal.usage.add([UsageRecord(float(number), "ask", "p", row, "ok", 1, 2, seconds=0.1)])
        journal.conversations.save("/n.ipynb", name, Turn(row, 1.0, "p/m", "?" * 500, "!" * 2000))
        journal.cache.put(row, "p/m", {"text": "x" * 1000})
        rows.append(row)
        error = journal.check()  # a busy file gets them later
        if isinstance(error, StoreBusy):
            continue
        if error is not None:
            sys.exit(f"{row}: {error!r}")
        sys.stdout.write("".join(f"{row}\n" for row in rows))
        sys.stdout.flush()
        rows.clear()


if __name__ == "__main__":
    write(*sys.argv[1:])
