"""An exception as text: its cell, its traceback as far as it is the person's, its message. Pure."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_ipython.context.blocks import fenced
from openclaw_ipython.sanitize.secrets import redact

if TYPE_CHECKING:
    from openclaw_ipython.context.names import Failure

_FRAMES = 12  # of each exception, the innermost
_MESSAGE = 10_000  # characters; some errors carry a whole page
_OURS = str(Path(__file__).parents[1])
_IPYTHON = re.compile(r"[/\\]IPython[/\\]core[/\\]")


def error_text(error: BaseException) -> str:
    """The traceback of `error` with its causes, without the frames of IPython, and without secrets."""
    told = traceback.TracebackException.from_exception(error)
    seen = told
    chain: set[int] = set()
    while seen is not None and id(seen) not in chain:
        chain.add(id(seen))
        _shorten(seen)
        seen = seen.__cause__ or seen.__context__  # type: ignore[assignment]
    text = redact("".join(told.format()).rstrip())
    if len(text) <= 2 * _MESSAGE:
        return text
    return f"{text[:_MESSAGE]}\n… {len(text) - 2 * _MESSAGE:,} characters left out …\n{text[-_MESSAGE:]}"


def failure_text(failure: Failure) -> str:
    """The cell that failed, and the traceback."""
    error = error_text(failure.error)
    if not failure.source:
        return error
    where = f"Cell [{failure.number}]" + (f", line {failure.line}" if failure.line else "")
    return f"{where}:\n{fenced(failure.source, 'python')}\n\n{error}"


def _shorten(told: traceback.TracebackException) -> None:
    own = [
        frame
        for frame in told.stack
        if not frame.filename.startswith(_OURS) and not _IPYTHON.search(frame.filename)
    ]
    left_out = max(0, len(own) - _FRAMES)
    told.stack[:] = own[:1] + own[1 + left_out :] if left_out else own
