"""Errors in a cell: two lines in place of a traceback, for the magics and for `oc.ask` and `oc.map`."""

from __future__ import annotations

import functools
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import safe_text

Function = TypeVar("Function", bound=Callable[..., Any])


def error_lines(error: Exception) -> list[str]:
    """What happened, and the command that repairs it."""
    # Messages of libraries and servers may have several lines.
    first = f"{type(error).__name__}: {' '.join(safe_text(str(error)).split())}"
    request_id = getattr(error, "request_id", "")  # for the support of the service
    if request_id:
        first += " · " + _("request {id}", id=safe_text(request_id))
    hint = getattr(error, "hint", "")
    return [first, f"→ {safe_text(hint)}"] if hint else [first]


def shown_as(error: Any, lines: list[str]) -> BaseException:
    """`error`, which IPython shows as these lines. Its type and attributes stay."""
    error._render_traceback_ = lambda: lines
    return error  # type: ignore[no-any-return]


def brief_in_cells(function: Function) -> Function:
    """Let errors of `function` be shown in a cell as the line that called it and two lines, without frames of ours.

    Outside IPython, and with `%openclaw debug on`, nothing changes.
    """

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (OpenClawError, TypeError) as error:
            trace = error.__traceback__
            if not isinstance(error, OpenClawError) and (trace is None or trace.tb_next is not None):
                raise  # not about the arguments of this call
            shell = running_shell()
            if shell is not None and not getattr(getattr(shell, "_openclaw_ipython", None), "debug", False):
                shown_as(error, [*_callers(shell, sys._getframe(1)), *error_lines(error)])
            raise

    return called  # type: ignore[return-value]


def running_shell() -> Any:
    """The IPython that runs here, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _callers(shell: Any, frame: FrameType | None) -> list[str]:
    """The lines of the user's code that lead to the call, a line each, the outermost first."""
    lines: list[str] = []
    while frame is not None and not _is_of_ipython(file := frame.f_code.co_filename):
        cell = shell.compile.format_code_name(file)
        place = " ".join(cell) if cell is not None else file
        code = linecache.getline(file, frame.f_lineno).strip()
        lines.insert(0, safe_text(f"{place}, line {frame.f_lineno}: {code}"))
        frame = frame.f_back
    return lines


def _is_of_ipython(file: str) -> bool:
    return any(part in ("IPython", "ipykernel") for part in Path(file).parts)
