"""What in a piece of code is asked about even under `--yes`: magics, shell lines, deleting files, installing.

Read from the code, by names; nothing runs. A name that is built at run time cannot be seen, so whatever builds names or
runs text counts as well.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from typing import Any

from openclaw_ipython.i18n import N_, _
from openclaw_ipython.sanitize.text import visible
from openclaw_ipython.shell.render.code_cells import flagged

_SHELL = "system popen subprocess Popen getoutput getstatusoutput check_output check_call pexpect pty"
_DELETES = "remove unlink rmdir removedirs rmtree truncate send2trash drop_database"
_INSTALLS = "pip ensurepip conda micropip mamba setuptools"
_HIDDEN = (
    "exec eval compile __import__ importlib runpy ctypes globals locals vars __dict__ __globals__ __builtins__"
    " __subclasses__"
)
_SHELL_OBJECTS = "get_ipython run_line_magic run_cell_magic run_cell user_ns"
_NAMES = {
    **dict.fromkeys(_SHELL.split(), N_("runs a program")),
    **dict.fromkeys(_DELETES.split(), N_("deletes files")),
    **dict.fromkeys(_INSTALLS.split(), N_("installs packages")),
    **dict.fromkeys(_HIDDEN.split(), N_("runs text as code, or reaches names by text")),
    **dict.fromkeys(_SHELL_OBJECTS.split(), N_("runs magics")),
    **dict.fromkeys(
        ("exit", "quit", "kill", "killpg", "_exit", "abort", "execv", "execve", "fork", "spawnv"),
        N_("ends or starts processes"),
    ),
}
_LIVE = {
    "os": ("remove", "unlink", "rmdir", "system", "popen"),
    "shutil": ("rmtree",),
    "subprocess": ("run", "call", "Popen"),
}


def risks(code: str, names: Mapping[str, Any]) -> list[str]:
    """Why this code has to be asked about even under `--yes`; empty where nothing of the kind is in it."""
    found: dict[str, None] = {}
    if lines := flagged([code]):
        found[_("magics or shell lines: {lines}", lines=", ".join(lines))] = None
    if visible(code) != code:
        found[_("characters that cannot be seen")] = None
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return list(found) or [_("it cannot be read as Python")]
    dangerous = {
        id(vars(sys.modules[module]).get(name))
        for module, functions in _LIVE.items()
        if module in sys.modules
        for name in functions
    }
    for node in ast.walk(tree):
        for word in _words(node):
            if word in _NAMES:
                found[_("{word}: {why}", word=word, why=_(_NAMES[word]))] = None
            elif word in names and isinstance(node, ast.Name) and id(names[word]) in dangerous:
                found[_("{word}: {why}", word=word, why=_("deletes files or runs a program"))] = None
        if _writes(node):
            found[_("open: {why}", why=_("empties a file"))] = None
    return list(found)


def _words(node: ast.AST) -> list[str]:
    """The names in one node, and a string that is given to `getattr` and the like."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [name]
        case ast.alias(name=name):
            return name.split(".")
        case ast.ImportFrom(module=str(name)):
            return name.split(".")
        case ast.Call(func=ast.Name(id="getattr"), args=[_thing, ast.Constant(value=str(name)), *_rest]):
            return [name]
        case ast.Call(func=ast.Name(id="getattr")):
            return ["__dict__"]
        case _:
            return []


def _writes(node: ast.AST) -> bool:
    """Whether a call opens a file so that what was in it is lost, or in a way that cannot be read from the code."""
    match node:
        case ast.Call(func=ast.Name(id="open") | ast.Attribute(attr="open"), args=args, keywords=keywords):
            modes = [*args[1:2], *(keyword.value for keyword in keywords if keyword.arg == "mode")]
            return any(not isinstance(mode, ast.Constant) or "w" in str(mode.value) for mode in modes)
        case _:
            return False
