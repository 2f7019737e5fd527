"""What code prints and displays while it runs, for a model or an agent."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

from openclaw_ipython.shell.display_capture import IMAGE_TYPES

LIMIT = 20_000
"""Characters of what one call gives to a model or an agent."""

_owner: ContextVar[object] = ContextVar("openclaw_ipython_output", default=None)


@contextmanager
def captured(shell: Any, *, shown: bool) -> Iterator[tuple[io.StringIO, list[bytes]]]:
    """Keep what is printed, the text and the images that are displayed. `shown`: they are shown as ever too.

    If not, only the output of this context is kept; anything else, such as a thread of an earlier cell, writes where it
    always does. Figures of matplotlib are displayed and closed at the end, as at the end of a cell.
    """
    text, images = io.StringIO(), list[bytes]()

    def write(original: Callable[[str], int], new: str) -> int:
        ours = shown or _owner.get() is text
        if ours and text.tell() < 2 * LIMIT:
            text.write(new)
        return original(new) if shown or not ours else len(new)

    def publish(original: Callable[..., None], data: Any, *args: Any, **options: Any) -> None:
        if ours := shown or _owner.get() is text:
            write(len, f"{data.get('text/plain', '')}\n"[:LIMIT])
            image = next((data[kind] for kind in IMAGE_TYPES if data.get(kind)), None)
            if image is not None:
                images.append(image if isinstance(image, bytes) else base64.b64decode(image))
        if shown or not ours:
            original(data, *args, **options)

    token = _owner.set(text)
    try:
        with ExitStack() as stack:
            # The methods are replaced, not the streams: a handler of `logging` holds its stream.
            for stream in {sys.stdout, sys.stderr} - {None}:
                stack.enter_context(_replaced(stream, "write", partial(write, stream.write)))
            if hasattr(shell.display_pub, "register_hook"):  # others print
                original = partial(publish, shell.display_pub.publish)
                stack.enter_context(_replaced(shell.display_pub, "publish", original))
            yield text, images
            if not shown:
                _show_figures()
    finally:
        _owner.reset(token)


@contextmanager
def _replaced(owner: Any, name: str, method: Callable[..., Any]) -> Iterator[None]:
    before = vars(owner).get(name)
    setattr(owner, name, method)
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def _show_figures() -> None:
    pyplot, inline = sys.modules.get("matplotlib.pyplot"), sys.modules.get("matplotlib_inline.backend_inline")
    if pyplot is not None and inline is not None and pyplot.get_backend().endswith("inline"):
        with suppress(Exception):
            inline.flush_figures()
