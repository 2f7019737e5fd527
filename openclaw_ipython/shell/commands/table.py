"""The table of subcommands: what declares one, and how typed words find theirs.

Help, completion and "did you mean" all come from it. It is filled by the files named `…_commands`; import it
complete from `commands`. No command is in here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.parser import Option, Positional, Spec
from openclaw_ipython.shell.session import Session
from openclaw_ipython.shell.views import View
from openclaw_ipython.suggestions import did_you_mean, suggest

Run = Callable[[Session, dict[str, Any]], View | None]

JSON = Option(("--json",), "print JSON that a program can parse")
PLAIN = Option(("--plain",), "print bare words, one per line")
PROVIDER = Option(("--provider",), "the service, e.g. qwen-portal", "ID", kind="provider")


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand: its words, what it takes, one line of help, and the function."""

    words: tuple[str, ...]
    spec: Spec
    help: str
    run: Run

    @property
    def line(self) -> str:
        """How it begins when typed."""
        return "%openclaw " + " ".join(self.words)


COMMANDS: dict[tuple[str, ...], Command] = {}


def command(words: str, *arguments: Option | Positional, leftover: str = "") -> Callable[[Run], Run]:
    """Declare the subcommand `words`. The function's docstring is its help; `leftover` as in Spec."""

    def declare(run: Run) -> Run:
        key = tuple(words.split())
        spec = Spec(
            f"%openclaw {words}",
            tuple(a for a in arguments if isinstance(a, Option)),
            tuple(a for a in arguments if isinstance(a, Positional)),
            leftover,
        )
        summary = (run.__doc__ or "").strip().partition("\n")[0].replace("`", "")
        COMMANDS[key] = Command(key, spec, summary, run)
        return run

    return declare


def arrange(modules: Sequence[str]) -> None:
    """Put the commands into the order in which help lists them, by the modules they are declared in."""
    ordered = sorted(COMMANDS.items(), key=lambda item: modules.index(item[1].run.__module__))
    COMMANDS.clear()
    COMMANDS.update(ordered)


def longest(typed: Sequence[str]) -> Command | None:
    """The command with the most words that `typed` begins with."""
    for size in range(min(max(map(len, COMMANDS)), len(typed)), 0, -1):
        if (found := COMMANDS.get(tuple(typed[:size]))) is not None:
            return found
    return None


def begins(typed: Sequence[str]) -> bool:
    """Whether some command begins with these words."""
    return any(words[: len(typed)] == tuple(typed) for words in COMMANDS)


def next_words(typed: Sequence[str]) -> tuple[str, ...]:
    """The words that may follow these."""
    size = len(typed)
    return tuple(
        dict.fromkeys(words[size] for words in COMMANDS if len(words) > size and words[:size] == tuple(typed))
    )


def _with_word(word: str, start: Sequence[str]) -> list[str]:
    """The commands below `start` that have this word further down: `models status` for `status`."""
    size = len(start)
    return [
        " ".join(words) for words in COMMANDS if words[:size] == tuple(start) and word in words[size + 1 :]
    ]


def find(typed: Sequence[str]) -> tuple[Command, list[str]]:
    """The command with the most words that `typed` begins with, and the words after it. Raises UsageError."""
    if (found := longest(typed)) is not None:
        return found, list(typed[len(found.words) :])
    if begins(typed):
        follows = next_words(typed)
        raise UsageError(
            _("%openclaw {words} needs one of: {next}", words=" ".join(typed), next=", ".join(follows)),
            suggestions=follows,
            hint=f"%openclaw help {' '.join(typed)}",
        )
    right = 0
    while begins(typed[: right + 1]):
        right += 1
    start, wrong = typed[:right], typed[right]
    near = suggest(wrong, next_words(start))
    whole = [" ".join([*start, word]) for word in near] or _with_word(wrong, start)
    meant = did_you_mean(tuple(whole))
    raise UsageError(
        _("unknown command {words!r}{meant}", words=" ".join([*start, wrong]), meant=meant),
        suggestions=tuple(whole),
        hint="%openclaw help",
    )
