"""The state that the magics of one shell share.

Made at the first use, not at load, as this module imports the client and with it httpx.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from openclaw_ipython.client import Client
from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.reading import own_json, update_own_json
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.front_end import FrontEnd, detect

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_ipython.codecheck.finding import CodeCheck
    from openclaw_ipython.context.names import CellFailure
    from openclaw_ipython.journal.conversations import Conversations, Turn
    from openclaw_ipython.shell.login.state import PendingSignIn
    from openclaw_ipython.shell.mcp_serving import Serving
    from openclaw_ipython.shell.notebook import NotebookView
    from openclaw_ipython.shell.render.code_cells import NextCells
    from openclaw_ipython.shell.views import View

RECENT = 50
"""How many questions are remembered, in case one is continued or begins a conversation."""

_Sessions = dict[str, str]
"""The path of a notebook, or `name:NAME` → the value of `user`."""


class Session:
    """One shell's state. `preferences` is the `OpenClaw` configurable, as `%config` sets it."""

    def __init__(self, shell: Any, preferences: Any, runtime: Runtime | None = None) -> None:
        self.shell = shell
        self.preferences = preferences
        self.runtime = runtime or Runtime(os.environ)
        self.loop_thread = LoopThread()
        self.sign_in: PendingSignIn | None = None
        self.failure: CellFailure | None = None
        """The failure that `%openclaw fix` or `explain` was last about."""
        self.serving: Serving | None = None
        """What `%openclaw mcp serve` started."""
        self.recent_questions = RecentQuestions()
        self._client: Client | None = None
        self._pid = os.getpid()

    @property
    def client(self) -> Client:
        """The client; a forked child gets its own, since connections are not shared."""
        if self._client is None or self._pid != os.getpid():
            self._client = Client(runtime=self.runtime)
            self._pid = os.getpid()
        self._client.recording.follow(self.preferences)
        return self._client

    @cached_property
    def agent_sessions(self) -> AgentSessions:
        """The sessions with agents of a Gateway."""
        path = self.client.home.own_dir / "agent-sessions.json"
        return AgentSessions(path, self.runtime, writes=self.preferences.journal)

    @property
    def notebook(self) -> NotebookView:
        """The names, cells and failures of this shell."""
        from openclaw_ipython.shell.notebook import NotebookView

        return NotebookView(self.shell, self.preferences.display_capture)

    @cached_property
    def _next_cells(self) -> NextCells:
        from openclaw_ipython.shell.render.code_cells import NextCells

        return NextCells(self.shell)

    def put_cells(self, cells: Sequence[str]) -> None:
        """Put code into new cells below the running one."""
        self._next_cells.put(cells)

    def check(self, cells: Sequence[str]) -> CodeCheck:
        """Compare code with the namespace; nothing of it is run."""
        from openclaw_ipython.codecheck.checker import check_cells

        return check_cells(cells, self.shell.user_ns)

    @property
    def front(self) -> FrontEnd:
        """The front end of the running cell."""
        return detect(self.shell, self.runtime.environ)

    @property
    def pending(self) -> PendingSignIn | None:
        """The pending sign-in, if any."""
        return self.sign_in if self.sign_in is not None and not self.sign_in.ended() else None

    def show(self, view: View) -> None:
        """Display a result; text for programs goes to standard output as it is."""
        from openclaw_ipython.shell.views import RawView

        if isinstance(view, RawView) or self.front.kind == "terminal":
            sys.stdout.write(view.text() + "\n")
            return
        from IPython.display import display

        display(view)

    def show_notices(self) -> None:
        """Show what the journal has for the person, apart from the output that a program may read."""
        for notice in self._client.recorder.notices() if self._client is not None else ():
            sys.stderr.write(f"{safe_text(notice)}\n")

    def close(self) -> None:
        """Cancel a pending sign-in, and close the client and the event loop."""
        if "_next_cells" in vars(self):
            self._next_cells.forget()
        if self.sign_in is not None:
            self.sign_in.cancel()
        if (servers := sys.modules.get("openclaw_ipython.mcp.connection")) is not None:
            servers.CONNECTIONS.close()
        if self.serving is not None:
            self.serving.stop()
        client, self._client = self._client, None
        if client is not None and self._pid == os.getpid():
            try:
                self.loop_thread.run(client.aclose())
            except RuntimeError:  # the loop is gone already
                pass
        self.loop_thread.close()


class RecentQuestions:
    """The latest questions that belong to no conversation, in memory only: cell → turn, the latest at the end."""

    def __init__(self) -> None:
        self.turns: dict[str, Turn] = {}
        self.latest: str | None = None
        """The cell of the last question, where that belongs to no conversation."""
        self.unwritten: Conversations | None = None
        """The conversations of this kernel while the journal cannot be written."""
        self._execution: Any = None
        self._count = 0

    def number_in(self, execution: Any) -> int:
        """Count a question of the cell execution `execution`; the first is 1."""
        self._count = self._count + 1 if execution == self._execution else 1
        self._execution = execution
        return self._count

    def add(self, turn: Turn) -> None:
        """Remember `turn` as the latest question, in place of an earlier one of its cell."""
        self.turns.pop(turn.cell, None)
        self.turns[turn.cell] = turn
        self.latest = turn.cell
        if len(self.turns) > RECENT:
            del self.turns[next(iter(self.turns))]

    def clear(self) -> None:
        """Forget all questions."""
        self.turns.clear()
        self.latest = None


class AgentSessions:
    """The sessions of notebooks with agents of a Gateway, in the file `path`.

    It can be deleted: then new ones begin. `writes` says whether it may be written; what cannot be written holds as
    long as the kernel.
    """

    def __init__(self, path: Path, runtime: Runtime, *, writes: bool) -> None:
        self._path = path
        self._runtime = runtime
        self._writes = writes
        self._known: dict[str, str] = {}
        self.cancelled: set[str] = set()
        """The sessions whose last turn was interrupted: its text comes before the next one."""
        self.agents: list[str] = []

    def user(self, notebook: str, name: str | None, *, fresh: bool) -> tuple[bool, str]:
        """Whether the notebook has had no session yet, and the value of `user`.

        A session with a name is the same from all notebooks. With `fresh` the value is a new one.
        """
        stored = own_json(self._path, _Sessions) | self._known
        is_first, key = notebook not in stored, notebook if name is None else f"name:{name.strip().lower()}"
        added = {}
        if is_first:
            added[notebook] = self._value(PurePath(notebook).stem)
        if fresh and (name is not None or not is_first):
            added[key] = self._value(name or PurePath(notebook).stem)
        self._known |= added
        if added and self._writes:
            with suppress(DocumentError):
                update_own_json(self._path, _Sessions, lambda stored: stored | added)
        return is_first, {**stored, **added}.get(key) or f"notebook:{name}"

    def _value(self, readable: str) -> str:
        return f"notebook:{readable[:40]}-{self._runtime.random_bytes(4).hex()}"
