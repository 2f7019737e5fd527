"""The source of a function or a class, also of one that was defined in a cell. Nothing is run."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Sequence
from typing import Any

_MAGIC = re.compile(r"^[%!].*$", re.M)


def source_of(value: Any, cells: Sequence[str] = ()) -> str:
    """The source of a function or class; where there is none, its signature and its docstring.

    `cells` are the sources of cells, in which a class is looked for: before Python 3.13 `inspect` knows only of files.
    """
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(value))).rstrip()
    except (OSError, TypeError, IndentationError):
        pass
    if (
        isinstance(value, type)
        and value.__module__ == "__main__"
        and (found := _class_in(cells, value.__name__))
    ):
        return found
    name = getattr(value, "__qualname__", repr(value))
    try:
        head = f"{name}{inspect.signature(value)}"
    except (TypeError, ValueError):
        head = f"{name}(…)"
    doc = inspect.getdoc(value)
    return f"{head}\n{doc}" if doc else head


def _class_in(cells: Sequence[str], name: str) -> str:
    """The latest definition of a class at the top of a cell, with its decorators; empty where there is none."""
    for cell in reversed(cells):
        if f"class {name}" not in cell:
            continue
        plain = _MAGIC.sub("", cell)
        try:
            body = ast.parse(plain).body
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                return "\n".join(plain.splitlines()[first - 1 : node.end_lineno])
    return ""
