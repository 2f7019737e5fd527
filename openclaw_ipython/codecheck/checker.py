"""`check`: one cell of code against a namespace. The code is read, never run, and neither is anything of the user's."""

from __future__ import annotations

import ast
import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from types import ModuleType
from typing import Any

from openclaw_ipython.codecheck.expressions import near_names
from openclaw_ipython.codecheck.finding import CodeCheck, CodeFinding
from openclaw_ipython.codecheck.flow import Flow
from openclaw_ipython.codecheck.static_lookup import is_a, module_dict, word_set
from openclaw_ipython.codecheck.syntax import bound, constant, parameters

MAX_LINES = 2_000
_NOTHING_CLAIMED = frozenset({"exec", "globals", "user_ns"})
_ONLY_NAMES = word_set("eval vars locals setattr __dict__ delattr")
_BINDING_NOTHING = word_set(
    "matplotlib time timeit prun memit mprun lprun config env set_env cd ls ll pwd pip conda mamba uv who whos who_ls"
    " autoreload autosave precision xmode colors pdoc pdef psource pfile pinfo pinfo2 history hist system sx mkdir"
    " rm cat debug pdb page logstart logstop load_ext reload_ext openclaw qwen"
)
_PYTHON_CELL_MAGICS = frozenset({"time", "timeit", "capture", "prun"})
_ALWAYS = word_set("get_ipython display exit quit In Out _ __ ___ _i _ii _iii _ih _oh _dh")


def check(code: str, names: Mapping[str, Any] | None = None) -> CodeCheck:
    """What in `code` does not exist in `names`: by default the namespace of the notebook, else that of `__main__`.

    It looks at syntax, names, modules, attributes, keyword arguments and columns of DataFrames. What cannot be known is
    not claimed. Nothing is run. Never raises.
    """
    if names is None:
        shell = ipython.get_ipython() if (ipython := sys.modules.get("IPython")) is not None else None
        names = shell.user_ns if shell is not None else vars(sys.modules["__main__"])
    try:
        return _checked(code, names)
    except Exception:  # a fault of the check must not cost the answer
        return CodeCheck(complete=False)


def check_cells(cells: Sequence[str], names: Mapping[str, Any] | None = None) -> CodeCheck:
    """`check` for cells that are run one after the other. Lines count in each cell."""
    if len(cells) == 1:
        return check(cells[0], names)
    magic = [cell.lstrip().startswith("%%") for cell in cells]
    lines = [("\n" * cell.count("\n") if other else cell) for cell, other in zip(cells, magic, strict=True)]
    result = check("\n".join(lines), names)
    starts = list(accumulate((text.count("\n") + 1 for text in lines), initial=0))
    found = []
    for finding in result.findings:
        cell = bisect_left(starts, finding.line)
        found.append(replace(finding, cell=cell, line=finding.line - starts[cell - 1]))
    return CodeCheck(tuple(found), result.complete and not any(magic))


def _checked(code: str, names: Mapping[str, Any]) -> CodeCheck:
    complete, offset, extra = True, 0, set[str]()
    magic = re.match(r"\s*%%(\w+)([^\n]*)\n?", code)
    if magic is not None:
        if magic[1] not in _PYTHON_CELL_MAGICS:
            return CodeCheck(complete=False)
        extra = set(re.findall(r"[A-Za-z_]\w*", magic[2])) if magic[1] in ("capture", "timeit") else extra
        offset, complete = magic[0].count("\n"), False
        code = code[magic.end() :]
    body = re.sub(r"\A(?:[ \t]*\n)+", "", code)  # as IPython counts lines
    offset, code = offset + code.count("\n") - body.count("\n"), body
    if code.count("\n") > MAX_LINES:
        return CodeCheck(complete=False)
    try:
        tree = _parsed(code)
    except SyntaxError as error:
        return CodeCheck((CodeFinding("syntax", (error.lineno or 1) + offset, str(error.msg)),), complete)
    _drop_untaken(tree, names)
    words = {node.id for node in _nodes(tree, ast.Name)} | {node.attr for node in _nodes(tree, ast.Attribute)}
    if words & _NOTHING_CLAIMED or _unbound(tree) or not _magics(tree) <= _BINDING_NOTHING:
        return CodeCheck(complete=False)
    found = _undefined(tree, set(names) | extra | _ALWAYS, names)
    if "get_ipython" in words and words & {"system", "getoutput"}:  # shell lines are not looked at
        complete = False
    if words & _ONLY_NAMES:
        complete = False
    else:
        found += Flow(names, tree).run()
    if _names_projection(tree):
        found = [finding for finding in found if finding.kind != "keyword"]
    shifted = (replace(finding, line=finding.line + offset) for finding in found)
    return CodeCheck(tuple(sorted(shifted, key=lambda finding: finding.line)), complete)


def _nodes(tree: ast.AST, *kinds: type) -> Iterable[Any]:
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


def _names_projection(tree: ast.Module) -> bool:
    """Whether axes of matplotlib are made for a projection: they take keywords that those of a plane do not."""
    return any(
        node.arg == "projection" if isinstance(node, ast.keyword) else node.value == "projection"
        for node in _nodes(tree, ast.keyword, ast.Constant)
    )


def _parsed(code: str) -> ast.Module:
    """The tree, with magics and shell lines as calls, without what is not evaluated. Raises SyntaxError."""
    from IPython.core.inputtransformer2 import TransformerManager

    code = re.sub(r"(?m)^(\s*)%time[ \t]+(?=\S)", r"\1", code)  # its statement runs in the namespace
    transformed = TransformerManager().transform_cell(code)  # type: ignore[no-untyped-call]
    tree = ast.parse(transformed)
    imported = {alias.name for node in _nodes(tree, ast.ImportFrom) for alias in node.names}
    lazy = sys.version_info >= (3, 14) or "annotations" in imported
    for node in _nodes(tree, ast.FunctionDef, ast.AsyncFunctionDef, ast.AnnAssign):
        if isinstance(node, ast.AnnAssign):
            node.annotation = _evaluated(node.annotation, lazy=lazy) or ast.Constant(None)
            continue
        node.returns = _evaluated(node.returns, lazy=lazy)
        for each in parameters(node.args):
            each.annotation = _evaluated(each.annotation, lazy=lazy)
    return ast.fix_missing_locations(tree)


def _evaluated(annotation: ast.expr | None, *, lazy: bool) -> ast.expr | None:
    """An annotation that Python evaluates, and of which no part is a string; else None."""
    constants = _nodes(annotation, ast.Constant) if annotation is not None else ()
    text = any(type(node.value) is str for node in constants)
    return None if lazy or text else annotation


def _drop_untaken(tree: ast.Module, names: Mapping[str, Any]) -> None:
    """Replace each branch that is never taken, by what the kernel has, with what it binds."""
    own = bound([tree]) | {node.arg for node in _nodes(tree, ast.arg)}
    kept = {name: value for name, value in names.items() if name not in own}
    for node in _nodes(tree, ast.If):
        if (taken := _truth(node.test, kept)) is not None:
            untaken = node.orelse if taken else node.body
            stored: list[ast.expr] = [ast.Name(name, ast.Store()) for name in bound(untaken)]
            empty = ast.copy_location(ast.Assign(stored, ast.Constant(...)) if stored else ast.Pass(), node)
            untaken[:] = [ast.fix_missing_locations(empty)]


def _truth(test: ast.expr, names: Mapping[str, Any]) -> bool | None:
    """What a test is that asks for a plain switch of the kernel, or whether a name of it is None."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return None if (truth := _truth(operand, names)) is None else not truth
        case ast.Compare(left=ast.Name(id=name), ops=[operator], comparators=[ast.Constant(value=None)]):
            told = name in names and isinstance(operator, ast.Is | ast.IsNot)
            return (names[name] is None) is isinstance(operator, ast.Is) if told else None
        case ast.Name(id=name) if name in names and (names[name] is None or type(names[name]) is bool):
            return bool(names[name])
        case _:
            return None


def _magics(tree: ast.Module) -> set[str]:
    """The names of the line magics that a cell calls."""
    calls = [node for node in _nodes(tree, ast.Call) if isinstance(node.func, ast.Attribute)]
    found = {str(constant(call.args[0])) for call in calls if call.func.attr == "run_line_magic"}
    return found | {"a cell magic" for call in calls if call.func.attr == "run_cell_magic"}


def _unbound(tree: ast.Module) -> bool:
    """Whether the cell takes its whole namespace as a dict."""
    calls = (node for node in _nodes(tree, ast.Call) if isinstance(node.func, ast.Name) and not node.args)
    return any(node.func.id in ("locals", "vars") for node in calls)


def _undefined(tree: ast.Module, known: set[str], names: Mapping[str, Any]) -> list[CodeFinding]:
    from pyflakes.checker import Checker
    from pyflakes.messages import UndefinedLocal, UndefinedName

    stars = _star_names(tree)
    if stars is None:
        return []
    used = {node.id for node in _nodes(tree, ast.Name)}  # the checker binds each name that it is given
    # A name that is deleted in the end may be used before by functions, which the checker looks at last.
    used -= {node.id for node in _nodes(tree, ast.Name) if isinstance(node.ctx, ast.Del)}
    every = [*names, *(node.id for node in _nodes(tree, ast.Name) if isinstance(node.ctx, ast.Store))]
    missing = [
        (message.lineno, str(message.message_args[0]))
        for message in Checker(tree, builtins=(known | stars) & used).messages
        if isinstance(message, UndefinedName | UndefinedLocal)
    ]
    return [
        CodeFinding("name", line, name, "", near_names(name, every)) for line, name in missing if name in used
    ]


def _star_names(tree: ast.Module) -> set[str] | None:
    """What `from module import *` brings; None where a module is not loaded."""
    found: set[str] = set()
    for node in _nodes(tree, ast.ImportFrom):
        if any(alias.name == "*" for alias in node.names):
            module = sys.modules.get(node.module or "")
            if module is None or not is_a(module, ModuleType):
                return None
            found |= set(module_dict(module).get("__all__") or module_dict(module))
    return found
