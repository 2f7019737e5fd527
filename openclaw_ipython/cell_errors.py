"""Errors in a cell: two lines in place of a traceback, for the magics and for `oc.ask` and `oc.map`."""

from __future__ import annotations

import functools
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
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


def interrupt_lines(interrupt: KeyboardInterrupt) -> list[str]:
    """That it was interrupted; in a terminal below its `^C`, and not after a footer that says so."""
    if not sys.stdout.isatty():
        return [_("interrupted")]
    return [] if getattr(interrupt, "is_shown", False) else ["", _("interrupted")]


def shown_as(error: Any, lines: list[str]) -> BaseException:
    """`error`, which IPython shows as these lines. Its type and attributes stay."""
    error._render_traceback_ = lambda: lines
    return error  # type: ignore[no-any-return]


def brief_in_cells(function: Function) -> Function:
    """Let errors of `function` be shown in a cell as the line that called it and two lines, without frames of ours.

    So are errors of a function that the caller passed to it, with the lines of that function. Outside IPython, and
    with `%openclaw debug on`, nothing changes.
    """

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            shell, trace = running_shell(), error.__traceback__
            if shell is None or getattr(getattr(shell, "_openclaw_ipython", None), "debug", False):
                raise
            given = _of_the_caller(shell, trace)
            wrong_arguments = isinstance(error, TypeError) and trace is not None and trace.tb_next is None
            if given or wrong_arguments or isinstance(error, OpenClawError):
                shown_as(error, [*_callers(shell, sys._getframe(1)), *given, *error_lines(error)])
            raise

    if "." not in function.__qualname__:  # the name that messages about its arguments have: `oc.map()`
        function.__qualname__ = f"oc.{function.__name__.partition('_')[0]}"
    return called  # type: ignore[return-value]


def running_shell() -> Any:
    """The IPython that runs here, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _callers(shell: Any, frame: FrameType | None) -> list[str]:
    """The lines of the user's code that lead to the call, a line each, the outermost first."""
    lines: list[str] = []
    while frame is not None and not {"IPython", "ipykernel"} & set(Path(frame.f_code.co_filename).parts):
        lines.insert(0, _line(shell, frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return lines


def _of_the_caller(shell: Any, trace: TracebackType | None) -> list[str]:
    """The lines of a function of the user that raised; none where the error comes from elsewhere."""
    lines: list[str] = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        is_ours = Path(__file__).parent in Path(file).parents
        if (lines and not is_ours) or shell.compile.format_code_name(file) is not None:
            lines.append(_line(shell, file, trace.tb_lineno))
        trace = trace.tb_next
    return lines


def _line(shell: Any, file: str, number: int) -> str:
    cell = shell.compile.format_code_name(file)
    place = " ".join(cell) if cell is not None else file
    return safe_text(f"{place}, line {number}: {linecache.getline(file, number).strip()}")
