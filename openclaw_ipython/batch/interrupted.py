"""The interrupt of a batch: a KeyboardInterrupt that says how far it was, and keeps what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_ipython.batch.results import Results


class Interrupted(KeyboardInterrupt):
    """Raised by `oc.map` when it is interrupted. `results` is what was done by then.

    In a cell it is shown in a line.
    """

    def __init__(self, message: str, results: Results) -> None:
        super().__init__(message)
        self.results = results

    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]
