"""Where a renderer shows its output: the cell's output area or a stream of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TextIO

_ANSWER = {"openclaw": {"answer": True}}
"""Metadata of Markdown outputs, which tell the front-end extension that the code in them is that of an answer."""


class Handle(Protocol):
    """One output that can still change."""

    def update(self, bundle: Mapping[str, str]) -> None:
        """Show `bundle` (MIME type to content) in its place."""


class Surface(Protocol):
    """Shows display data and text. Contents are sanitised already and passed on as they are."""

    def show(self, bundle: Mapping[str, str]) -> Handle:
        """Show `bundle` (MIME type to content) as a new output below the others."""

    def write(self, text: str) -> None:
        """Append `text` to the stream of plain text."""


class JupyterSurface:
    """The output area of the running cell. For the cell's own thread only."""

    def show(self, bundle: Mapping[str, str]) -> Handle:
        """A `display_data` message with an id of its own, so that it can be updated."""
        from IPython.display import display

        handle = display(dict(bundle), raw=True, display_id=True, metadata=_metadata(bundle))
        return _JupyterHandle(handle)

    def write(self, text: str) -> None:
        """Text as an output of its own."""
        self.show({"text/plain": text})


class _JupyterHandle:
    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def update(self, bundle: Mapping[str, str]) -> None:
        if self._handle is not None:  # None: no shell is there to display anything
            self._handle.update(dict(bundle), raw=True, metadata=_metadata(bundle))


def _metadata(bundle: Mapping[str, str]) -> Mapping[str, Any]:
    return _ANSWER if "text/markdown" in bundle else {}


class TerminalSurface:
    """A stream of text, such as `sys.stdout`. Characters that it cannot encode are written as `?`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, bundle: Mapping[str, str]) -> Handle:
        """Print the `text/plain` of the bundle on lines of its own."""
        self.write(bundle.get("text/plain", "") + "\n")
        return self

    def write(self, text: str) -> None:
        """Write and flush, so that text is seen as it comes."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()

    def update(self, bundle: Mapping[str, str]) -> None:
        """Nothing: it has been printed."""
