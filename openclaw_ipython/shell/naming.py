"""Completion of names of the notebook, after an option or within braces. Nothing is called or read."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from openclaw_ipython.context.names import BrokenReference, look_up

if TYPE_CHECKING:
    from openclaw_ipython.shell.notebook import NotebookView

KINDS = frozenset({"name", "source", "function", "schema"})
"""The kinds of values an option takes: a variable; a variable or file; functions; a class or schema."""

_OPEN_BRACE = r"\{([^\W\d]?[\w.]*)$"
_MAX_FILES = 200


def open_brace(before: str) -> str | None:
    """The part of a reference typed after an open brace at the end of `before`; None without one."""
    match = re.search(_OPEN_BRACE, before)
    return match[1] if match else None


def names(notebook: NotebookView, kind: str, fragment: str) -> list[str]:
    """The words that `fragment` may become, for one of KINDS."""
    if kind == "source":
        return [*variables(notebook, fragment), *_files(fragment)]
    if kind == "function":  # several, with commas between them
        done, comma, last = fragment.rpartition(",")
        return [f"{done}{comma}{name}" for name in variables(notebook, last, _may_be_called)]
    if kind == "schema":
        return variables(notebook, fragment, lambda value: isinstance(value, (type, dict, ModuleType)))
    return variables(notebook, fragment)


def _may_be_called(value: Any) -> bool:
    return callable(value) or isinstance(value, ModuleType)  # its functions can be named


def variables(
    notebook: NotebookView,
    fragment: str,
    fits: Callable[[Any], bool] = lambda _: True,
    *,
    modules: bool = True,
) -> list[str]:
    """The variables of the notebook, or after a dot the attributes of a value, without methods.

    `modules`: also of a module.
    """
    owner, dot, _ = fragment.rpartition(".")
    if not dot:
        everything = notebook.variables()
        return [name for name in notebook.own_names() if fits(everything[name])]
    try:
        value = look_up(owner, notebook, modules=modules)
        listed = dir(value)
    except (BrokenReference, KeyError):
        return []
    except Exception:  # an odd `__dir__`
        return []
    kind = type(value)
    return [
        f"{owner}.{name}"
        for name in listed
        if not name.startswith("_")
        and not callable(getattr(kind, name, None))  # looked up on the type: runs nothing
    ]


def _files(fragment: str) -> list[str]:
    """Files and folders whose path begins with `fragment`."""
    if not fragment:
        return []
    home = str(Path("~").expanduser()) if fragment.startswith("~") else ""
    pattern = home + fragment[1:] if home else fragment
    found = sorted(glob.glob(glob.escape(pattern) + "*"))[:_MAX_FILES]  # noqa: PTH207 - keeps the path as it was typed
    found = [f"{name}/" if Path(name).is_dir() else name for name in found]
    return [f"~{name[len(home) :]}" for name in found] if home else found
