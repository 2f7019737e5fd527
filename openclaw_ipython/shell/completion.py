"""Tab completion, from the command table, the options and the configuration; never over the network."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, SimpleMatcherResult

from openclaw_ipython.context.names import look_up
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.shell.commands import batches, history, longest, mcp_servers, next_words
from openclaw_ipython.shell.options import AGENT_CELL, CELL, LINE

if TYPE_CHECKING:
    from openclaw_ipython.shell.notebook import NotebookView
    from openclaw_ipython.shell.parser import Spec
    from openclaw_ipython.shell.session import Session

_OPEN_BRACE = r"\{([^\W\d]?[\w.]*)$"
_MAX_FILES = 200


def matches(session: Session, before: str) -> SimpleMatcherResult:
    """The completions for IPython; `before` is the line up to the cursor."""
    if before.lstrip().startswith("%qwen ") and re.search(_OPEN_BRACE, before):
        return references(session, before)
    return _result(*candidates(session, before))


def _result(fragment: str, found: Sequence[str]) -> SimpleMatcherResult:
    if not found:
        return SimpleMatcherResult(completions=[], suppress=False)
    return SimpleMatcherResult(
        completions=[SimpleCompletion(text=word, type="openclaw") for word in found],
        suppress=True,
        matched_fragment=fragment,
        ordered=True,
    )


def references(session: Session, before: str) -> SimpleMatcherResult:
    """The completions within the body of a `%%qwen` cell: the names that fit an open brace."""
    opened = re.search(_OPEN_BRACE, before)
    fragment = opened[1] if opened else ""
    found = _variables(session.notebook, fragment, modules=False) if opened else []
    return _result(fragment, [word for word in found if word.startswith(fragment)])


def candidates(session: Session, before: str) -> tuple[str, list[str]]:
    """The fragment being typed, and the words it may become."""
    magic, space, rest = before.lstrip().partition(" ")
    if not space:
        return magic, []
    typed = rest.split()
    fragment = "" if not rest or rest[-1].isspace() else typed.pop()
    if magic == "%openclaw":
        words = _command_words(session, typed, fragment)
    elif magic in {"%%qwen", "%%openclaw"}:
        words = _argument_words(session, CELL if magic == "%%qwen" else AGENT_CELL, typed, fragment)
    elif magic == "%qwen" and all(word.startswith("-") for word in typed[-1:]):
        words = _argument_words(session, LINE, typed, fragment)
    else:
        words = []
    name, equals, value = fragment.partition("=")
    if equals and name.startswith("-"):
        fragment = value
    return fragment, [word for word in words if word.lower().startswith(fragment.lower())]


def _command_words(session: Session, typed: Sequence[str], fragment: str) -> list[str]:
    helping = typed[:1] == ["help"]
    start = tuple(typed[1:] if helping else typed)
    follows = [*next_words(start), *(["qwen", "openclaw"] if helping and not start else [])]
    found = longest(start)
    if found is not None and not helping:
        follows += _argument_words(session, found.spec, start[len(found.words) :], fragment)
    return list(dict.fromkeys(follows))


def _argument_words(session: Session, spec: Spec, typed: Sequence[str], fragment: str) -> list[str]:
    name, equals, value = fragment.partition("=")
    if equals:
        given = spec.option(name)
        return list(given.choices or _named(session, given.kind, value)) if given is not None else []
    before = spec.option(typed[-1]) if typed else None
    if before is not None and before.metavar:
        return list(before.choices or _named(session, before.kind, fragment))
    if fragment.startswith("-"):
        first = [max(o.names, key=len) if fragment.startswith("--") else o.names[0] for o in spec.options]
        return [*first, *(n for o in spec.options for n in o.names if n.startswith(fragment))]
    bare, skip = 0, False  # the words that are neither options nor their values
    for word in typed:
        option = spec.option(word)
        bare += not skip and option is None and not word.startswith("-")
        skip = not skip and option is not None and bool(option.metavar)
    if spec.positionals and spec.positionals[-1].rest:
        bare = min(bare, len(spec.positionals) - 1)
    words: list[str] = []
    if bare < len(spec.positionals):
        positional = spec.positionals[bare]
        words += positional.choices or _named(session, positional.kind, fragment)
    if not fragment:
        words += [max(o.names, key=len) for o in spec.options]
    return words


def _named(session: Session, kind: str, fragment: str = "") -> list[str]:
    """The values of one kind that `fragment` may become. A file that cannot be read completes to nothing."""
    done, comma, last = fragment.rpartition(",")  # of functions, several with commas between them
    client, notebook = session.client, session.notebook
    models = client.models
    kinds: dict[str, Callable[[], Iterable[object]]] = {
        "name": lambda: _variables(notebook, fragment),
        "source": lambda: [*_variables(notebook, fragment), *_files(fragment)],
        "schema": lambda: _variables(notebook, fragment, lambda x: isinstance(x, (type, dict, ModuleType))),
        "function": lambda: [
            *(f"{done}{comma}{name}" for name in _variables(notebook, last, _leads_to_functions)),
            *_named(session, "server", fragment),
        ],
        "chat": lambda: history.chat_names(session),
        "batch": lambda: batches.batch_names(session),
        "agent": lambda: _agents(session),
        "model": lambda: [*models.aliases(), *(row.ref for row in models.rows(everything=True))],
        "alias": models.aliases,
        "provider": lambda: sorted({row.ref.provider for row in models.rows(everything=True)}),
        "region": lambda: sorted({region.id for p in client.keys.products() for region in p.regions}),
        "plugin": lambda: [row.id for row in client.accounts.plugins()],
        "profile": lambda: [row.profile.id for row in client.accounts.profiles()],
        "fallback": models.fallbacks,
        "image-fallback": models.image_fallbacks,
        "setting": client.settings.paths,
        "server": lambda: mcp_servers.server_words(session, fragment),
    }
    try:
        return list(map(str, kinds[kind]())) if kind in kinds else []
    except OpenClawError:
        return []


def _leads_to_functions(value: Any) -> bool:
    return callable(value) or isinstance(value, ModuleType)  # its functions can be named


def _agents(session: Session) -> Iterable[str]:
    """The agents that the models and the settings name."""
    for kind, start in (("model", "openclaw/"), ("setting", "agents.entries.")):
        for name in _named(session, kind):
            if name.startswith(start):
                yield re.split(r"[./]", name.removeprefix(start))[0]


def _variables(
    notebook: NotebookView,
    fragment: str,
    fits: Callable[[Any], bool] = lambda value: True,
    *,
    modules: bool = True,
) -> list[str]:
    """The variables of the notebook, or after a dot the attributes of a value, without methods.

    `modules`: also of a module.
    """
    owner, dot, _rest = fragment.rpartition(".")
    if not dot:
        everything = notebook.variables()
        return sorted(name for name in everything if not name.startswith("_") and fits(everything[name]))
    try:
        value = look_up(owner, notebook, modules=modules)
        listed = dir(value)
    except Exception:  # no such value, or an odd `__dir__`
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
