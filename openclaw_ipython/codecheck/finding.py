"""What the check found: one finding, and the result of one check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openclaw_ipython.i18n import N_, _
from openclaw_ipython.sanitize.text import safe_text

_TEMPLATES = {
    "syntax": N_("line {line}: {name}"),
    "name": N_("line {line}: the name {name} does not exist"),
    "module": N_("line {line}: the module {name} is not installed"),
    "attribute": N_("line {line}: {owner} has no attribute {name}"),
    "keyword": N_("line {line}: {owner} takes no argument {name}"),
    "column": N_("line {line}: there is no column {name}"),
}
_NEAR = N_(" (did you mean {names}?)")
_IN_CELL = N_("cell {cell}, ")
MAX_SHOWN = 5
"""Findings in the text of a check; the others are counted."""


@dataclass(frozen=True)
class CodeFinding:
    """One name that does not exist here.

    `kind` is `syntax`, `name`, `module`, `attribute`, `keyword` or `column`; `line` counts from 1; `name` is the word
    as written, `owner` what lacks it; `suggestions` are the nearest right names. `cell` counts the cells of an answer
    from 1, and is 0 where there is only one.
    """

    kind: str
    line: int
    name: str
    owner: str = ""
    suggestions: tuple[str, ...] = ()
    cell: int = 0

    def sentence(self, translate: Callable[..., str] = _) -> str:
        """The finding in words; `str.format` as `translate` gives it in English."""
        fields: dict[str, Any] = {"line": self.line, "name": self.name, "owner": self.owner}
        where = translate(_IN_CELL, cell=self.cell) if self.cell else ""
        near = translate(_NEAR, names=", ".join(self.suggestions)) if self.suggestions else ""
        return safe_text(f"{where}{translate(_TEMPLATES[self.kind], **fields)}{near}")

    def __str__(self) -> str:
        return self.sentence()


@dataclass(frozen=True)
class CodeCheck:
    """The result of checking one piece of code.

    `complete` is false where a part was not looked at: after `exec`, in the body of a cell magic that is not Python.
    """

    findings: tuple[CodeFinding, ...] = ()
    complete: bool = True

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        """One line: that the code fits, or what does not."""
        if not self.findings:
            return _("✓ fits this kernel") if self.complete else _("no misfit found")
        shown = list(map(str, self.findings[:MAX_SHOWN]))
        if more := len(self.findings) - len(shown):
            shown.append(_("and {count} more", count=more))
        return "✗ " + " · ".join(shown)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))
