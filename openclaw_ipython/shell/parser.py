"""Parse a typed line by a `Spec`, from which help and completion are made as well. Pure.

`parse` is for commands made of words, `parse_prompt` for a line that ends in free text, which is left as typed. A
mistake raises UsageError with one line and a suggestion.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

from msgspec import Struct

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import did_you_mean, mistyped, suggest

LONGEST_NAME = 80
"""Characters of the name of a conversation or a session."""


class Option(Struct, frozen=True):
    """`--name VALUE`, or a flag when `metavar` is empty. `kind` names the values that complete it.

    `choices` are the allowed values, in lower case. With `repeat` it may be given several times and its value is a
    tuple. `convert` is given a `Word`.
    """

    names: tuple[str, ...]
    help: str
    metavar: str = ""
    convert: Callable[[str], Any] = str
    kind: str = ""
    repeat: bool = False
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The keyword argument of its value: the long form with underscores, `continue_` for `--continue`."""
        name = max(self.names, key=len).lstrip("-").replace("-", "_")
        return f"{name}_" if iskeyword(name) else name


class Positional(Struct, frozen=True):
    """A word by its position. `choices` are the allowed words, `kind` names the values that complete it.

    With `rest` it takes all words that follow, and its value is a tuple. `convert` is given a `Word`.
    """

    name: str
    help: str = ""
    required: bool = True
    choices: tuple[str, ...] = ()
    kind: str = ""
    rest: bool = False
    convert: Callable[[str], str] = str


class Spec(Struct, frozen=True):
    """The arguments of one command. `name` is as typed, e.g. `%openclaw models set`.

    `leftover` is the message for an unexpected argument, where naming it could show a secret. `manual` is the command
    that explains this one, where the usage is too long for a hint.
    """

    name: str
    options: tuple[Option, ...] = ()
    positionals: tuple[Positional, ...] = ()
    leftover: str = ""
    manual: str = ""

    @property
    def hint(self) -> str:
        """The hint of a UsageError."""
        return self.manual or self.usage

    @property
    def usage(self) -> str:
        """The command with its arguments, on one line."""
        names = [(p, p.name.upper() + (" …" if p.rest else "")) for p in self.positionals]
        places = [name if p.required else f"[{name}]" for p, name in names]
        flags = [
            f"[{max(o.names, key=len)}{' ' + o.metavar if o.metavar else ''}]{' …' if o.repeat else ''}"
            for o in self.options
        ]
        return " ".join([self.name, *places, *flags])

    def option(self, word: str) -> Option | None:
        """The option spelled `word`."""
        return next((o for o in self.options if word in o.names), None)


def number(low: float, high: float) -> Callable[[str], float]:
    """A converter for a number within limits."""

    def convert(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError(_("between {low} and {high}", low=f"{low:g}", high=f"{high:g}"))
        return value

    return convert


def count(text: str) -> int:
    """A converter for a whole number of at least one."""
    value = int(text)
    if value < 1:
        raise ValueError(_("at least 1"))
    return value


def identifier(text: str) -> str:
    """A converter for the name of a Python variable."""
    if not text.isidentifier() or iskeyword(text):
        raise ValueError(_("the name of a variable"))
    return text


seconds = number(1e-3, 1e6)
"""A converter for a time in seconds."""


def label(text: str) -> str:
    """A converter for the name of a conversation or a session."""
    if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(_("a name of 1 to {most} characters", most=LONGEST_NAME))
    return text


def field(text: str) -> tuple[str, Any]:
    """A converter for `KEY=VALUE`, a request field: the value is JSON where it can be read as such, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError("KEY=VALUE")
    if name in ("model", "messages", "stream"):
        raise ValueError(_("another field: model, messages and stream are set otherwise"))
    typed_name, _equals, as_typed = str(getattr(text, "typed", text)).partition("=")
    for candidate in [as_typed] * (typed_name == name) + [value]:  # the quotes may be JSON's or the shell's
        try:
            return name, json.loads(candidate, parse_constant=_no_json)
        except ValueError:
            continue
    if value.lstrip()[:1] in ("[", "{"):
        raise ValueError("valid JSON, without blanks or in single quotes")
    return name, value


def _no_json(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity, which services refuse


def json_as_typed(text: str) -> str:
    """A converter for a value that may be JSON: its own quotes stay."""
    typed = str(getattr(text, "typed", text))
    return typed if typed[:1] in ("[", "{") else str(text)


def cells(text: str) -> str:
    """A converter for which cells: `3`, `2-5`, `4-`, `1,3-5`, `-4` (the last four) or `all`."""
    word = text.strip().lower()
    if not re.fullmatch(r"all|-0*[1-9]\d*|\d+(?:-\d*)?(?:,\d+(?:-\d*)?)*", word):
        raise ValueError(_("3, 2-5, -4 (the last four) or all"))
    return word


def names(text: str) -> tuple[str, ...]:
    """A converter for names of the notebook with commas between them, and MCP servers, `mcp:NAME` or `mcp:NAME/TOOL`.

    A name may lead to an attribute by dots.
    """
    found = tuple(name for part in text.split(",") if (name := part.strip()))
    if "mcp:" in found:
        raise UsageError(_("mcp: lacks the name of a server: mcp:NAME"), hint="%openclaw mcp list")
    mine = (name for name in found if not re.match(r"mcp:.", name))
    if not found or not all(part.isidentifier() for name in mine for part in name.split(".")):
        raise ValueError(_("names with commas between them"))
    return found


def amount(text: str) -> str:
    """A converter for an amount of money or tokens: `2USD`, `2 USD`, `500k`. The text is checked and stays."""
    from openclaw_ipython.journal.limits import parse_amount  # not needed by a plain question

    parse_amount(text)
    return text


def _goes_on(option: Option, value: str, after: str) -> bool:
    """Whether a value goes on with the next word: `--tools a, b` and `--budget 2 USD`."""
    if option.convert is names:
        return bool(after) and (value.endswith(",") or after.startswith(","))
    return (
        option.convert is amount
        and re.fullmatch(r"[\d.,_]+", value) is not None
        and re.match(r"(?i)(usd|cny|tokens)(\s|$)", after) is not None
    )


class Word(str):
    """A word without its quotes; `typed` still has them."""

    __slots__ = ("typed",)
    typed: str


_BLANKS = " \t\r\n"
_WINDOWS_PATH = r"(?:[A-Za-z]:|\\)\\"
_PIECE = rf"""(?x)
    (?<![^\s=]) (?P<path> {_WINDOWS_PATH} [^\s"']* )
  | " (?P<path_in_quotes> {_WINDOWS_PATH} [^"]* ) "
  | " (?P<double> (?:[^"\\]|\\(?s:.))* ) "
  | ' (?P<single> [^']* ) '
  | \\ (?P<escaped> [ \t\r\n"'\\] )
  | (?P<plain> [^ \t\r\n"'] )
"""
_WORD = re.sub(r"\?P<\w+>", "?:", _PIECE.replace("(?x)", "(?x)(?:", 1)) + ")+"


def words(line: str) -> list[str]:
    """Split as a shell does, quotes and all; but a backslash is kept before anything that needs no escape.

    So paths of every system stay: `C:\\new\\x.txt`, `\\\\server\\share`.
    """
    found: list[str] = []
    rest = line.strip(_BLANKS)
    while rest:
        word, rest = _first_word(rest)
        found.append(word)
    return found


def quotes_kept(word: str) -> str:
    """A converter for a name in the notebook or a path: quotes inside it stay, as in `a."b.c"` and `d["key"]`.

    Quotes around all of it are the shell's.
    """
    typed = getattr(word, "typed", word)
    around = typed[:1] in {"'", '"'} and typed.find(typed[0], 1) == len(typed) - 1
    return str(word) if around or not re.search(r"(?<!\\)['\"]", typed) else str(typed)


def parse(typed: Sequence[str], spec: Spec) -> Mapping[str, Any]:
    """The keyword arguments in `typed`: each option and positional of `spec`. Raises UsageError.

    What was not given is None, False for a flag, and empty for what may be repeated.
    """
    given = _defaults(spec)
    places = list(spec.positionals)
    rest = list(typed)
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and len(word) > 1 and not re.fullmatch(r"-\d+(\.\d+)?", word):
            _take_option(word, rest, spec, given)
        elif places and places[0].rest:
            given[places[0].name] = (*given[places[0].name], places[0].convert(word))
        elif places:
            place = places.pop(0)
            if place.choices and word not in place.choices:
                what, choices = f"{spec.name}: {word!r}", place.choices
                raise mistyped(what, word, choices, hint=spec.hint, otherwise=choices)
            given[place.name] = place.convert(word)
        else:
            unexpected = _("{name} takes no further argument: {word!r}", name=spec.name, word=word)
            raise UsageError(_(spec.leftover) if spec.leftover else unexpected, hint=spec.hint)
    missing = next((p for p in places if p.required and not given[p.name]), None)
    if missing is not None:
        raise UsageError(
            _("{name} needs {wanted}", name=spec.name, wanted=missing.name.upper()), hint=spec.hint
        )
    return given


def parse_prompt(line: str, spec: Spec) -> tuple[Mapping[str, Any], str]:
    """The keyword arguments at the start of `line`, and the text after them as typed. `--` ends the options."""
    given = _defaults(spec)
    rest = line.strip()
    while rest.startswith("-"):
        word, after = _first_word(rest)
        if word == "--":
            return given, after
        option = _option(word.partition("=")[0], spec)
        following: list[str] = []
        if option.metavar and "=" not in word and after:
            value, after = _first_word(after)
            following = [value]
            while _goes_on(option, following[-1], after):
                value, after = _first_word(after)
                following.append(value)
        _take_option(word, following, spec, given)
        rest = after
    return given, rest


def _defaults(spec: Spec) -> dict[str, Any]:
    given: dict[str, Any] = {o.key: () if o.repeat else None if o.metavar else False for o in spec.options}
    return given | {p.name: () if p.rest else None for p in spec.positionals}


def _take_option(word: str, rest: list[str], spec: Spec, given: dict[str, Any]) -> None:
    """Put the option `word` into `given`; its value is in the word, or the first of `rest`, which is removed."""
    name, equals, value = word.partition("=")
    if equals and isinstance(word, Word):
        value = Word(value)
        value.typed = word.typed.partition("=")[2]
    option = _option(name, spec)
    if not option.metavar:
        if equals:
            raise UsageError(_("{name} takes no value", name=name), hint=spec.hint)
        given[option.key] = True
        return
    if not equals:
        if not rest:
            raise UsageError(_("{name} needs {wanted}", name=name, wanted=option.metavar), hint=spec.hint)
        value = rest.pop(0)
        while rest and _goes_on(option, value, rest[0]):
            value += rest.pop(0)
    try:
        if option.choices and value.lower() not in option.choices:
            near = did_you_mean(suggest(value, option.choices)[:1])
            raise ValueError(_("one of {words}", words=", ".join(option.choices)) + near)
        converted = option.convert(value.lower() if option.choices else value)
    except ValueError as error:
        text = str(error)
        if text.startswith(("could not", "invalid")):  # the messages of float() and int()
            text = _("a number")
        must = _("must be {what}", what=text)
        raise UsageError(f"{name} {value}: {must}", hint=spec.hint) from None
    given[option.key] = (*given[option.key], converted) if option.repeat else converted


def _option(word: str, spec: Spec) -> Option:
    option = spec.option(word)
    if option is not None:
        return option
    names = [name for option in spec.options for name in option.names]
    raise mistyped(_("{name} has no option {word}", name=spec.name, word=word), word, names, hint=spec.hint)


def _first_word(text: str) -> tuple[str, str]:
    """The first word, without its quotes and escapes, and what comes after it."""
    match = re.match(_WORD, text)
    if match is None or text[match.end() : match.end() + 1] in ('"', "'"):
        sign = text[match.end() if match else 0]
        hint = _("close it, or type \\{sign} for the sign itself", sign=sign)
        raise UsageError(_("a quote is not closed"), hint=hint)
    parts: list[str] = []
    for piece in re.finditer(_PIECE, match[0]):
        part = piece[piece.lastgroup or 0]
        parts.append(re.sub(r'\\(["\\])', r"\1", part) if piece.lastgroup == "double" else part)
    word = Word("".join(parts))
    word.typed = match[0]
    return word, text[match.end() :].lstrip(_BLANKS)
