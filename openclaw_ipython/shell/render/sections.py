"""A growing answer, cut into outputs that are sent again only while they grow.

A change to an output sends the whole output to the front end, so an answer in one output costs bytes with the square of
its length. It is cut between two blocks of Markdown, and a block that is too long at the end of a line. Pure.
"""

from __future__ import annotations

import re

from msgspec import Struct

from openclaw_ipython.sanitize.markdown import Block, plain_block, safe_blocks
from openclaw_ipython.sanitize.text import safe_text, visible

SOFT_LIMIT = 4_000
"""Characters of Markdown an output may have before it is closed at the next end of a block."""

HARD_LIMIT = 8_000
"""Characters a single block may have before it is cut."""

_FENCE = r"(?m)^((?:[ \t>]|(?:[-+*]|[0-9]{1,9}[.)])[ \t])*)(`{3,}|~{3,})([^`\n]*)$"
_ITEM = r"(?m)^(?: {0,3})(?:[-+*]|[0-9]{1,9}[.)])[ \t]"


class Piece(Struct, frozen=True):
    """The content of one output: inert Markdown, and plain text."""

    markdown: str
    plain: str

    @property
    def bundle(self) -> dict[str, str]:
        """The piece as display data."""
        return {"text/markdown": self.markdown, "text/plain": self.plain}


class Sections:
    """Cuts text into pieces: those that no longer change, and the one that grows.

    Work per call is proportional to what is new and to the last block, which is at most `HARD_LIMIT` long.
    """

    def __init__(self) -> None:
        self._done: list[str] = []  # Markdown of blocks in the growing piece that cannot change any more
        self._done_size = 0
        self._done_text = ""
        self._tail = ""
        self._reopened = ""  # goes before the tail, which then means what it meant before the cut

    def add(self, text: str) -> None:
        """Add more of the answer."""
        self._tail += text

    def cut(self) -> tuple[Piece | None, Piece | None]:
        """A piece to close, where the growing one got too long, and the growing piece."""
        blocks = self._settle(safe_blocks(visible(self._reopened + self._tail)))
        if self._done and self._done_size > SOFT_LIMIT:
            closed = self._close_done()
            return closed, self._piece(blocks)
        if len(self._tail) > HARD_LIMIT and (closed_early := self._split_tail(blocks)):
            return closed_early, self._piece(safe_blocks(visible(self._reopened + self._tail)))
        return None, self._piece(blocks)

    def finish(self, *, at_once: bool = False) -> Piece | None:
        """The last piece, complete. The next text begins a new one.

        `at_once`: the cell ends now, so a long text that arrived in one event is shown without Markdown.
        """
        if at_once and len(self._tail) > HARD_LIMIT:
            piece = self._piece([plain_block(visible(self._tail))])
        else:
            piece = self._piece(safe_blocks(visible(self._reopened + self._tail)))
        self._close_done()
        self._tail = self._reopened = ""
        return piece

    def _settle(self, blocks: list[Block]) -> list[Block]:
        """Store the Markdown of the blocks that more text cannot change; return the others.

        A block is over once the next one has a whole line: only then is it known not to continue the list,
        the table or the paragraph before it.
        """
        source = self._reopened + self._tail
        count = len(blocks) - 1
        if count > 0 and "\n" not in source[_line_start(source, blocks[count].line) :]:
            count -= 1
        if count <= 0:
            return blocks
        end = _line_start(source, blocks[count].line) - len(self._reopened)
        # Without an end there is only what is repeated after a cut: a table's header, an opened fence.
        settled = [block.markdown for block in blocks[:count]] if end > 0 else []
        self._done += settled
        self._done_size += sum(map(len, settled))
        self._done_text += self._tail[:end]
        self._tail, self._reopened = self._tail[end:], ""
        return blocks[count:]

    def _close_done(self) -> Piece:
        piece = Piece("\n\n".join(self._done), _plain(self._done_text))
        self._done, self._done_size, self._done_text = [], 0, ""
        return piece

    def _split_tail(self, blocks: list[Block]) -> Piece | None:
        kind = blocks[0].kind if blocks else ""
        end = _end_of_part(kind, self._tail)
        head = self._reopened + self._tail[:end]
        if not self._tail[:end].strip():
            return None
        reopened = _reopening(kind, head)
        self._done += [block.markdown for block in safe_blocks(visible(head))]
        self._done_text += self._tail[:end]
        self._tail, self._reopened = self._tail[end:], reopened
        return self._close_done()

    def _piece(self, blocks: list[Block]) -> Piece | None:
        markdown = "\n\n".join([*self._done, *(block.markdown for block in blocks)])
        return (
            Piece(markdown, _plain(self._done_text + self._tail)) if markdown and self._has_text() else None
        )

    def _has_text(self) -> bool:
        return bool(self._done) or bool(self._tail.strip())


def _plain(text: str) -> str:
    return safe_text(text).strip("\n")


def _line_start(text: str, line: int) -> int:
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1
    return at


def _end_of_part(kind: str, text: str) -> int:
    """Where to cut a block that is too long: before its last item, after its last whole line or word."""
    if kind.endswith("list_open"):
        starts = [match.start() for match in re.finditer(_ITEM, text)]
        if starts and starts[-1] > HARD_LIMIT // 4:
            return starts[-1]
    lines = text.rfind("\n") + 1
    if lines > HARD_LIMIT // 4:
        return lines
    return text.rfind(" ") + 1 or len(text)


def _reopening(kind: str, head: str) -> str:
    """What to put before the rest of a block so that it is still the same kind of block."""
    if kind == "table_open":
        return "".join(head.splitlines(keepends=True)[:2])
    if kind in ("fence", "bullet_list_open", "ordered_list_open", "blockquote_open"):
        return _open_fence(head)
    return ""


def _open_fence(text: str) -> str:
    """A line that opens the fence still open at the end of `text` again, with a container to stand in."""
    opened: re.Match[str] | None = None
    for match in re.finditer(_FENCE, text):
        if opened is None:
            opened = match
        elif match[2].startswith(opened[2]) and match[0].strip(" \t>") == match[2]:
            opened = None
    if opened is None:
        return ""
    indent = len(opened[1].expandtabs(4))
    container = "" if indent < 2 or ">" in opened[1] else "-".ljust(min(indent, 5))
    prefix = opened[1] if ">" in opened[1] else container
    return f"{prefix}{opened[2]}{opened[3]}\n"
