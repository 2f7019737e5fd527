"""What the portal says. Pure and deterministic: the same prompt gets the same answer.

Every answer says that it does not come from a model. Beyond that it is as useful as counting can be: it
says what arrived, computes the statistics of a table, calls the tools that are named, fills schemas.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from openclaw_ipython.practice.completions import Answer, Call
from openclaw_ipython.practice.samples import NOT_A_MODEL, sample
from openclaw_ipython.practice.tables import Table, find_table, statistics_markdown

if TYPE_CHECKING:
    from openclaw_ipython.practice.requests import Prompt

DISCLAIMER = "*I am the practice portal, not a model.*"

_PIECES = re.compile(r"\S+\s*|\s+")
_WANTS_CODE = re.compile(r"\b(code|function|python|script|repair|fix)\b", re.I)
_WANTS_TOUR = re.compile(r"\bshow me everything\b", re.I)
_CODE_BLOCK = re.compile(r"^(`{3,})[ \t]*(?:python|py|ipython)?[ \t]*\n(.*?)^\1[ \t]*$", re.M | re.S)
_FAILED_CELL = re.compile(r"^A cell of a notebook failed\.")
_QUOTED_CHARACTERS = 200
_ONE_THING = re.compile(r"\bone (JSON value|HTML page|formula in LaTeX) and nothing else\b", re.I)

TOUR = r"""This page shows what an answer can look like.

## Text
Some **bold**, some *slanted*, some `inline code`, and a [link](https://jupyter.org).

- a list
- with two entries
  1. and a numbered one
  2. inside

> A quotation, for the record.

## A table
| name | value | squared |
|---|---:|---:|
| one | 1 | 1 |
| two | 2 | 4 |
| three | 3 | 9 |

## Mathematics
Inline, $e^{i\pi} + 1 = 0$, and on its own line:

$$\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}$$

## Code
```python
def squares(n: int) -> list[int]:
    return [i * i for i in range(n)]
```

<b>HTML stays text</b>, and so does <script>alert("this")</script>.
"""


def compose(prompt: Prompt) -> Answer:
    """The answer to a prompt nobody has scripted an answer for."""
    if prompt.tool_results:
        return _said(_json(prompt) if prompt.wants_json else _about_results(prompt), prompt)
    calls = tuple(_calls(prompt))
    if calls:
        return Answer((), _thoughts(prompt), calls, "tool_calls")
    if prompt.wants_json:
        return _said(_json(prompt), prompt)
    return _said(_one_thing(prompt) or _report(prompt), prompt)


def _said(text: str, prompt: Prompt) -> Answer:
    return Answer(pieces(text), _thoughts(prompt))


def pieces(text: str) -> tuple[str, ...]:
    """`text` as a stream would bring it, word by word."""
    return tuple(_PIECES.findall(text))


def _thoughts(prompt: Prompt) -> tuple[str, ...]:
    if not prompt.thinks:
        return ()
    words = len(prompt.text.split())
    return pieces(
        f"The prompt has {words} words and {len(prompt.text)} characters. "
        "I am the practice portal, so this is counting and not thinking."
    )


# -- one thing and nothing else, where the instructions say so ------------------------------


def _one_thing(prompt: Prompt) -> str:
    """The answer in the form that the system message demands; empty where it demands none."""
    demanded = _ONE_THING.search(prompt.instructions)
    match demanded and demanded.group(1).casefold():
        case "json value":
            return _json(prompt)
        case "html page":
            return _page(prompt)
        case "formula in latex":
            return rf"\text{{{NOT_A_MODEL}: }} {len(prompt.text)}\ \text{{characters}}"
    return ""


def _page(prompt: Prompt) -> str:
    words = html.escape(" ".join(prompt.text.split())[:_QUOTED_CHARACTERS])
    return (
        "<!doctype html>\n<title>practice</title>\n<style>body { font-family: sans-serif }</style>\n"
        f"<h1>A page</h1>\n<p><em>I am the {NOT_A_MODEL}.</em> You asked for:</p>\n<blockquote>{words}</blockquote>\n"
    )


# -- a report of what arrived --------------------------------------------------------------


def _report(prompt: Prompt) -> str:
    if _WANTS_TOUR.search(prompt.text):
        return f"{DISCLAIMER} {TOUR}"
    table = (
        None if _FAILED_CELL.search(prompt.text) else find_table(prompt.text)
    )  # a traceback has commas, too
    parts = [f"{DISCLAIMER} This is what I received:", "\n".join(_received(prompt)), _beginning(prompt.text)]
    if table is not None:
        rows = _counted(len(table.rows), "row")
        parts += [f"Your table has {rows}, and these columns:", statistics_markdown(table)]
    if _WANTS_CODE.search(prompt.text):
        parts.append(_code(prompt.text, table))
    return "\n\n".join(filter(None, parts)) + "\n"


def _received(prompt: Prompt) -> Iterator[str]:
    yield f"- {_counted(prompt.messages, 'message')} for the model `{prompt.model}`, about {prompt.tokens} tokens"
    yield f"- the question: {_counted(len(prompt.text), 'character')}, {_counted(len(prompt.text.split()), 'word')}"
    if prompt.instructions:
        yield f"- instructions (system message): {_counted(len(prompt.instructions), 'character')}"
    if prompt.earlier:
        yield f"- before that you asked {_inline(prompt.earlier[-1])}"
    for number, image in enumerate(prompt.images, 1):
        yield f"- image {number}: {image}"
    for name, value in prompt.settings.items():
        yield f"- {name} {value}"
    if prompt.tools:
        yield "- functions I may call: " + ", ".join(f"`{tool['name']}`" for tool in prompt.tools)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _inline(text: str) -> str:
    """The beginning of `text` as inline code; a backtick cannot be escaped in there."""
    words = " ".join(text.replace("`", "'").split())
    return f"`{words[:60]}{'…' * (len(words) > 60)}`" if words else "nothing"


def _beginning(text: str) -> str:
    if not text.strip():
        return ""
    shown = text[:_QUOTED_CHARACTERS]
    more = " begins" if len(text) > len(shown) else " is"
    return f"Your question{more}:\n\n{_fenced('text', shown)}"


def _fenced(language: str, text: str) -> str:
    """`text` in a fence longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _code(text: str, table: Table | None) -> str:
    given = _CODE_BLOCK.search(text)
    if table is not None:
        return "Code for such a table:\n\n" + _fenced("python", _table_code(table))
    if given is not None and re.search(r"\b(repair|fix)\b", text, re.I):
        kept = "# the practice portal cannot repair code; this is the cell as it came\n" + given.group(2)
        return _fenced("python", kept)
    words = text.split()[:8]
    return "Code that runs, about your own words:\n\n" + _fenced(
        "python", f"words = {words!r}\nprint(len(words), max(words, key=len))"
    )


def _table_code(table: Table) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows((table.columns, *table.rows[:3]))
    return (
        "import csv\nimport io\n\n"
        f"text = {lines.getvalue()!r}\n"
        "rows = list(csv.DictReader(io.StringIO(text)))\n"
        "print(len(rows), list(rows[0]))"
    )


# -- tools and JSON ------------------------------------------------------------------------


def _calls(prompt: Prompt) -> Iterator[Call]:
    """One call of each function the user names, in the order they are named; or the one demanded."""
    if prompt.tool_choice == "none":
        return
    by_name = {tool["name"]: tool for tool in prompt.tools}
    for number, name in enumerate(_named(prompt, by_name), 1):
        parameters = by_name[name].get("parameters")
        arguments = sample(parameters, prompt.text) if isinstance(parameters, Mapping) else {}
        yield Call(f"call_{prompt.messages}_{number}", name, json.dumps(arguments, ensure_ascii=False))


def _named(prompt: Prompt, by_name: Mapping[str, Any]) -> list[str]:
    match prompt.tool_choice:
        case {"function": {"name": str() as name}}:
            return [name] if name in by_name else []
        case "required":
            return _mentioned(prompt.text, by_name) or list(by_name)[:1]
    return _mentioned(prompt.text, by_name)


def _mentioned(text: str, by_name: Mapping[str, Any]) -> list[str]:
    found = {name: re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in by_name}
    at = {name: match.start() for name, match in found.items() if match is not None}
    return sorted(at, key=at.__getitem__)


def _about_results(prompt: Prompt) -> str:
    said = [f"`{name}` returned:\n\n{_fenced('text', result)}" for name, result in prompt.tool_results]
    return "\n\n".join([f"{DISCLAIMER} I only pass on what your functions said.", *said]) + "\n"


def _json(prompt: Prompt) -> str:
    if prompt.schema is not None:
        words = [*(result for _, result in prompt.tool_results), prompt.text]
        value = sample(prompt.schema, "\n".join(words))
    else:
        value = {"note": NOT_A_MODEL, "messages": prompt.messages, "characters": len(prompt.text)}
    return json.dumps(value, ensure_ascii=False)
