"""The structure of the package, read from its files: layers, circles, names, sizes.

A module imports from its own package and from packages on layers below it. Imports inside functions and under
`TYPE_CHECKING` count as well.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import openclaw_ipython

NAME = "openclaw_ipython"
PACKAGE = Path(openclaw_ipython.__file__).parent
LAYERS = {
    "_version": 0,
    "errors": 0,
    "i18n": 1,
    "suggestions": 2,
    "runtime": 2,
    "sanitize": 2,
    "net": 3,
    "cell_errors": 3,
    "openclaw": 4,
    "practice": 4,
    "journal": 5,
    "context": 5,
    "codecheck": 5,
    "chat": 6,
    "providers": 7,
    "structured": 7,
    "batch_api": 8,
    "qwen_code": 8,
    "mcp": 8,
    "models": 8,
    "auth": 9,
    "dispatch": 10,
    "diagnostics": 11,
    "client": 12,
    "api": 13,
    "batch": 14,
    "shell": 15,
    "evaluation": 16,
    "cli": 17,
    "__main__": 18,
    "__init__": 18,
}
HTTP_LIBRARIES = {"httpx", "httpcore", "h11", "anyio"}
PRACTICE_USERS = {"practice", "cli"}
MOST_LOOSE_MODULES = 8
MOST_FILES_IN_A_FOLDER = 30
LONGEST_MODULE = 450
MOST_REPEATED_MODULE_NAMES = 8


@dataclass(frozen=True)
class Import:
    """`module` imports `target`, both dotted from the package's root; `path` is relative to it."""

    module: str
    target: str

    @property
    def package(self) -> str:
        return self.module.split(".")[0]

    @property
    def target_package(self) -> str:
        return self.target.split(".")[0]


def modules(root: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts if parts == ("__init__",) else [p for p in parts if p != "__init__"])
        found[name] = path
    return found


def imports(root: Path) -> list[Import]:
    """Every import of a module of the package, wherever in a file it stands."""
    found = modules(root)
    result = []
    for name, path in found.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            result += [Import(name, target) for target in _targets(node, found) if target != name]
    return list(dict.fromkeys(result))


def _targets(node: ast.AST, found: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative import"
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        if not name.startswith(f"{NAME}."):
            continue
        inner = name.removeprefix(f"{NAME}.")
        yield inner if inner in found else inner.rpartition(".")[0] or "__init__"


def upward(root: Path) -> list[str]:
    return [
        f"{one.module} imports {one.target}"
        for one in imports(root)
        if one.package != one.target_package and LAYERS[one.target_package] >= LAYERS[one.package]
    ]


def circles(root: Path) -> list[str]:
    graph = defaultdict(set)
    for one in imports(root):
        graph[one.module].add(one.target)
    done: set[str] = set()
    found = []

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            found.append(" → ".join((*trail[trail.index(name) :], name)))
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
    return found


def httpx_outside_net(root: Path) -> list[str]:
    """A successor of httpx is a change of one folder."""
    found = []
    for name, path in modules(root).items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if name.split(".")[0] != "net" and {each.split(".")[0] for each in names} & HTTP_LIBRARIES:
                found.append(name)
    return found


def loose_modules(root: Path) -> list[str]:
    return [p.stem for p in root.glob("*.py") if not p.stem.startswith("__")]


def classes_defined_twice(root: Path) -> list[str]:
    places = defaultdict(list)
    for name, path in modules(root).items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    return [f"{name}: {', '.join(where)}" for name, where in sorted(places.items()) if len(where) > 1]


def crowded_folders(root: Path) -> list[str]:
    count = Counter(p.parent.relative_to(root).as_posix() for p in root.rglob("*.py"))
    return [folder for folder, n in count.items() if n > MOST_FILES_IN_A_FOLDER]


def long_modules(root: Path) -> dict[str, int]:
    sizes = {name: len(path.read_text("utf-8").splitlines()) for name, path in modules(root).items()}
    return {name: n for name, n in sizes.items() if n > LONGEST_MODULE}


def repeated_module_names(root: Path) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name in modules(root):
        places[name.split(".")[-1]].append(name)
    return {name: where for name, where in places.items() if len(where) > 1}


def option_dicts(root: Path) -> list[str]:
    """Signatures and annotations in `shell/` that carry options as `dict[str, Any]`."""
    found = []
    for path in sorted((root / "shell").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.arg) and node.annotation is not None:
                name, annotation = node.arg, node.annotation
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name | ast.Attribute):
                name, annotation = ast.unparse(node.target), node.annotation
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
                name, annotation = node.name, node.returns
            else:
                continue
            options = name.rsplit(".")[-1].strip("_") in OPTION_NAMES
            if options and "dict[str, Any]" in ast.unparse(annotation):
                found.append(f"{path.relative_to(root).as_posix()}:{node.lineno} {name}")
    return found


OPTION_NAMES = {"values", "options", "arguments", "args", "parsed", "parse", "parse_prompt", "parse_command"}
RULES = [upward, circles, crowded_folders, classes_defined_twice, option_dicts, httpx_outside_net]


def test_every_package_has_a_layer():
    assert {name.split(".")[0] for name in modules(PACKAGE)} <= set(LAYERS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule):
    assert rule(PACKAGE) == []


def test_few_modules_are_loose_at_the_top():
    assert len(loose_modules(PACKAGE)) <= MOST_LOOSE_MODULES


def test_few_module_names_stand_twice():
    repeated = {name: where for name, where in repeated_module_names(PACKAGE).items() if name != "__init__"}
    assert len(repeated) <= MOST_REPEATED_MODULE_NAMES, repeated


def test_no_module_holds_a_second_subject():
    assert long_modules(PACKAGE) == {}


def test_only_the_command_line_uses_the_practice_portal():
    users = {one.package for one in imports(PACKAGE) if one.target_package == "practice"}
    assert users <= PRACTICE_USERS


# -- the rules find what breaks them --

PLANTED = {
    "an import of an upper layer": (upward, {"chat/stream.py": "from openclaw_ipython.client import Client"}),
    "one inside a function": (upward, {"chat/stream.py": "def f():\n    import openclaw_ipython.client"}),
    "one for type checkers": (
        upward,
        {"chat/stream.py": "if TYPE_CHECKING:\n    from openclaw_ipython.client import Client"},
    ),
    "a circle": (
        circles,
        {
            "chat/stream.py": "from openclaw_ipython.chat import sse",
            "chat/sse.py": "def f():\n    from openclaw_ipython.chat.stream import x",
        },
    ),
    "a class name used twice": (
        classes_defined_twice,
        {"chat/stream.py": "class A: ...", "chat/sse.py": "class A: ..."},
    ),
    "a crowded folder": (crowded_folders, {f"chat/m{n}.py": "" for n in range(31)}),
    "options in a dict": (option_dicts, {"shell/ask.py": "def ask(values: dict[str, Any]) -> None: ..."}),
    "options kept in a dict": (option_dicts, {"shell/ask.py": "self._values: dict[str, Any] = {}"}),
    "options returned as a dict": (option_dicts, {"shell/parser.py": "def parse(x) -> dict[str, Any]: ..."}),
    "a long module": (long_modules, {"chat/stream.py": "x = 1\n" * 451}),
}


@pytest.fixture
def planted(tmp_path):
    """`planted(files)`: a package of these files, with what they import."""

    def write(files):
        for name in ("__init__", "client", *(f"{path.split('/')[0]}/__init__" for path in files)):
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", "utf-8")
        for name, text in files.items():
            (tmp_path / name).write_text(text, "utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize(("rule", "files"), PLANTED.values(), ids=PLANTED)
def test_a_violation_is_found(planted, rule, files):
    assert rule(planted(files))


def test_a_loose_module_and_a_repeated_name_are_found(planted):
    root = planted({"chat/client.py": "", "chat/sse.py": ""})
    assert loose_modules(root) == ["client"]
    assert sorted(repeated_module_names(root)) == ["client"]
