"""How far a batch is: tqdm's meter in a terminal, an output of our own in a notebook, a line at the end in both.

tqdm's own notebook bar is a widget, of which a saved notebook keeps the first state ("0%") or nothing. Here the meter
is an ordinary output that is updated, so the file has the last state, also without widgets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import IO, TYPE_CHECKING, Any, Protocol

from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.terminal import safe_text

if TYPE_CHECKING:
    from openclaw_ipython.batch.results import Tally

INTERVAL = 0.2  # seconds between two updates

Show = Callable[[Mapping[str, str]], None]


class Progress(Protocol):
    """What is told how far a batch is. All on the caller's thread."""

    def update(self, tally: Tally, waiting: float) -> None:
        """So much is done; nobody asks for `waiting` seconds yet."""

    def close(self, line: str) -> None:
        """It is over; `line` sums it up, empty where there is nothing to say."""


class Silent:
    """Nothing is shown."""

    def update(self, tally: Tally, waiting: float) -> None:
        """Nothing."""

    def close(self, line: str) -> None:
        """Nothing."""


class Meter:
    """tqdm's meter on a stream that a person reads."""

    def __init__(self, total: int | None, file: IO[str]) -> None:
        from tqdm import tqdm

        self._bar: Any = tqdm(
            total=total,
            file=file,
            unit="",
            mininterval=INTERVAL,
            dynamic_ncols=True,
            leave=False,
            disable=None,  # nothing is drawn into a log
        )
        self._file = file
        self._done = 0

    def update(self, tally: Tally, waiting: float) -> None:
        """Draw, where it is time to."""
        self._bar.set_postfix_str(postfix(tally, waiting), refresh=False)
        self._bar.update(tally.done - self._done)
        self._done = tally.done

    def close(self, line: str) -> None:
        """The meter goes, the line stays."""
        self._bar.close()
        if line:
            self._file.write(safe_text(line) + "\n")
            self._file.flush()


class Output:
    """One output of a notebook, updated in place. `show` displays a bundle, the first time and again."""

    def __init__(
        self, total: int | None, show: Show, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        from tqdm import tqdm

        self._format = tqdm.format_meter
        self._total = total
        self._show = show
        self._monotonic = monotonic
        self._started = monotonic()
        self._drawn = float("-inf")

    def update(self, tally: Tally, waiting: float) -> None:
        """Draw, where it is time to."""
        now = self._monotonic()
        if now - self._drawn < INTERVAL:
            return
        self._drawn = now
        text = self._format(
            tally.done,
            self._total,
            now - self._started,
            initial=tally.remembered,
            ncols=100,
            unit="",
            postfix=postfix(tally, waiting),
        )
        done = f"<progress value='{tally.done}' max='{self._total}'></progress> " if self._total else ""
        self._show({"text/plain": text, "text/html": f"{done}<code>{escape(_bare(text))}</code>"})

    def close(self, line: str) -> None:
        """The line stands where the meter was."""
        if line or self._drawn != float("-inf"):
            line = safe_text(line)
            self._show({"text/plain": line, "text/html": f"<small>{escape(line)}</small>"})


def _bare(text: str) -> str:
    """The meter without its own bar, beside which a second one would stand."""
    before, bar, after = text.partition("|")
    return f"{before} {after.partition('|')[2]}".strip() if bar and "|" in after else text


def postfix(tally: Tally, waiting: float) -> str:
    """What stands behind the meter: tokens, cost, errors, a pause."""
    parts = []
    if tally.input_tokens or tally.output_tokens:
        parts.append(_("{count} tokens", count=_short(tally.input_tokens + tally.output_tokens)))
    if tally.cost is not None:
        parts.append(f"${tally.cost:.3g}")
    if tally.errors:
        parts.append(_("{count:,} failed", count=tally.errors))
    if waiting >= 1:
        parts.append(_("too many requests: {seconds:.0f} s", seconds=waiting))
    return ", ".join(parts)


def _short(count: int) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def progress_for(total: int | None, *, wanted: bool) -> Progress:
    """The right one for where this runs: a kernel, a terminal, or neither."""
    if not wanted:
        return Silent()
    if _in_a_kernel():
        return Output(total, _shown())
    return Meter(total, sys.stderr)


def _in_a_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def _shown() -> Show:
    from IPython.display import display

    handle: list[Any] = []

    def show(bundle: Mapping[str, str]) -> None:
        if handle:
            handle[0].update(dict(bundle), raw=True)
        else:
            handle.append(display(dict(bundle), raw=True, display_id=True))  # type: ignore[no-untyped-call]

    return show
