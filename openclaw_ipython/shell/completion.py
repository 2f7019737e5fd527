"""Tab completion, from the command table, the options and the configuration; never over the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from IPython.core.completer import SimpleCompletion, SimpleMatcherResult

from openclaw_ipython.chat.thinking import LEVELS
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.shell import naming
from openclaw_ipython.shell.commands import journal, longest, next_words
from openclaw_ipython.shell.login.flow import METHODS
from openclaw_ipython.shell.options import CELL, LINE
from openclaw_ipython.shell.render.formats import NAMES as FORMATS

if TYPE_CHECKING:
    from openclaw_ipython.shell.parser import Option, Spec
    from openclaw_ipython.shell.session import Session

_FIXED = {"method": METHODS, "thinking": LEVELS, "format": FORMATS, "by": ("day", "model", "provider")}


def matches(session: Session, before: str) -> SimpleMatcherResult:
    """The completions for IPython; `before` is the line up to the cursor."""
    if before.lstrip().startswith("%qwen ") and naming.open_brace(before) is not None:
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
    fragment = naming.open_brace(before)
    found = naming.variables(session.notebook, fragment, modules=False) if fragment is not None else []
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
    elif magic == "%%qwen":
        words = _argument_words(session, CELL, typed, fragment)
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
    follows = [*next_words(start), *(["qwen"] if helping and not start else [])]
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
    if option is not None and option.kind in naming.KINDS:
        return naming.names(session.notebook, option.kind, fragment)
    return _named(session, option.kind) if option is not None else []


def _named(session: Session, kind: str) -> list[str]:
    """The values of one kind. A file that cannot be read completes to nothing."""
    if kind in _FIXED:
        return list(_FIXED[kind])
    if kind == "chat":
        return journal.chat_names(session)
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
    except OpenClawError:
        pass
    return []
