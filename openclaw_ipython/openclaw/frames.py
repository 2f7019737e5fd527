"""Errors that leave a room without the frames they were raised in: those hold the text of files with tokens."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from openclaw_ipython.errors import OpenClawError

P = ParamSpec("P")
T = TypeVar("T")


def without_frames(method: Callable[P, T]) -> Callable[P, T]:
    """Let errors of this package out without the frames, whose locals hold the text of files."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except OpenClawError as error:
            failure = error.with_traceback(None)
        failure.__context__ = failure.__cause__
        if failure.__cause__ is not None:
            failure.__cause__.__traceback__ = None
            failure.__cause__.__context__ = None
        raise failure

    return call
