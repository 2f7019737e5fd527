"""Ways of showing an answer that need all of it: JSON, a page, a formula. Until then, that it is being written.

What an answer looks like in one of them is a pure function, its *form*; where it has none (no JSON in it, cut short)
the answer is shown as Markdown, and the footer says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_ipython.chat.types import ChatEvent, Reply, TextDelta, code_blocks
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.formulas import CLOSERS, MAX_LENGTH
from openclaw_ipython.sanitize.frames import framed
from openclaw_ipython.sanitize.markdown import safe_markdown
from openclaw_ipython.sanitize.terminal import safe_text
from openclaw_ipython.shell.render.markdown import MarkdownRenderer, PlainRenderer
from openclaw_ipython.shell.render.status import mark_text
from openclaw_ipython.structured.extract import extract

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.surfaces import Surface


@dataclass(frozen=True)
class Form:
    """What is shown of an answer: MIME type → safe content; None is the answer as Markdown. `note`: for the footer."""

    bundle: Mapping[str, str] | None = None
    note: str = ""


AsForm = Callable[[Reply], Form]

_TAG = re.compile(r"<[a-zA-Z!][^<>]*>")
_PAGES = frozenset({"html", "htm", "xhtml", "svg", "xml"})
_TEX = frozenset({"latex", "tex", "math", "katex"})


# -- forms ---------------------------------------------------------------------------------


def as_json(reply: Reply) -> Form:
    """The JSON in an answer, laid out; a table stays one."""
    found = extract(str(reply))
    if found is None:
        return Form(note=_("no JSON in it"))
    if found.is_table:
        return Form()
    try:
        laid_out = json.dumps(found.value, indent=2, ensure_ascii=False)
    except RecursionError:  # nested beyond what anybody reads
        return Form()
    return Form(
        {"text/markdown": safe_markdown(_fenced(laid_out, "json")), "text/plain": safe_text(laid_out)}
    )


def as_page(reply: Reply) -> Form:
    """The HTML in an answer, in a frame where it can do nothing; its source for those who show none."""
    text = str(reply)
    source = next((code for language, code in code_blocks(text) if language in _PAGES), "") or next(
        (code for language, code in code_blocks(text) if not language and _TAG.search(code)), text
    )
    frame = framed(source) if _TAG.search(source) else None
    if frame is None:
        return Form(note=_("no HTML in it"))
    return Form({"text/html": frame, "text/plain": safe_text(source.strip("\n"))})


def as_formula(reply: Reply) -> Form:
    """An answer that is one formula, with or without its delimiters, on a line of its own."""
    text = str(reply).strip()
    blocks = code_blocks(text)
    if blocks and (blocks[0][0] in _TEX or text.startswith(("```", "~~~"))):
        text = blocks[0][1].strip()
    tex = _bare(text)
    if tex is None or len(tex) > MAX_LENGTH:
        return Form(
            note=_("not a single formula")
        )  # Markdown knows how to show words with formulas among them
    return Form({"text/markdown": safe_markdown(f"$$\n{tex}\n$$"), "text/plain": safe_text(text)})


def _bare(text: str) -> str | None:
    """The one formula that `text` is, without delimiters; None for anything that has more than it in it."""
    for opener, closer in sorted(CLOSERS.items(), key=lambda pair: -len(pair[0])):
        if text.startswith(opener) and text.endswith(closer) and len(text) > len(opener) + len(closer):
            inner = text[len(opener) : len(text) - len(closer)]
            return None if any(mark in inner for mark in ("$", *CLOSERS)) else _lines(inner)
    return None if not text or any(mark in text for mark in CLOSERS) else _lines(text)


def _lines(tex: str) -> str | None:
    """A blank line ends a formula for TeX and for Markdown; what has one in the middle is no single formula."""
    tex = tex.strip()
    return None if re.search(r"\n[ \t]*\n", tex) else tex


def _fenced(code: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


# -- renderers -----------------------------------------------------------------------------


class WholeRenderer(MarkdownRenderer):
    """The answer in one of its forms once it is complete; before, for how long it has been written."""

    interval = 0.25

    def __init__(
        self, surface: Surface, clock: Callable[[], float], form: AsForm, *, footer: bool = True
    ) -> None:
        super().__init__(surface, clock, footer=footer)
        self._form = form
        self._since: float | None = None  # when the first text came

    def close(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Show the form, then end as any answer does."""
        if not self._seen_reasoning and self._since is None and reply.reasoning:
            self._reasoning.append(reply.reasoning)
        self._end_thinking()
        form = Form() if mark_text(reply) else self._form(reply)
        if form.bundle is None:
            self._take_whole(reply)
        else:
            self._show(dict(form.bundle))
            self._last, self._is_status = None, False
            self._seen_text = True
        super().close(reply, [*notes, form.note] if form.note and reply else notes)

    def _take_text(self, pieces: list[str]) -> None:
        text = "".join(pieces)
        pieces.clear()
        if text.strip():
            self._progress.answering()
            self._end_thinking()
            self._since = self._clock() if self._since is None else self._since

    def _paint_status(self, status: str) -> None:
        if self._since is not None and not self._progress.is_thinking and not self._progress.pause():
            seconds = int(self._clock() - self._since)
            status = _("writing… {seconds} s", seconds=seconds) if seconds else _("writing…")
        super()._paint_status(status)


class PlainWholeRenderer(PlainRenderer):
    """The same where nothing that is printed can change: only the form, when it is there."""

    def __init__(
        self, surface: Surface, clock: Callable[[], float], form: AsForm, *, footer: bool = True
    ) -> None:
        super().__init__(surface, clock, footer=footer)
        self._form = form
        self._shown: str | None = None

    def close(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Write the form, or the answer where it has none."""
        form = Form() if mark_text(reply) or not reply else self._form(reply)
        self._shown = str(reply) if form.bundle is None else form.bundle["text/plain"]
        super().close(reply, [*notes, form.note] if form.note else notes)

    def _written(self, event: ChatEvent) -> Iterator[str]:
        if not isinstance(event, TextDelta):
            yield from super()._written(event)
        elif self._shown is None:
            yield from self._end_thinking()
        else:
            yield from super()._written(TextDelta(self._shown))
