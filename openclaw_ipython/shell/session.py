"""The state that the magics of one shell share.

Made at the first use, not at load, as this module imports the client and with it httpx.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.client import Client
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.front_end import FrontEnd, detect

if TYPE_CHECKING:
    from openclaw_ipython.codecheck.finding import CodeCheck
    from openclaw_ipython.context.names import CellFailure
    from openclaw_ipython.shell.agent_sessions import AgentSessions
    from openclaw_ipython.shell.login.state import PendingSignIn
    from openclaw_ipython.shell.mcp_serving import Serving
    from openclaw_ipython.shell.notebook import NotebookView
    from openclaw_ipython.shell.recent_questions import RecentQuestions
    from openclaw_ipython.shell.render.code_cells import NextCells
    from openclaw_ipython.shell.views import View


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
        self._next_cells: NextCells | None = None
        self._recent_questions: RecentQuestions | None = None
        self._agent_sessions: AgentSessions | None = None
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

    @property
    def recent_questions(self) -> RecentQuestions:
        """The latest questions that belong to no conversation."""
        if self._recent_questions is None:
            from openclaw_ipython.shell.recent_questions import RecentQuestions

            self._recent_questions = RecentQuestions()
        return self._recent_questions

    @property
    def agent_sessions(self) -> AgentSessions:
        """The sessions with agents of a Gateway."""
        if self._agent_sessions is None:
            from openclaw_ipython.shell.agent_sessions import AgentSessions

            path = self.client.home.own_dir / "agent-sessions.json"
            self._agent_sessions = AgentSessions(path, self.runtime, writes=self.preferences.journal)
        return self._agent_sessions

    @property
    def notebook(self) -> NotebookView:
        """The names, cells and failures of this shell."""
        from openclaw_ipython.shell.notebook import NotebookView

        return NotebookView(self.shell, self.preferences.display_capture)

    def put_cells(self, cells: Sequence[str]) -> None:
        """Put code into new cells below the running one."""
        if self._next_cells is None:
            from openclaw_ipython.shell.render.code_cells import NextCells

            self._next_cells = NextCells(self.shell)
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
        if self._next_cells is not None:
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
