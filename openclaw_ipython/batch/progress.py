"""The progress of a batch: tqdm's meter in a terminal, an updated output in a notebook, and one line at the end.

tqdm's notebook bar is a widget, of which a saved notebook keeps the first state ("0%") or nothing. An ordinary output
that is updated keeps the last state, also without widgets.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from html import escape
from typing import IO, TYPE_CHECKING, Any

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import safe_text

if TYPE_CHECKING:
    from openclaw_ipython.batch.results import Tally

_YES = {"y", "yes", "是"}
INTERVAL = 0.2  # seconds between two updates

Show = Callable[[Mapping[str, str]], None]


class Progress:
    """Shows the progress of a batch; this one shows nothing. Called on the caller's thread."""

    def update(self, tally: Tally, waiting: float, status: str = "") -> None:
        """Show the sums so far; `waiting` is the rest of a pause, in seconds, `status` how far a batch is."""

    def say(self, line: str) -> None:
        """Show a line above the meter. May be called on any thread."""

    def close(self, line: str) -> None:
        """The batch has ended; `line` sums it up and may be empty."""


class TerminalMeter(Progress):
    """tqdm's meter on a terminal."""

    def __init__(self, total: int | None, file: IO[str]) -> None:
        from tqdm import tqdm

        self._bar: Any = tqdm(
            total=total,
            file=file,
            unit="",
            mininterval=INTERVAL,
            dynamic_ncols=True,
            leave=False,
            disable=None,  # draws nothing when the stream is not a terminal
        )
        self._file = file
        self._done = 0

    def update(self, tally: Tally, waiting: float, status: str = "") -> None:
        """Draw, at most once per interval."""
        self._bar.set_postfix_str(postfix(tally, waiting, status), refresh=False)
        self._bar.update(tally.done - self._done)
        self._done = tally.done

    def say(self, line: str) -> None:
        """Print a line; tqdm keeps its meter below it."""
        say(line)

    def close(self, line: str) -> None:
        """Replace the meter by the line."""
        self._bar.close()
        if line:
            self._file.write(safe_text(line) + "\n")
            self._file.flush()


class NotebookMeter(Progress):
    """A notebook output that is updated in place; `show` displays a MIME bundle or replaces it."""

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
        self._above: list[
            str
        ] = []  # in the same output, so that they stand above whatever thread they come from

    def say(self, line: str) -> None:
        """Show a line with the next update."""
        self._above.append(line)

    def update(self, tally: Tally, waiting: float, status: str = "") -> None:
        """Draw, at most once per interval."""
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
            postfix=postfix(tally, waiting, status),
        )
        done = f"<progress value='{tally.done}' max='{self._total}'></progress> " if self._total else ""
        self._draw({"text/plain": text, "text/html": f"{done}<code>{escape(_without_bar(text))}</code>"})

    def close(self, line: str) -> None:
        """Replace the meter by the line."""
        if line or self._above or self._drawn != float("-inf"):
            self._draw(_small(line))

    def _draw(self, last: Mapping[str, str]) -> None:
        parts = [*map(_small, self._above), last]
        plain, marked = ([part[kind] for part in parts] for kind in ("text/plain", "text/html"))
        self._show({"text/plain": "\n".join(plain), "text/html": "<br>".join(marked)})


def _small(line: str) -> dict[str, str]:
    line = safe_text(line)
    return {"text/plain": line, "text/html": f"<small>{escape(line)}</small>"}


def _without_bar(text: str) -> str:
    """The meter without its text bar: the HTML has a bar of its own."""
    before, bar, after = text.partition("|")
    return f"{before} {after.partition('|')[2]}".strip() if bar and "|" in after else text


def postfix(tally: Tally, waiting: float, status: str = "") -> str:
    """The text after the meter: how far a batch is, tokens, cost so far and expected, errors, and a pause."""
    parts = [status] if status else []
    if tally.input_tokens or tally.output_tokens:
        parts.append(_("{count} tokens", count=short_count(tally.input_tokens + tally.output_tokens)))
    if tally.cost is not None:
        expected = tally.expected_cost
        parts.append(tally.cost_text(3) + (f" / ${expected:.3g}" if expected is not None else ""))
    if cut := sum(tally.incomplete.values()):
        parts.append(_("{count:,} incomplete", count=cut))
    if tally.errors:
        parts.append(_("{count:,} failed", count=tally.errors))
    if waiting >= 1:
        parts.append(_("too many requests: {seconds:.0f} s", seconds=waiting))
    return ", ".join(parts)


def short_count(count: int) -> str:
    """`1.2M`, `340k`, `99`."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def progress_for(total: int | None, *, wanted: bool) -> Progress:
    """The progress for a kernel or a terminal."""
    if not wanted:
        return Progress()
    if _in_a_kernel():
        return NotebookMeter(total, _display_updates())
    return TerminalMeter(total, sys.stderr)


def say(line: str) -> None:
    """Show a line about the batch at once, above its meter."""
    if _in_a_kernel():
        _display_updates()(_small(line))
        return
    from tqdm import tqdm

    tqdm.write(safe_text(line), file=sys.stderr)
    sys.stderr.flush()


def confirm_agent(ref: str, rows: int | None) -> None:
    """Ask whether the rows of a batch may be turns of an agent. Raises UsageError for any other answer than yes."""
    what = _(
        "{ref} is an agent: about 49,000 characters of prompt and a new session for each row (rows: {rows})",
        ref=ref,
        rows="?" if rows is None else f"{rows:,}",
    )
    with suppress(EOFError, RuntimeError):  # a closed terminal; a kernel without a person
        asks = _in_a_kernel() or sys.stdin.isatty()
        if asks and input(f"{what}. {_('Go on? y: yes, Enter: no > ')}").strip().lower() in _YES:
            return
    raise UsageError(what, hint=_("oc.map(…, yes=True) sends them; a model instead of an agent costs less"))


def _in_a_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


def _display_updates() -> Show:
    from IPython.display import display

    handle: list[Any] = []

    def show(bundle: Mapping[str, str]) -> None:
        if handle:
            handle[0].update(dict(bundle), raw=True)
        else:
            handle.append(display(dict(bundle), raw=True, display_id=True))  # type: ignore[no-untyped-call]

    return show
