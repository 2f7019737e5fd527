"""What requests have cost and may cost still, in the journal: the sums that limits are compared with.

A request reserves its most expensive case before it is sent and is settled when it has ended. One with an unknown
outcome (interrupted, broken off, its process killed) counts as that case until the period ends.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.database import Database, Patience, damaged_copy
from openclaw_ipython.journal.limits import TOKENS
from openclaw_ipython.journal.stand_in import stand_in_for
from openclaw_ipython.openclaw.locks import pid_alive

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.limits import Limit

T = TypeVar("T")

LEASE = 3_600.0
"""Seconds after which a request is not under way any more, whatever its process does; no host answers so late."""

MAX_AGE = 40 * 86_400.0
"""Seconds for which sums are kept: longer than a month."""

_FOR_EVER = 1e12  # epoch seconds
_HAS = "SELECT 1 FROM spent WHERE scope = ?"
_EPSILON = 1e-9  # sums of decimal fractions are not exact


class Charge(NamedTuple):
    """What a request costs, or may cost at most. `amount` in `currency` is None where its price is not known."""

    provider: str
    tokens: int
    amount: float | None = None
    currency: str = ""

    def measured(self, unit: str) -> float | None:
        """How much of `unit` it takes; None where that is not known. What costs nothing does so in any currency."""
        if unit == TOKENS:
            return self.tokens
        return self.amount if self.currency == unit or self.amount == 0 else None


class Used(NamedTuple):
    """What counts against a limit: settled, with an unknown outcome, reserved by requests under way and by batches."""

    settled: float = 0.0
    unknown: float = 0.0
    under_way: float = 0.0
    batches: float = 0.0


class PassedLimit(NamedTuple):
    """A limit that a request would pass, what is used of it, and what the request may take."""

    limit: Limit
    used: Used
    wanted: float


ScopedLimit = tuple["Limit", str]
"""A limit and the scope in which it counts."""


class Spending:
    """The sums in the journal `path`. `clock` returns epoch seconds. Every method raises DocumentError, StoreBusy."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._patience = Patience(5.0, pause=0.002)
        self._database = Database(path, on_notice=stand_in_for(path).notices.append, patience=self._patience)
        self._clock = clock
        self._owner = ("", 0)
        self._begun: set[str] = set()  # the scopes of calls and clients that the journal has to know

    def reserve(
        self,
        charge: Charge,
        scopes: Sequence[str],
        limits: Sequence[ScopedLimit],
        mark: str = "",
        *,
        lasting: bool = False,
    ) -> int | PassedLimit:
        """Reserve `charge` in `scopes` if no limit is passed: the number for `settle`, or the limit that refuses.

        `mark` is that of the journal which has the earlier sums: DocumentError if it is another one. A `lasting`
        reservation belongs to no process.
        """
        until = _FOR_EVER if lasting else self._clock() + LEASE
        first = self._owner[1] != os.getpid()
        row = ("" if lasting else self._this_process(), until, f" {' '.join(scopes)} ", *_columns(charge))

        def work(c: sqlite3.Connection) -> int | PassedLimit:
            self._check(c, limits, mark)
            if first:
                c.execute(
                    "DELETE FROM spent WHERE at < ? AND scope NOT GLOB 'begun-*'", (self._clock() - MAX_AGE,)
                )
            for limit, scope in limits:
                wanted = charge.measured(limit.unit)
                if wanted is None or sum(_used(c, limit, scope)) + wanted <= limit.amount + _EPSILON:
                    continue
                self._end_dead(c)
                return PassedLimit(limit, _used(c, limit, scope), wanted)
            insert = "INSERT INTO reserved VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
            return int(c.execute(insert, row).lastrowid or 0)

        return self._write(work)

    def settle(self, number: int, charge: Charge | None, limits: Sequence[ScopedLimit] = ()) -> list[Used]:
        """Replace a reservation by what was charged, None for an unknown outcome. What is used of each limit then."""

        def work(c: sqlite3.Connection) -> list[Used]:
            self._settle(c, number, charge)
            return [_used(c, limit, scope) for limit, scope in limits]

        used = self._write(work)
        self._begun.update(scope for limit, scope in limits if limit.scope)
        return used

    def used(self, limits: Sequence[ScopedLimit], mark: str = "") -> list[Used]:
        """What is used of each limit. `mark` is that of `reserve`."""

        def work(c: sqlite3.Connection) -> list[Used]:
            self._check(c, limits, mark)
            self._end_dead(c)
            return [_used(c, limit, scope) for limit, scope in limits]

        return self._write(work)

    def begin(self, mark: str, sums: Sequence[tuple[str, Charge]]) -> str:
        """The mark of this journal: `mark` if it has that, else a new one, and its sums begin with these, by scope."""

        def work(c: sqlite3.Connection) -> str:
            if c.execute(_HAS, (mark,)).fetchone():
                return mark
            new = f"begun-{secrets.token_hex(8)}"
            c.execute("DELETE FROM spent WHERE scope GLOB '2*' OR scope GLOB 'begun-*'")
            for scope, charge in (*sums, (new, Charge("", 0))):
                self._add(c, scope, _columns(charge))
            return new

        return self._write(work)

    def forget(self, scope: str | None = None) -> None:
        """Delete the sums of a scope; None: count every request with an unknown outcome as nothing."""

        def work(c: sqlite3.Connection) -> None:
            if scope is not None:
                self._begun.discard(scope)
                c.execute("DELETE FROM spent WHERE scope = ?", (scope,))
                return
            self._end_dead(c)
            c.execute("UPDATE spent SET unknown_amount = 0, unknown_tokens = 0")

        self._write(work)

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        self._database.close()

    # -- inside --

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._patience.renew()
        return self._database.write(work)

    def _check(self, c: sqlite3.Connection, limits: Sequence[ScopedLimit], mark: str) -> None:
        """Raise DocumentError where the journal does not have the earlier sums of limits."""
        known = [mark, *(scope for _limit, scope in limits if scope in self._begun)]
        if all(c.execute(_HAS, (scope,)).fetchone() for scope in known if scope):
            return
        path, limit = self._database.path, limits[-1][0]
        what = _("the journal was begun anew, what was spent before is not known")
        if (copy := damaged_copy(path)).exists():
            what += " " + _("(the damaged one is {path})", path=copy)
        hint = _("run it again, or make a new client: both count from the beginning")
        if not limit.scope:
            hint = _("{command} counts from now", command=limit.command())
        raise DocumentError(what, path=path, hint=hint)

    def _settle(self, c: sqlite3.Connection, number: int, charge: Charge | None) -> None:
        query = "SELECT scopes, provider, currency, amount, tokens FROM reserved WHERE id = ?"
        row = c.execute(query, (number,)).fetchone()
        if row is None:  # its lease has ended
            return
        c.execute("DELETE FROM reserved WHERE id = ?", (number,))
        for scope in row[0].split():
            self._add(c, scope, row[1:] if charge is None else _columns(charge), unknown=charge is None)

    def _add(
        self,
        c: sqlite3.Connection,
        scope: str,
        columns: tuple[str, str, float, int],
        *,
        unknown: bool = False,
    ) -> None:
        provider, currency, *sums = columns
        names = ("unknown_amount", "unknown_tokens") if unknown else ("amount", "tokens")
        changes = ", ".join(f"{name} = {name} + excluded.{name}" for name in names)
        c.execute(
            f"INSERT INTO spent (scope, provider, currency, at, {', '.join(names)}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
            f" ON CONFLICT (scope, provider, currency) DO UPDATE SET {changes}",
            (scope, provider, currency, self._clock(), *sums),
        )

    def _end_dead(self, c: sqlite3.Connection) -> None:
        """Settle what was reserved by processes that are gone, and longer ago than any request takes."""
        rows = c.execute("SELECT id, owner, until FROM reserved WHERE owner <> ''").fetchall()
        alive = {owner: is_alive(owner) for owner in {owner for _id, owner, _until in rows}}
        for number, owner, until in rows:
            if not alive[owner] or until < self._clock():
                self._settle(c, number, None)

    def _this_process(self) -> str:
        if self._owner[1] != os.getpid():
            self._owner = (this_process(), os.getpid())
        return self._owner[0]


def _columns(charge: Charge) -> tuple[str, str, float, int]:
    return (charge.provider, charge.currency, charge.amount or 0.0, charge.tokens)


def _used(c: sqlite3.Connection, limit: Limit, scope: str) -> Used:
    column = "tokens" if limit.unit == TOKENS else "amount"
    which = "? IN ('', provider) AND ? IN ('tokens', currency)"
    of = (limit.provider, limit.unit)
    query = f"SELECT total({column}), total(unknown_{column}) FROM spent WHERE scope = ? AND {which}"  # noqa: S608
    settled, unknown = c.execute(query, (scope, *of)).fetchone()
    query = f"SELECT owner = '', {column} FROM reserved WHERE instr(scopes, ?) AND {which}"  # noqa: S608
    held = [0.0, 0.0]
    for lasting, amount in c.execute(query, (f" {scope} ", *of)):
        held[lasting] += amount
    return Used(settled, unknown, *held)


def this_process() -> str:
    """The name of this process, for `is_alive` in any other."""
    return _process(socket.gethostname(), os.getpid())


def _process(host: str, pid: int) -> str:
    """A process: its machine, its number and, on Linux, when it started, as numbers are used again."""
    fields = ["Z"]
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return f"{host} {pid} {'-' if fields[0] == 'Z' else fields[19]}"  # Z: it has ended


def is_alive(owner: str) -> bool:
    """Whether a process runs. One of another machine does, until its lease ends."""
    host, pid, _started = owner.rsplit(" ", 2)
    if host != socket.gethostname():
        return True
    return pid_alive(int(pid)) and _process(host, int(pid)) == owner
