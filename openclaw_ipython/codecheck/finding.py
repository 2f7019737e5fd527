"""What the check found: one finding, and the result of one check."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_ipython.i18n import N_, _

_TEMPLATES = {
    "syntax": N_("line {line}: {name}"),
    "name": N_("line {line}: the name {name} does not exist"),
    "module": N_("line {line}: the module {name} is not installed"),
    "attribute": N_("line {line}: {owner} has no attribute {name}"),
    "keyword": N_("line {line}: {owner} takes no argument {name}"),
    "column": N_("line {line}: there is no column {name}"),
}


@dataclass(frozen=True)
class CodeFinding:
    """One name that does not exist here.

    `kind` is `syntax`, `name`, `module`, `attribute`, `keyword` or `column`; `line` counts from 1; `name` is the word
    as written, `owner` what lacks it; `suggestions` are the nearest right names.
    """

    kind: str
    line: int
    name: str
    owner: str = ""
    suggestions: tuple[str, ...] = ()

    def __str__(self) -> str:
        fields = {"line": self.line, "name": self.name, "owner": self.owner}
        text = _(_TEMPLATES[self.kind], **fields)
        return text + (
            _(" (did you mean {names}?)", names=", ".join(self.suggestions)) if self.suggestions else ""
        )


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
        if self.findings:
            return " · ".join(map(str, self.findings))
        return _("✓ fits this kernel") if self.complete else _("no misfit found")
