"""What the magics of one shell share: the client, the bridge, a pending sign-in, the last reply.

Made at the first use, not at load: importing this module brings httpx and the rest of the house.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.client import Client
from openclaw_ipython.runtime.event_loop import Bridge
from openclaw_ipython.shell.front_end import FrontEnd, detect

if TYPE_CHECKING:
    from openclaw_ipython.context.names import CellFailure
    from openclaw_ipython.shell.login.state import PendingSignIn
    from openclaw_ipython.shell.notebook import NotebookView
    from openclaw_ipython.shell.recent_questions import RecentQuestions
    from openclaw_ipython.shell.render.code_cells import NextCells
    from openclaw_ipython.shell.views import View


class Session:
    """One shell's state. `options` is the `OpenClaw` configurable with the person's preferences."""

    def __init__(self, shell: Any, options: Any) -> None:
        self.shell = shell
        self.options = options
        self.bridge = Bridge()
        self.monotonic = time.monotonic
        self.sign_in: PendingSignIn | None = None
        self.failure: CellFailure | None = None
        """The failure that `%openclaw fix` or `explain` was asked about last."""
        self._next_cells: NextCells | None = None
        self._recent_questions: RecentQuestions | None = None
        self._client: Client | None = None
        self._pid = os.getpid()

    @property
    def client(self) -> Client:
        """The client; a forked child gets its own, since connections are not shared."""
        if self._client is None or self._pid != os.getpid():
            self._client = Client()
            self._pid = os.getpid()
        self._client.recording.follow(self.options)
        return self._client

    @property
    def recent_questions(self) -> RecentQuestions:
        """The latest questions that belong to no conversation."""
        if self._recent_questions is None:
            from openclaw_ipython.shell.recent_questions import RecentQuestions

            self._recent_questions = RecentQuestions()
        return self._recent_questions

    @property
    def notebook(self) -> NotebookView:
        """The names, cells and failures of this shell."""
        from openclaw_ipython.shell.notebook import NotebookView

        return NotebookView(self.shell, self.options.display_capture)

    def put_cells(self, cells: Sequence[str]) -> None:
        """Put code into new cells below the running one."""
        if self._next_cells is None:
            from openclaw_ipython.shell.render.code_cells import NextCells

            self._next_cells = NextCells(self.shell)
        self._next_cells.put(cells)

    @property
    def front(self) -> FrontEnd:
        """The front end as it is for the running cell."""
        return detect(self.shell, os.environ)

    @property
    def pending(self) -> PendingSignIn | None:
        """The sign-in that is going on, if any."""
        return self.sign_in if self.sign_in is not None and not self.sign_in.ended() else None

    def show(self, view: View) -> None:
        """Display a result; text for programs goes to standard output as it is."""
        from openclaw_ipython.shell.views import RawView

        if isinstance(view, RawView) or self.front.kind == "terminal":
            sys.stdout.write(view.text() + "\n")
            return
        from IPython.display import display

        display(view)

    def close(self) -> None:
        """Stop what runs and close what is open."""
        if self._next_cells is not None:
            self._next_cells.forget()
        if self.sign_in is not None:
            self.sign_in.cancel()
        client, self._client = self._client, None
        if client is not None and self._pid == os.getpid():
            try:
                self.bridge.run(client.aclose())
            except RuntimeError:  # the loop is gone already
                pass
        self.bridge.close()
