"""The options of `%%qwen` and `%qwen`, and the values that one cell gives them.

Parsing, help, completion and the documentation are derived from `OPTIONS`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.chat.thinking import LEVELS
from openclaw_ipython.chat.types import Thinking  # noqa: TC001 - of a field
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.parser import (
    Option,
    Positional,
    Spec,
    amount,
    cells,
    count,
    field,
    identifier,
    label,
    names,
    number,
    parse,
    parse_prompt,
    quotes_kept,
    seconds,
    words,
)
from openclaw_ipython.shell.render.formats import NAMES as FORMATS

MANUAL = "%openclaw help qwen"


class AskOptions(Struct, frozen=True, kw_only=True):
    """The options of one question. The field of an option that was not given is None, False or empty."""

    model: str | None = None
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    param: tuple[tuple[str, Any], ...] = ()
    thinking: Thinking | None = None
    image: tuple[str, ...] = ()
    attach: tuple[str, ...] = ()
    cells: str | None = None
    raw: bool = False
    format: str | None = None
    out: str | None = None
    schema: str | None = None
    tools: tuple[str, ...] | None = None
    yes: bool = False
    assist: bool = False
    keep: bool = False
    mend: bool = False
    continue_: bool = False
    chat: str | None = None
    no_history: bool = False
    cache: bool = False
    no_cache: bool = False
    no_stream: bool = False
    timeout: float | None = None
    budget: str | None = None
    dry_run: bool = False

    @property
    def in_rounds(self) -> bool:
        """Whether the answer may take several requests."""
        return bool(self.schema or self.tools or self.mend or self.assist)


OPTIONS = (
    Option(("-m", "--model"), "the model: provider/model or alias", "REF", kind="model"),
    Option(("-s", "--system"), "the system prompt", "TEXT"),
    Option(("-t", "--temperature"), "how varied the answer is, from 0 to 2", "X", number(0, 2)),
    Option(("--top-p",), "from 0 to 1; a lower value allows only likelier words", "X", number(0, 1)),
    Option(("--max-tokens",), "the longest answer, in tokens", "N", count),
    Option(
        ("-p", "--param"),
        "a further field of the request, e.g. top_k=20; the value is JSON or text",
        "KEY=VALUE",
        field,
        repeat=True,
    ),
    Option(
        ("--thinking",),
        "whether, or how long, the model thinks first: off, on, low, medium or high",
        "LEVEL",
        choices=LEVELS,
    ),
    Option(
        ("-i", "--image"),
        "add an image: a file, an https address, a variable, _ or Out[3]",
        "SRC",
        quotes_kept,
        kind="source",
        repeat=True,
    ),
    Option(
        ("-a", "--attach"), "add a variable or a text file", "SRC", quotes_kept, kind="source", repeat=True
    ),
    Option(
        ("--cells",), "add earlier cells with their output: 3, 2-5, -4 (the last four) or all", "SPEC", cells
    ),
    Option(("--raw",), "replace nothing in braces: {name} stays as typed"),
    Option(("-f", "--format"), "how the answer is shown", "FORMAT", choices=FORMATS),
    Option(
        ("-o", "--out"),
        "bind the reply to this name; with --schema or -f json, the value in it",
        "NAME",
        identifier,
        kind="name",
    ),
    Option(
        ("--schema",), "the answer as an object of this class, or by this JSON schema", "NAME", kind="schema"
    ),
    Option(
        ("--tools",),
        "functions that the model may call; notebook: those that read it; mcp:SERVER: its tools",
        "NAME,…",
        names,
        kind="function",
    ),
    Option(("--yes",), "run functions and proposed code without asking each time"),
    Option(("--assist",), "let the model read the notebook and propose code to run, step by step"),
    Option(("--keep",), "with --assist: put the code that ran into new cells below"),
    Option(("--mend",), "send names in the code that do not exist here back to the model, once"),
    Option(("-c", "--continue"), "continue the last conversation of this notebook"),
    Option(("--chat",), "continue the conversation of this name, or begin it", "NAME", label, kind="chat"),
    Option(("--no-history",), "keep this question out of every conversation"),
    Option(("--cache",), "show the stored answer to the same request, or store the new one"),
    Option(("--no-cache",), "send the request, even if an answer to it is stored"),
    Option(("--no-stream",), "show the answer once, when it is complete"),
    Option(("--timeout",), "give up when the answer takes longer", "SECONDS", seconds),
    Option(("--budget",), "the most that the cell may cost, e.g. 0.1USD or 20k (tokens)", "AMOUNT", amount),
    Option(("--dry-run",), "show what would be sent, and to whom; send nothing"),
)
"""One for each field of AskOptions, in their order."""

LINE = Spec("%qwen", OPTIONS, manual=MANUAL)
CELL = Spec(
    "%%qwen",
    OPTIONS,
    (Positional("ref", "provider/model or alias", required=False, kind="model"),),
    manual=MANUAL,
)

_FOR_AGENTS = {
    "system", "temperature", "max_tokens", "param", "image", "attach", "cells", "raw", "format", "out", "schema",
    "tools", "yes", "no_stream", "timeout", "dry_run",
}  # fmt: skip
AGENT_CELL = Spec(
    "%%openclaw",
    (
        Option(("--session",), "a session of this name, the same from all notebooks", "NAME", label),
        Option(("--new",), "begin a new session, in which the agent remembers nothing of this notebook"),
        *(option for option in OPTIONS if option.key in _FOR_AGENTS),
    ),
    (Positional("agent", "the id of an agent; the only one if not given", required=False, kind="agent"),),
    manual="%openclaw help openclaw",
)


def parse_cell_line(line: str) -> AskOptions:
    """The options of `%%qwen LINE`. Raises UsageError."""
    given = dict(parse(words(line), CELL))
    ref = given.pop("ref")
    options = AskOptions(**given)
    if options.model and ref not in (None, options.model):
        raise UsageError(
            _("two models are named: {ref} and {model}", ref=ref, model=options.model), hint=MANUAL
        )
    return replace(options, model=options.model or ref)


def parse_prompt_line(line: str) -> tuple[AskOptions, str]:
    """The options of `%qwen LINE`, and the prompt after them as typed. Raises UsageError."""
    given, prompt = parse_prompt(line, LINE)
    return AskOptions(**given), prompt
