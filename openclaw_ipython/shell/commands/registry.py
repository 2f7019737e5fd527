"""The registry of subcommands: how one is declared, and how typed words find it.

Help, completion, "did you mean" and the table in the docs are made from it. Importing the package fills it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.parser import Option, Positional, Spec, parse
from openclaw_ipython.shell.views import RawView, View, as_json
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., View | None])

JSON = Option(("--json",), "print JSON that a program can parse")
PLAIN = Option(("--plain",), "print bare words, one per line")
PROVIDER = Option(("--provider",), "the service, e.g. qwen-portal", "ID", kind="provider")


class Command(Struct, frozen=True):
    """One subcommand: its words, its arguments, one line of help, its function and the module of that.

    `arguments` is the Struct that the function takes; None where it takes the arguments as keywords. `fixed` are
    further keywords of the function.
    """

    words: tuple[str, ...]
    spec: Spec
    help: str
    function: Callable[..., View | None]
    module: str
    arguments: type[Struct] | None = None
    fixed: Mapping[str, Any] = {}

    @property
    def line(self) -> str:
        """The command as typed, without arguments."""
        return "%openclaw " + " ".join(self.words)

    def run(self, session: Session, typed: Sequence[str]) -> View | None:
        """Call the function with the arguments in `typed`. Raises UsageError for arguments that do not fit."""
        given = dict(parse(typed, self.spec))
        json, plain = given.pop(JSON.key, False), given.pop(PLAIN.key, False)
        if self.arguments is not None:
            return self.function(session, self.arguments(**given), **self.fixed)
        view = self.function(session, **given, **self.fixed)
        if json and view is not None:
            return as_json(view.data)
        return RawView("\n".join(view.words)) if plain and view is not None else view


# Commands of OpenClaw 2026.9.6 that have no counterpart here.
_OPENCLAWS = frozenset({
    "acp", "backup", "browser", "channels", "configure", "cron", "daemon", "dashboard", "devices",
    "directory", "dns", "health", "hooks", "infer", "memory", "migrate", "node", "nodes", "pairing",
    "proxy", "sandbox", "secrets", "security", "sessions", "skills", "tasks", "tui", "update", "webhooks",
})  # fmt: skip

COMMANDS: dict[tuple[str, ...], Command] = {}


def command(
    words: str,
    *declared: Option | Positional,
    leftover: str = "",
    arguments: type[Struct] | None = None,
    **fixed: Any,
) -> Callable[[CommandFunction], CommandFunction]:
    """Declare the subcommand `words` with its options and positional arguments.

    The function takes the session and a keyword for each of `declared`: the long name of the option with underscores,
    the name of the positional. With `arguments` it takes one instance of that Struct instead. `fixed` are keywords for
    a function that stands for several subcommands. With JSON and PLAIN, `data` and `words` of its view are printed.
    The first line of its docstring is the help. `leftover` as in Spec.
    """

    def declare(function: CommandFunction) -> CommandFunction:
        key = tuple(words.split())
        spec = Spec(
            f"%openclaw {words}",
            tuple(one for one in declared if isinstance(one, Option)),
            tuple(one for one in declared if isinstance(one, Positional)),
            leftover,
        )
        summary = (function.__doc__ or "").strip().partition("\n")[0].replace("`", "")
        COMMANDS[key] = Command(key, spec, summary, function, function.__module__, arguments, fixed)
        return function

    return declare


def longest(typed: Sequence[str]) -> Command | None:
    """The command with the most words that `typed` begins with."""
    fit = [one for words, one in COMMANDS.items() if words == tuple(typed[: len(words)])]
    return max(fit, key=lambda one: len(one.words), default=None)


def group(typed: Sequence[str]) -> list[Command]:
    """The commands that begin with the words `typed`."""
    return [command for words, command in COMMANDS.items() if words[: len(typed)] == tuple(typed)]


def next_words(typed: Sequence[str]) -> tuple[str, ...]:
    """The words that can follow `typed`."""
    size = len(typed)
    return tuple(dict.fromkeys(one.words[size] for one in group(typed) if len(one.words) > size))


def find(typed: Sequence[str]) -> tuple[Command, list[str]]:
    """The command with the most words that `typed` begins with, and the words after it. Raises UsageError."""
    if (found := longest(typed)) is not None:
        return found, list(typed[len(found.words) :])
    known = 0
    while known < len(typed) and group(typed[: known + 1]):
        known += 1
    start = typed[:known]
    follows = next_words(start)
    if known == len(typed):
        raise UsageError(
            _("%openclaw {words} needs one of: {next}", words=" ".join(typed), next=", ".join(follows)),
            suggestions=follows,
            hint=f"%openclaw help {' '.join(typed)}",
        )
    wrong = typed[known]
    if known == 0 and wrong in _OPENCLAWS:
        raise UsageError(
            _("{word} is a command of the OpenClaw program, not of this extension", word=wrong),
            hint=f"!openclaw {' '.join(typed)}",
        )
    near = [" ".join([*start, word]) for word in suggest(wrong, follows)]
    # `models status` is suggested for `status`.
    near = near or [" ".join(one.words) for one in group(start) if wrong in one.words[known + 1 :]]
    what = _("unknown command {words!r}", words=" ".join([*start, wrong])) + did_you_mean(tuple(near))
    raise UsageError(what, suggestions=tuple(near), hint="%openclaw help")
