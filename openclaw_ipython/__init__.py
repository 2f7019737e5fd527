"""Qwen, or any OpenAI-compatible model, one line away in IPython and Jupyter.

In a notebook: `%load_ext openclaw_ipython`, `%openclaw login`, `%%qwen`. In a program: `Client`.
Importing this package imports almost nothing; each name below is loaded when it is first used.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openclaw_ipython._version import __version__

if TYPE_CHECKING:
    from openclaw_ipython.api import ask
    from openclaw_ipython.batch import map as map  # noqa: A004 - used as oc.map
    from openclaw_ipython.batch.estimate import BatchEstimate
    from openclaw_ipython.batch.results import Results
    from openclaw_ipython.chat.types import (
        Answered,
        AnsweredBy,
        Answering,
        ChatEvent,
        Finished,
        Message,
        Notice,
        ReasoningDelta,
        Reply,
        TextDelta,
        TextWasReasoning,
        Thinking,
        Timed,
        ToolCall,
        ToolResult,
        Usage,
        UsageReport,
    )
    from openclaw_ipython.client import Client
    from openclaw_ipython.codecheck.checker import check
    from openclaw_ipython.codecheck.finding import CodeCheck, CodeFinding
    from openclaw_ipython.errors import (
        AuthError,
        BudgetExceeded,
        CheckFailed,
        ConfigError,
        DocumentError,
        LoginCancelled,
        LoginDenied,
        LoginExpired,
        LoginRequired,
        LoginUnavailable,
        OpenClawError,
        ProtocolError,
        QuotaExceeded,
        RateLimited,
        RefreshRejected,
        RequestRejected,
        SchemaMismatch,
        ServiceError,
        ServiceUnavailable,
        StoreBusy,
        StreamBroken,
        TooManyRounds,
        UnknownModel,
        UnknownProvider,
        UsageError,
    )
    from openclaw_ipython.evaluation import Comparison, Filtered, Judge, Score, compare
    from openclaw_ipython.evaluation import filter as filter  # noqa: A004 - used as oc.filter

__all__ = [
    "Answered",
    "AnsweredBy",
    "Answering",
    "AuthError",
    "BatchEstimate",
    "BudgetExceeded",
    "ChatEvent",
    "CheckFailed",
    "Client",
    "CodeCheck",
    "CodeFinding",
    "Comparison",
    "ConfigError",
    "DocumentError",
    "Filtered",
    "Finished",
    "Judge",
    "LoginCancelled",
    "LoginDenied",
    "LoginExpired",
    "LoginRequired",
    "LoginUnavailable",
    "Message",
    "Notice",
    "OpenClawError",
    "ProtocolError",
    "QuotaExceeded",
    "RateLimited",
    "ReasoningDelta",
    "RefreshRejected",
    "Reply",
    "RequestRejected",
    "Results",
    "SchemaMismatch",
    "Score",
    "ServiceError",
    "ServiceUnavailable",
    "StoreBusy",
    "StreamBroken",
    "TextDelta",
    "TextWasReasoning",
    "Thinking",
    "Timed",
    "TooManyRounds",
    "ToolCall",
    "ToolResult",
    "UnknownModel",
    "UnknownProvider",
    "Usage",
    "UsageError",
    "UsageReport",
    "__version__",
    "ask",
    "check",
    "compare",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_NAMES = sorted([*__all__, "filter", "map"])
"""With the two that are not in `__all__`, so that a star import does not replace the built-in functions."""

_MODULES = {
    "BatchEstimate": "batch.estimate",
    "Client": "client",
    "CodeCheck": "codecheck.finding",
    "CodeFinding": "codecheck.finding",
    "Results": "batch.results",
    "ask": "api",
    "check": "codecheck.checker",
    **dict.fromkeys(("Comparison", "Filtered", "Judge", "Score", "compare", "filter"), "evaluation"),
    "map": "batch",
}


_OLDEST_IPYTHON = (8, 18)

if not TYPE_CHECKING:  # a type checker knows the names above, and reports any other

    def __getattr__(name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        modules = [_MODULES[name]] if name in _MODULES else ["errors", "chat.types"]
        found = (vars(import_module(f"{__name__}.{module}")) for module in modules)
        return next(names[name] for names in found if name in names)


def __dir__() -> list[str]:
    return list(_NAMES)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext openclaw_ipython`: silent; touches no network and writes no file.

    Raises ImportError, shown in one line, where an older IPython is running than the one that is needed.
    """
    running: tuple[Any, ...] = getattr(sys.modules.get("IPython"), "version_info", _OLDEST_IPYTHON)
    if running[:2] < _OLDEST_IPYTHON:
        version = ".".join(str(part) for part in running[:3])
        message = (
            f"openclaw_ipython needs IPython 8.18 or newer, and {version} is running: restart the runtime"
        )
        error = ImportError(message)
        error._render_traceback_ = lambda: [message]  # type: ignore[attr-defined]
        raise error
    from openclaw_ipython.shell.magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext openclaw_ipython`: removes everything that loading and using it added to the shell."""
    from openclaw_ipython.shell.magics import unload

    unload(shell)
