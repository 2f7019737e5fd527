"""`check`: one cell of code against a namespace. The code is read, never run, and neither is anything of the user's."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from openclaw_ipython.codecheck.finding import CodeCheck, CodeFinding
from openclaw_ipython.codecheck.flow import Flow
from openclaw_ipython.codecheck.static_lookup import is_a, module_dict

MAX_LINES = 2_000
_NOTHING_CLAIMED = {"exec", "globals"}
_ONLY_NAMES = {"eval", "vars", "locals", "setattr", "__dict__", "delattr"}
_CHANGING_MAGICS = {
    "run",
    "load",
    "loadpy",
    "store",
    "pylab",
    "load_ext",
    "macro",
    "reset",
    "rerun",
    "recall",
}
_PYTHON_CELL_MAGICS = {"time", "timeit", "capture", "prun"}
_ALWAYS = {
    "get_ipython",
    "display",
    "exit",
    "quit",
    "In",
    "Out",
    "_",
    "__",
    "___",
    "_i",
    "_ii",
    "_iii",
    "_ih",
    "_oh",
    "_dh",
}


def check(code: str, names: Mapping[str, Any]) -> CodeCheck:
    """What in `code` does not exist in `names`, the namespace of a kernel.

    It looks at syntax, names, modules, attributes, keyword arguments and DataFrame columns. What cannot be known is not
    claimed. Never raises.
    """
    try:
        return _checked(code, names)
    except Exception:  # a fault of the check must not cost the answer
        return CodeCheck(complete=False)


def _checked(code: str, names: Mapping[str, Any]) -> CodeCheck:
    complete = True
    magic = re.match(r"\s*%%(\w+)([^\n]*)\n?", code)
    extra: set[str] = set()
    offset = 0
    if magic is not None:
        if magic[1] not in _PYTHON_CELL_MAGICS:
            return CodeCheck(complete=False)
        extra = set(re.findall(r"[A-Za-z_]\w*", magic[2])) if magic[1] == "capture" else set()
        offset = code[: magic.end()].count("\n")
        code, complete = code[magic.end() :], False
    if code.count("\n") > MAX_LINES:
        return CodeCheck(complete=False)
    try:
        tree = _parsed(code)
    except SyntaxError as error:
        finding = CodeFinding("syntax", (error.lineno or 1) + offset, str(error.msg))
        return CodeCheck((finding,), complete)
    words = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)
    }
    if words & _NOTHING_CLAIMED or _magics(tree) & _CHANGING_MAGICS:
        return CodeCheck(complete=False)
    found = _undefined(tree, set(names) | extra | _ALWAYS | {f"_{n}" for n in range(1, 3)}, names)
    if words & _ONLY_NAMES:
        complete = False
    else:
        found += Flow(names, tree).run()
    shifted = (CodeFinding(f.kind, f.line + offset, f.name, f.owner, f.suggestions) for f in found)
    return CodeCheck(tuple(sorted(shifted, key=lambda finding: finding.line)), complete)


def _parsed(code: str) -> ast.Module:
    """The tree, with magics and shell lines turned into calls. Raises SyntaxError."""
    from IPython.core.inputtransformer2 import TransformerManager

    transformed = TransformerManager().transform_cell(code)  # type: ignore[no-untyped-call]
    return ast.parse(transformed)


def _magics(tree: ast.Module) -> set[str]:
    """The names of the line magics that a cell calls."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value=str(name)), *_]
            ):
                found.add(name)
    return found


def _undefined(tree: ast.Module, known: set[str], names: Mapping[str, Any]) -> list[CodeFinding]:
    from pyflakes.checker import Checker
    from pyflakes.messages import UndefinedLocal, UndefinedName

    stars = _star_names(tree)
    if stars is None:
        return []
    messages = Checker(tree, builtins=known | stars).messages
    found = []
    for message in messages:
        if isinstance(message, UndefinedName | UndefinedLocal):
            name = str(message.message_args[0])
            near = tuple(get_close_matches(name, [n for n in names if not n.startswith("_")], 3, 0.6))
            found.append(CodeFinding("name", message.lineno, name, "", near))
    return found


def _star_names(tree: ast.Module) -> set[str] | None:
    """What `from module import *` brings; None where a module is not loaded."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            module = sys.modules.get(node.module or "")
            if module is None or not is_a(module, ModuleType):
                return None
            every: Iterable[str] = module_dict(module).get("__all__") or module_dict(module)
            found |= set(every)
    return found
