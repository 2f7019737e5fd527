"""How much text may be added to one question, and what is said where something was cut. Pure."""

from __future__ import annotations

from openclaw_ipython.i18n import _

LIMIT = 100_000
"""Characters of added text that a question takes, unless the person raises it."""


class Allowance:
    """What is left of the limit, in characters. All that one question adds shares one."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.left = max(0, limit)

    def spend(self, text: str) -> str:
        """Take note of `text`, which was made to fit."""
        self.left = max(0, self.left - len(text))
        return text

    def take(self, text: str, total: int | None = None) -> tuple[str, bool]:
        """The beginning of `text` that is still allowed, and whether something was cut.

        `total` is how long the text really is, where only its beginning was read. What was cut is said at the end.
        """
        total = max(total or 0, len(text))
        kept = text[: self.left]
        self.left -= len(kept)
        if len(kept) == total:
            return kept, False
        return f"{kept}\n{more_characters(total - len(kept))}".lstrip("\n"), True


def more_characters(count: int) -> str:
    """What stands where text was cut. In English, as a model reads it."""
    return f"… {count:,} more characters, left out"


def characters(count: int) -> str:
    """A length, for the footer."""
    return _("{count} characters", count=f"{count:,}")
