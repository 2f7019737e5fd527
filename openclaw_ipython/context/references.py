"""`{name}` in a prompt: replaced by the text of its value, or left as typed.

`{name.attribute}`, `{name["key"]}`, `{name[0]}`, `{name:.2f}` and `{name!r}` work too. Code and formulas stay as typed:
`sanitize.markdown_grammar` tells where they are. The prompt is scanned once; inserted text is never scanned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.context.names import NAME, REFERENCE, BrokenReference, look_up
from openclaw_ipython.context.value_text import ValueText, value_text
from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.context.blocks import TextBudget
    from openclaw_ipython.context.names import Notebook

_FORMAT = r"(?P<conversion>![rsa])?(?P<spec>:(?![^{}\n]*\d{4})[^\s{}:][^{}\n]{0,40})?"
"""As in an f-string. A specification begins without a blank: `{n: 1}` is data. It asks for no width of 1000 or more."""

_BRACE = rf"\{{(?:(?P<name>{REFERENCE}){_FORMAT}|(?P<other>[^{{}}\n]{{1,200}}))\}}"
_CODE_SIGNS = r"[`~$\\]"
_AFTER_DOLLAR_OR_COMMAND = r"(?:\$|\\[A-Za-z]+\*?(?:\[[^\[\]\n]*\]|\{[^{}\n]*\})*[_^]?)\Z"
_DOLLARS = r"(?<![\\$])\$(?![\s$])(?:[^$\\\n]|\\.|\n(?!\s*\n))*?(?<!\s)\$(?!\d)"
"""A formula by pandoc's rule (`tex_math_dollars`): no blank inside the dollars, no digit after them."""

_MARK = "\ue000{}\ue001"  # of the private use area, which Markdown reads as letters
_MARKS = "\ue000(\\d+)\ue001"
_CODE_TOKENS = frozenset({"fence", "code_inline", "math_inline", "math_block", "math_pending"})
_CODE = "code"


class Brace(Struct, frozen=True):
    """Braces in a prompt, and where they are.

    `name` is a reference, `conversion` and `spec` are as in an f-string; `name` is empty if the braces have another
    form. `inner` is all of their content. `in_code`: they belong to code or to a formula.
    """

    start: int
    end: int
    inner: str
    name: str = ""
    conversion: str = ""
    spec: str = ""
    in_code: bool = False


class Insertion(Struct, frozen=True):
    """The text inserted for one reference: its name, the number of characters, and whether it was truncated."""

    name: str
    characters: int
    truncated: bool = False


class ExpandedText(Struct, frozen=True):
    """A prompt with its references replaced. `broken` are pairs of braces left as typed and the reason.

    Listed are those that begin with a variable, or nearly name one; those in code and formulas come last.
    """

    text: str
    insertions: tuple[Insertion, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()


def expand(text: str, notebook: Notebook, budget: TextBudget) -> ExpandedText:
    """`text` with its references replaced. Each is looked up once."""
    known: dict[tuple[str, bool], Any] = {}
    insertions: dict[str, Insertion] = {}
    broken: dict[str, str] = {}
    code: dict[str, str] = {}
    parts: list[str] = []
    end = 0
    for brace in braces(text):
        typed = text[brace.start : brace.end]
        key = typed, brace.in_code
        if key not in known:
            try:
                known[key] = _value(brace, notebook)
            except BrokenReference as error:
                known[key] = error
        if isinstance(known[key], BrokenReference):
            if reason := str(known[key]):
                (code if brace.in_code else broken)[typed] = reason
            continue
        value = formatted(known[key], brace, budget.remaining, notebook.inputs)
        if value is None:
            broken[typed] = _("it cannot be formatted so")
            continue
        budget.spend(value.text)
        before = insertions.get(brace.name, Insertion(brace.name, 0))
        insertions[brace.name] = Insertion(
            brace.name, before.characters + len(value.text), before.truncated or value.truncated
        )
        parts += [text[end : brace.start], value.text]
        end = brace.end
    return ExpandedText(
        "".join([*parts, text[end:]]), tuple(insertions.values()), (*broken.items(), *code.items())
    )


def _value(brace: Brace, notebook: Notebook) -> Any:
    """The value that braces name. Raises BrokenReference with the reason if they stay, empty if there is none."""
    if brace.name and not brace.in_code:
        try:
            return look_up(brace.name, notebook)
        except KeyError:
            pass
    root = re.match(rf"\s*({NAME})", brace.inner)
    if root is None:
        raise BrokenReference("")
    if begins_with_value(root[1], notebook):
        if brace.in_code:
            raise BrokenReference(_("in code or a formula"))
        raise BrokenReference(_("it does not exist") if brace.name else _("not a plain reference"))
    if brace.name and not brace.in_code:
        names = [name for name in notebook.variables() if not name.startswith("_")]
        if root[1] not in names and (near := suggest(root[1], names)):
            raise BrokenReference(_("there is no {name}", name=root[1]) + did_you_mean(near[:1]))
    raise BrokenReference("")


def begins_with_value(name: str, notebook: Notebook) -> bool:
    """Whether `name` is a variable that references may begin with, or one of `In` and `Out`."""
    if name in ("In", "Out"):
        return len(notebook.inputs) > 1
    try:
        look_up(name, notebook)
    except KeyError:
        return False
    return True


def formatted(value: Any, brace: Brace, limit: int, cells: Sequence[str] = ()) -> ValueText | None:
    """`value` as text of at most about `limit` characters, in the format of `brace`; None if it has no such format."""
    if not brace.conversion and not brace.spec:
        return value_text(value, limit, cells)
    try:
        match brace.conversion:
            case "!r":
                value = repr(value)
            case "!s":
                value = str(value)
            case "!a":
                value = ascii(value)
        return value_text(format(value, brace.spec), limit)
    except Exception:  # of the value's own methods
        return None


# -- finding them --------------------------------------------------------------------------


def braces(text: str) -> list[Brace]:
    """The braces in `text` that may be references, in order. A doubled brace (`{{name}}`) belongs to a template."""
    found = [
        match
        for match in re.finditer(_BRACE, text)
        if not (text[match.start() - 1 : match.start()] == "{" and text[match.end() : match.end() + 1] == "}")
    ]
    in_code = _in_code(text, found) if found and re.search(_CODE_SIGNS, text) else set()
    return [
        Brace(
            match.start(),
            match.end(),
            match[0][1:-1],
            match["name"] or "",
            match["conversion"] or "",
            (match["spec"] or "")[1:],
            number in in_code,
        )
        for number, match in enumerate(found)
    ]


def _in_code(text: str, found: Sequence[re.Match[str]]) -> set[int]:
    """The numbers of the braces in fences, backticks and formulas, and after a dollar sign or a LaTeX command.

    Not of those that are alone on their line or between their backticks.
    """
    marked: list[str] = []
    numbers: set[int] = set()
    end = 0
    for number, match in enumerate(found):
        start = max(text.rfind("\n", 0, match.start()) + 1, match.start() - 200)
        if re.search(_AFTER_DOLLAR_OR_COMMAND, text[start : match.start()]):
            numbers.add(number)
            continue  # without a mark, so that `\begin{align}` begins a formula
        marked += [text[end : match.start()], _MARK.format(number)]
        end = match.end()
    for code in _code("".join([*marked, text[end:]])):
        for line in code.split("\n"):
            if not re.fullmatch(rf"\s*{_MARKS}\s*", line):
                numbers.update(map(int, re.findall(_MARKS, line)))
    return numbers


def _code(marked: str) -> Iterable[str]:
    from openclaw_ipython.sanitize.markdown_grammar import TooComplex, tokens

    try:
        blocks = tokens(marked, indented_code=False)  # prompts are often indented
    except TooComplex:
        return
    for block in blocks:
        for token in (block, *(block.children or ())):
            if token.type in _CODE_TOKENS:
                yield token.content
        if block.type == "inline":
            yield from re.findall(_DOLLARS, re.sub(r"`[^`\n]*`", "", block.content))
