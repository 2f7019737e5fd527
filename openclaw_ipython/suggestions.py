"""Near misses of a mistyped word: for the `suggestions` of an error, and for the end of its message."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_ipython.i18n import _


def suggest(word: str, among: Iterable[str], cutoff: float = 0.6) -> tuple[str, ...]:
    """The nearest of `among`, best first, at most three; empty when none is near. Case does not count.

    `cutoff` is the least similarity, from 0 to 1.
    """
    import difflib  # only mistakes need it

    choices = {choice.lower(): choice for choice in among}
    near = difflib.get_close_matches(word.lower(), choices, n=3, cutoff=cutoff)
    return tuple(choices[match] for match in near)


def did_you_mean(near: tuple[str, ...]) -> str:
    """The end of a sentence: ` · did you mean a, b?`, or nothing."""
    return _(" · did you mean {near}?", near=", ".join(near[:3])) if near else ""
