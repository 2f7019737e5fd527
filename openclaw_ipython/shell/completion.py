"""Tab completion, from the command table, the options and the configuration; never over the network."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, SimpleMatcherResult

from openclaw_ipython.chat.thinking import LEVELS
from openclaw_ipython.context.names import BrokenReference, look_up
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.journal.limits import PERIODS
from openclaw_ipython.shell.commands import batches, history, longest, mcp_servers, next_words
from openclaw_ipython.shell.login.keys import METHODS
from openclaw_ipython.shell.options import AGENT_CELL, CELL, LINE
from openclaw_ipython.shell.render.formats import NAMES as FORMATS

if TYPE_CHECKING:
    from openclaw_ipython.shell.notebook import NotebookView
    from openclaw_ipython.shell.parser import Option, Spec
    from openclaw_ipython.shell.session import Session

_FIXED = {
    "method": METHODS, "thinking": LEVELS, "format": FORMATS, "by": ("day", "model", "provider"), "per": PERIODS,
}  # fmt: skip
# Kinds of values that are in the notebook: a variable; a variable or file; functions; a class or schema.
_NOTEBOOK_KINDS = frozenset({"name", "source", "function", "schema"})

_OPEN_BRACE = r"\{([^\W\d]?[\w.]*)$"
_MAX_FILES = 200


def matches(session: Session, before: str) -> SimpleMatcherResult:
    """The completions for IPython; `before` is the line up to the cursor."""
    if before.lstrip().startswith("%qwen ") and _open_brace(before) is not None:
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
    fragment = _open_brace(before)
    found = _variables(session.notebook, fragment, modules=False) if fragment is not None else []
    return _result(fragment or "", [word for word in found if word.startswith(fragment or "")])


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
        return _values(session, spec.option(name), value)
    before = spec.option(typed[-1]) if typed else None
    if before is not None and before.metavar:
        return _values(session, before, fragment)
    if fragment.startswith("-"):
        return [
            max(o.names, key=len) if fragment.startswith("--") else n
            for o in spec.options
            for n in o.names[:1]
        ] + [n for o in spec.options for n in o.names if n.startswith(fragment)]
    place = len(_bare(spec, typed))
    if spec.positionals and spec.positionals[-1].rest:
        place = min(place, len(spec.positionals) - 1)
    words: list[str] = []
    if place < len(spec.positionals):
        positional = spec.positionals[place]
        words += positional.choices or _named(session, positional.kind)
    if not fragment:
        words += [max(o.names, key=len) for o in spec.options]
    return words


def _bare(spec: Spec, typed: Iterable[str]) -> list[str]:
    """The words of `typed` that are neither options nor their values."""
    bare, skip = [], False
    for word in typed:
        option = spec.option(word)
        if skip:
            skip = False
        elif option is not None:
            skip = bool(option.metavar)
        elif not word.startswith("-"):
            bare.append(word)
    return bare


def _values(session: Session, option: Option | None, fragment: str) -> list[str]:
    if option is not None and option.kind in _NOTEBOOK_KINDS:
        found = _notebook_names(session.notebook, option.kind, fragment)
        return found + _named(session, "server", fragment) if option.kind == "function" else found
    return _named(session, option.kind) if option is not None else []


def _named(session: Session, kind: str, fragment: str = "") -> list[str]:  # noqa: PLR0912
    """The values of one kind. A file that cannot be read completes to nothing."""
    if kind in _FIXED:
        return list(_FIXED[kind])
    if kind in ("chat", "batch"):
        return history.chat_names(session) if kind == "chat" else batches.batch_names(session)
    if kind == "agent":
        places = {"model": "openclaw/", "setting": "agents.entries."}
        return list(
            dict.fromkeys(
                re.split(r"[./]", name.removeprefix(start))[0]
                for known, start in places.items()
                for name in _named(session, known)
                if name.startswith(start)
            )
        )
    client = session.client
    try:
        match kind:
            case "model":
                refs = [str(row.ref) for row in client.models.rows(everything=True)]
                return [*client.models.aliases(), *refs]
            case "alias":
                return list(client.models.aliases())
            case "provider":
                return sorted({row.ref.provider for row in client.models.rows(everything=True)})
            case "region":
                return sorted({region.id for p in client.keys.products() for region in p.regions})
            case "plugin":
                return [row.id for row in client.accounts.plugins()]
            case "profile":
                return [row.profile_id for row in client.accounts.profiles()]
            case "fallback":
                return [str(ref) for ref in client.models.fallbacks()]
            case "image-fallback":
                return [str(ref) for ref in client.models.image_fallbacks()]
            case "setting":
                return client.settings.paths()
            case "server":
                return mcp_servers.server_words(session, fragment)
    except OpenClawError:
        pass
    return []


def _open_brace(before: str) -> str | None:
    """The part of a reference typed after an open brace at the end of `before`; None without one."""
    match = re.search(_OPEN_BRACE, before)
    return match[1] if match else None


def _notebook_names(notebook: NotebookView, kind: str, fragment: str) -> list[str]:
    """The words that `fragment` may become, for one of the kinds in the notebook."""
    if kind == "source":
        return [*_variables(notebook, fragment), *_files(fragment)]
    if kind == "function":  # several, with commas between them
        done, comma, last = fragment.rpartition(",")
        return [f"{done}{comma}{name}" for name in _variables(notebook, last, _may_be_called)]
    if kind == "schema":
        return _variables(notebook, fragment, lambda value: isinstance(value, (type, dict, ModuleType)))
    return _variables(notebook, fragment)


def _may_be_called(value: Any) -> bool:
    return callable(value) or isinstance(value, ModuleType)  # its functions can be named


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
