"""What a renderer is, what it is made from, and the surfaces on which it shows an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from msgspec import Struct

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatEvent, Reply
    from openclaw_ipython.codecheck.finding import CodeCheck

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


class Renderer:
    """Shows one answer: `start`, then `update` until the answer ends, then `finish` or `cancel` once."""

    interval = 0.5
    """Seconds between two calls of `update`."""

    def start(self, label: str) -> None:
        """The request is sent to `label`, e.g. `qwen-portal/coder-model`."""

    def update(self, events: Sequence[ChatEvent]) -> None:
        """Show what is new in `events`; without events, that time has passed."""

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """The answer has ended, complete or not: show the rest, and the footer with `notes`."""

    def cancel(self) -> None:
        """The request failed before anything arrived: remove the status line."""


class RenderContext(Struct, frozen=True):
    """What renderers of one cell are made from.

    `renderer` is a name in the package `renderers`, `surface` is that of the front end, `monotonic` gives monotonic
    seconds, `put_cells` puts code into new cells, and `check` compares code with the namespace.
    """

    renderer: str
    surface: Surface
    monotonic: Callable[[], float]
    put_cells: Callable[[Sequence[str]], None]
    check: Callable[[Sequence[str]], CodeCheck]
    footer: bool = True


class RendererWrapper(Renderer):
    """Shows an answer as `inner` does; subclasses add to it."""

    def __init__(self, inner: Renderer) -> None:
        self._inner = inner
        self.interval = inner.interval

    def start(self, label: str) -> None:
        """As `inner`."""
        self._inner.start(label)

    def update(self, events: Sequence[ChatEvent]) -> None:
        """As `inner`."""
        self._inner.update(events)

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """As `inner`."""
        self._inner.finish(reply, notes)

    def cancel(self) -> None:
        """As `inner`."""
        self._inner.cancel()
