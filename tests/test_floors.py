"""The house: a module imports from its own room and from floors below it, and nothing goes in a circle."""

import ast
from pathlib import Path

import openclaw_ipython

PACKAGE = Path(openclaw_ipython.__file__).parent
FLOORS = {
    "_version": 0,
    "errors": 0,
    "values": 0,
    "world": 1,
    "patterns": 0,
    "safe": 1,
    "words": 1,
    "bridge": 1,
    "interrupts": 1,
    "connections": 1.5,
    "http": 2,
    "config": 2,
    "journal": 2,
    "context": 2.5,  # what of a notebook goes into a prompt
    "auth": 3,
    "chat": 3,
    "answers": 3.5,
    "providers": 4,
    "neighbours": 4.5,
    "candidates": 4.5,
    "catalogue": 4.5,
    "models": 5,
    "accounts": 5,
    "routing": 5.5,
    "questions": 5.7,
    "delivery": 5.8,
    "settings": 5,
    "logins": 5.5,
    "doctor": 5.5,
    "scan": 5.5,
    "probe": 5.5,
    "key_login": 5.6,
    "importing": 5.7,
    "replays": 5.8,
    "sign_ins": 5.9,
    "upkeep": 5.8,
    "bookkeeping": 5.9,
    "client": 6,
    "api": 6.5,
    "batch": 6.7,
    "shell": 7,
    "practice": 1.5,  # beside the house: on top of nothing but errors and safe
    "cli": 8,
    "__main__": 9,
    "__init__": 9,
}


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [node.module]
            if node.module == "openclaw_ipython":
                names = [f"openclaw_ipython.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name for name in names if name.startswith("openclaw_ipython.")}
    return found


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(("openclaw_ipython", *(p for p in parts if p != "__init__")))
        found[name] = path
    return found


def test_every_room_has_a_floor():
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} <= set(FLOORS)


def test_imports_only_point_down_and_never_sideways():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        room = room_of(path)
        for name in imports_of(path):
            other = name.split(".")[1]
            if other != room and FLOORS[other] >= FLOORS[room] and room != "__init__":
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_the_house_does_not_use_the_practice_portal():
    users = [p for p in PACKAGE.rglob("*.py") if any(".practice" in i for i in imports_of(p))]
    assert {room_of(p) for p in users} <= {"practice", "cli"}


def test_no_circles_among_modules():
    found = modules()
    graph = {}
    for name, path in found.items():
        # imports inside functions happen later and may close no circle at load
        graph[name] = set()
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[name] |= (full & set(found)) or ({node.module} & set(found)) - {name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_no_file_holds_a_second_subject():
    long = {
        str(p.relative_to(PACKAGE)): n
        for p in PACKAGE.rglob("*.py")
        if (n := len(p.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}
