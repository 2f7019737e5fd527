"""A copy of what the cells of a kernel display, which the kernel itself does not keep.

For each output since the extension was loaded: its last state, as text and as images, of the newest cells, up to a
limit.
"""

from __future__ import annotations

from typing import Any

LIMIT = 4 * 1024 * 1024
"""Characters that are bundle in all; the oldest outputs go first."""

TEXT_LIMIT = 64 * 1024
"""Characters of one output's text that are bundle, from its beginning."""

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")


class DisplayCapture:
    """The displays of a shell's cells. `outputs` gives those of one cell, each as MIME type → text (base64)."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._outputs: dict[str, tuple[int, dict[str, str]]] = {}  # the oldest first, by display id
        self._size = 0
        self._count = 0

    def outputs(self, number: int) -> list[dict[str, str]]:
        """What cell `number` displayed, in order."""
        return [bundle for at, bundle in self._outputs.values() if at == number]

    def capture(self, message: Any) -> Any:
        """Copy what the kernel displays or updates; the unchanged message."""
        try:
            if message.get("msg_type") in ("display_data", "update_display_data"):
                self._store(message["content"])
        except Exception:  # an odd message must be displayed all the same
            pass
        return message

    def _store(self, content: dict[str, Any]) -> None:
        self._count += 1
        key = (content.get("transient") or {}).get("display_id") or f"#{self._count}"
        number, before = self._outputs.get(key, (running_cell(self._shell), {}))
        bundle = {
            kind: text if kind in IMAGE_TYPES else text[:TEXT_LIMIT]
            for kind, text in content["data"].items()
            if kind in ("text/plain", *IMAGE_TYPES) and isinstance(text, str)
        }
        self._outputs[key] = (number, bundle)
        self._size += _size(bundle) - _size(before)
        while self._size > LIMIT and len(self._outputs) > 1:
            _number, oldest = self._outputs.pop(next(iter(self._outputs)))
            self._size -= _size(oldest)


def running_cell(shell: Any) -> int:
    """The number of the cell that runs, or ran last. (When `execution_count` moves on depends on the version.)"""
    return len(shell.history_manager.input_hist_raw) - 1


def _size(bundle: dict[str, str]) -> int:
    return sum(map(len, bundle.values()))
