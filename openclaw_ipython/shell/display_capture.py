"""What cells of a kernel displayed, kept in small: a kernel itself forgets it once it is sent.

It keeps what has been shown since the extension was loaded: the last state of each output, as text and as pictures, of
the newest cells, up to a limit. Nothing leaves from here.
"""

from __future__ import annotations

from typing import Any

MOST = 4 * 1024 * 1024
"""Characters that are kept in all; the oldest outputs go first."""

MOST_TEXT = 64 * 1024
"""Characters of one output's text that are kept, from its beginning."""

PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")


class Shown:
    """The displays of a shell's cells. `outputs` gives those of one cell, each as MIME type → text (base64)."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cells: dict[int, dict[str, dict[str, str]]] = {}
        self._places: dict[str, int] = {}  # display id → the cell that showed it
        self._size = 0
        self._count = 0  # of displays without an id

    def outputs(self, number: int) -> list[dict[str, str]]:
        """What cell `number` displayed, in order."""
        return list(self._cells.get(number, {}).values())

    def heard(self, message: Any) -> Any:
        """Take in what the kernel displays or updates; the message, which is to be passed on as it is."""
        try:
            if message.get("msg_type") in ("display_data", "update_display_data"):
                self._keep(message["content"])
        except Exception:  # whatever is odd about a display, it must be shown
            pass
        return message

    def _keep(self, content: dict[str, Any]) -> None:
        number = running_cell(self._shell)
        display_id = (content.get("transient") or {}).get("display_id") or ""
        number = self._places.get(display_id, number)
        cell = self._cells.setdefault(number, {})
        self._count += 1
        key = display_id or f"#{self._count}"
        if display_id:
            self._places[display_id] = number
        kept = {
            kind: text if kind in PICTURES else text[:MOST_TEXT]
            for kind, text in content["data"].items()
            if kind in ("text/plain", *PICTURES) and isinstance(text, str)
        }
        self._size += _size(kept) - _size(cell.get(key, {}))
        cell[key] = kept
        while self._size > MOST and (len(self._cells) > 1 or len(cell) > 1):
            self._drop_oldest(min(self._cells))

    def _drop_oldest(self, number: int) -> None:
        """Forget the oldest output of a cell."""
        cell = self._cells[number]
        key = next(iter(cell), None)
        if key is not None:
            self._size -= _size(cell.pop(key))
            self._places.pop(key, None)
        if not cell:
            del self._cells[number]


def running_cell(shell: Any) -> int:
    """The number of the cell that runs, or ran last. (When `execution_count` moves on depends on the version.)"""
    return len(shell.history_manager.input_hist_raw) - 1


def _size(kept: dict[str, str]) -> int:
    return sum(map(len, kept.values()))
