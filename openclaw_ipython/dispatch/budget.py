"""Budgets: the limits of a request. Its most expensive case is reserved before it is sent, and settled afterwards.

Without a limit this costs one look at the state of a file. Where the journal cannot be written, nothing is sent.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.cell_errors import running_shell
from openclaw_ipython.errors import AuthError, BudgetExceeded, ConfigError, ServiceError, UsageError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.openclaw.files import stamp_of

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatRequest, Usage
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.journal.limits import Limit, LimitFile, Per
    from openclaw_ipython.journal.spending import Charge, PassedLimit, ScopedLimit, Spending, Used
    from openclaw_ipython.journal.usage import UsageLog
    from openclaw_ipython.openclaw.paths import Home

log = logging.getLogger(__name__)

NEAR = 0.8
"""The part of a limit from which on it is mentioned below answers."""

_SHORTEST = 100  # tokens of an answer that is worth to be suggested
_PROCESS = secrets.token_hex(6)


class Reservation(Struct, frozen=True):
    """What a request holds: its number in the journal, its charge at most, the limits it was compared with."""

    number: int
    charge: Charge
    limits: tuple[ScopedLimit, ...]


class Budget:
    """The limits on the requests of one client: those of the home, and its `own`.

    `enabled()` is whether the journal may be written.
    """

    def __init__(
        self,
        home: Home,
        clock: Callable[[], float],
        enabled: Callable[[], bool],
        own: str | Limit | None = None,
    ) -> None:
        self.own = limit_for(own, "client")
        self._home = home
        self._enabled = enabled
        self._clock = clock
        self._unsettled: list[tuple[int, Charge | None]] = []
        self._logged: set[str] = set()

    @cached_property
    def file(self) -> LimitFile:
        """The stored limits."""
        from openclaw_ipython.journal.limits import LimitFile  # not needed where there is no limit

        return LimitFile(self._home.budget)

    @cached_property
    def spending(self) -> Spending:
        """The sums of this home."""
        from openclaw_ipython.journal.spending import Spending

        return Spending(self._home.journal, self._clock)

    def close(self) -> None:
        """Close the file."""
        if "spending" in vars(self):
            self.spending.close()

    def periods(self) -> dict[str, str]:
        """The scopes of today and this month, by this machine's clock."""
        today = datetime.fromtimestamp(self._clock()).date().isoformat()
        return {"day": today, "month": today[:7]}

    def limits(self, provider: str, given: Limit | None = None, batch: str = "") -> tuple[ScopedLimit, ...]:
        """The limits for a request to `provider`. `given` is that of its call, `batch` the scope of its batch."""
        every = [limit for limit in (given, self.own, *self._stored()) if limit is not None]
        if not every:
            return ()
        scopes = {**self.periods(), "cell": current_cell(), "batch": batch}
        return tuple(
            (limit, scope)
            for limit in every
            if limit.provider in ("", provider) and (scope := limit.scope or scopes[limit.per])
        )

    def hold(
        self, route: ResolvedRequest, request: ChatRequest, given: Limit | None = None, batch: str = ""
    ) -> Reservation | None:
        """Reserve the most that `request` may cost by `route`. None where no limit applies. Raises BudgetExceeded."""
        if given is None and self.own is None and not self._stored():
            return None

        def shorter(tokens: int) -> Charge:
            return most(route, replace(request, max_tokens=tokens))

        return self.reserve(most(route, request), given, batch=batch, shorter=shorter)

    def release(
        self,
        held: Reservation | None,
        route: ResolvedRequest,
        usage: Usage | None,
        error: BaseException | None,
    ) -> list[str]:
        """Settle what a request held that ended with `usage` or `error`. Notes about limits, for the footer."""
        return [] if held is None else self.settle(held, charged(route, usage, error)) + self.uncovered(held)

    def uncovered(self, held: Reservation) -> list[str]:
        """Notes about the limits that do not hold for a request. Those of calls and clients, which display nothing, are
        logged once, too.
        """
        provider, notes = held.charge.provider, []
        text = N_("{limit} does not cover this: no price of {provider} in {unit} is known; tokens limit it")
        for limit, scope in held.limits:
            if held.charge.measured(limit.unit) is None:
                notes.append(_(text, limit=limit, provider=provider, unit=limit.unit))
                if limit.per in ("call", "client") and scope not in self._logged:
                    self._logged.add(scope)
                    log.warning(notes[-1])
        return notes

    def reserve(
        self,
        charge: Charge,
        given: Limit | None = None,
        *,
        batch: str = "",
        lasting: bool = False,
        shorter: Callable[[int], Charge] | None = None,
    ) -> Reservation | None:
        """Reserve `charge`, the most that a request may cost, for `settle`. None where no limit applies.

        A `lasting` reservation is kept when this process ends: `settle` takes its number too, in any process. `shorter`
        returns the charge with an answer of so many tokens. Raises BudgetExceeded.
        """
        limits = self.limits(charge.provider, given, batch)
        if not limits:
            return None
        if not self._enabled():
            why = _("a limit needs the journal, and it is off")
            raise BudgetExceeded(why, hint="%config OpenClaw.journal = True")
        scopes = dict.fromkeys((*self.periods().values(), *(scope for _limit, scope in limits)))
        try:
            self._settle_late()
            mark = self.file.load().journal if not limits[-1][0].scope else ""
            found = self.spending.reserve(charge, tuple(scopes), limits, mark, lasting=lasting)
        except ConfigError as error:
            raise _unchecked(error) from None
        if not isinstance(found, int):
            raise _exceeded(found, shorter)
        return Reservation(found, charge, limits)

    def settle(self, held: Reservation | int, charge: Charge | None) -> list[str]:
        """Replace a reservation by what was charged; None for an unknown outcome. Notes about limits that are near."""
        number, limits = (held, ()) if isinstance(held, int) else (held.number, held.limits)
        try:
            self._settle_late()
            used = self.spending.settle(number, charge, limits)
        except ConfigError:  # the most expensive case stays reserved until then
            self._unsettled.append((number, charge))
            return []
        return [
            _("more than {share} % of {limit} used", share=int(total / limit.amount * 10) * 10, limit=limit)
            for (limit, _scope), parts in zip(limits, used, strict=True)
            if (total := parts.settled + parts.unknown) >= NEAR * limit.amount
        ]

    def set(self, limit: Limit, usage: UsageLog) -> None:
        """Store a limit, in place of one with the same unit, period and provider. Raises DocumentError, StoreBusy.

        The first one counts what `usage` has of this day and month.
        """
        from openclaw_ipython.journal.spending import Charge

        stored = self.file.load()
        today = datetime.fromtimestamp(self._clock()).replace(hour=0, minute=0, second=0, microsecond=0)
        since = zip(self.periods().values(), (today, today.replace(day=1)), strict=True)
        before = [
            (
                scope,
                Charge(one.name, one.input_tokens + one.output_tokens, one.cost, "USD" if one.priced else ""),
            )
            for scope, start in since
            for one in usage.sums("provider", start.timestamp())
        ]
        mark = self.spending.begin(stored.journal if stored.limits else "", before)
        of = (limit.unit, limit.per, limit.provider)
        others = [one for one in stored.limits if (one.unit, one.per, one.provider) != of]
        self.file.save([*others, limit], mark)

    def used(self) -> list[tuple[Limit, Used]]:
        """The stored limits, with what is used of those per day and month. Raises DocumentError, StoreBusy."""
        stored, scopes = self.file.load(), self.periods()
        if not stored.limits:
            return []
        scoped = [(one, scopes.get(one.per, "")) for one in stored.limits]
        return list(zip(stored.limits, self.spending.used(scoped, stored.journal), strict=True))

    def forget(self, batch: str) -> None:
        """Drop the sums of a batch that is complete."""
        if "spending" in vars(self):
            with suppress(ConfigError):  # they end with their age
                self.spending.forget(batch)

    def _stored(self) -> tuple[Limit, ...]:
        try:
            unused = "file" not in vars(self) and stamp_of(self._home.budget) is None
            return () if unused else self.file.load().limits
        except ConfigError as error:
            raise _unchecked(error) from None

    def _settle_late(self) -> None:
        while self._unsettled:
            self.spending.settle(*self._unsettled[0])
            self._unsettled.pop(0)


def limit_for(amount: str | Limit | None, per: Per, scope: str = "") -> Limit | None:
    """The limit of a `budget` argument; a Limit is returned as it is. Raises UsageError."""
    if amount is None:
        return None
    from openclaw_ipython.journal.limits import Limit, parse_amount

    if isinstance(amount, Limit):
        return amount
    try:
        return Limit(*parse_amount(str(amount)), per, scope=scope or f"{per}-{secrets.token_hex(8)}")
    except ValueError as error:
        raise UsageError(_("budget must be {what}", what=error)) from None


def in_batch(limit: Limit | None, scope: str) -> Limit | None:
    """The limit of a batch, shared with its earlier, unfinished runs; that of a call with several batches unchanged."""
    return replace(limit, scope=scope) if limit is not None and limit.per == "batch" else limit


def current_cell() -> str:
    """The scope of the running cell; in a program, of the whole program."""
    return f"cell-{_PROCESS}-{os.getpid()}-{getattr(running_shell(), 'execution_count', '')}"


def most(route: ResolvedRequest, request: ChatRequest) -> Charge:
    """The most that `request` may cost by `route`."""
    from openclaw_ipython.dispatch.pricing import worst_case

    worst = worst_case(replace(route, request=request))
    return _charge(route, worst.input_tokens + worst.output_tokens, worst.cost)


def charged(route: ResolvedRequest, usage: Usage | None, error: BaseException | None) -> Charge | None:
    """What a request has cost that ended with `usage`, or with `error`; None where that is not known."""
    if usage is not None and usage.input_tokens is not None and usage.output_tokens is not None:
        return _charge(route, usage.input_tokens + usage.output_tokens, usage.cost)
    return _charge(route, 0, 0.0) if error is not None and _refused(error) else None


def _charge(route: ResolvedRequest, tokens: int, cost: float | None) -> Charge:
    from openclaw_ipython.journal.spending import Charge

    if cost is None and route.may_load:  # a server on this machine
        cost = 0.0
    return Charge(route.ref.provider, tokens, cost, "" if cost is None else "USD")


def _refused(error: BaseException) -> bool:
    """Whether the service has not answered: it was not reached, or answered with an error."""
    if isinstance(error, ServiceError) and (error.status is not None or not error.delivered):
        return not error.partial
    return isinstance(error, (AuthError, ConfigError, UsageError))


def _unchecked(error: ConfigError) -> BudgetExceeded:
    return BudgetExceeded(
        _("not sent, as the budget cannot be checked: {why}", why=error),
        hint=_("{repair}; %openclaw budget clear lifts the limits", repair=error.hint or "%openclaw doctor"),
    )


def _exceeded(refusal: PassedLimit, shorter: Callable[[int], Charge] | None) -> BudgetExceeded:
    from openclaw_ipython.journal.limits import amount_text

    limit, used, wanted = refusal
    left = max(0.0, limit.amount - sum(used))
    why = _(
        "the request may take {wanted}; left of {limit}: {left}",
        wanted=amount_text(wanted, limit.unit), left=amount_text(left, limit.unit), limit=limit,
    )  # fmt: skip
    for name, part in ((_("under way"), used.under_way), (_("outcome unknown"), used.unknown)):
        if part:
            why += f", {name}: {amount_text(part, limit.unit)}"
    if sum(used) - used.under_way + wanted <= limit.amount:
        hint = _("run it again when the requests under way have ended")
        return BudgetExceeded(why, under_way=True, hint=hint)
    needed = limit.amount
    while needed < sum(used) + wanted:
        needed *= 2
    given = f"{needed:.15g}{limit.unit}"
    hint = f"--budget {given}" if limit.per == "cell" else f'budget="{given}"'
    if not limit.scope:
        hint = limit.command(needed)
    if shorter is not None and (tokens := _fitting(limit, left, shorter)) >= _SHORTEST:
        hint = _("max_tokens {count} fits, or {raise_it}", count=tokens, raise_it=hint)
    if sum(used) - used.unknown + wanted <= limit.amount:
        hint = _("{raise_it}, or {forget}", raise_it=hint, forget="%openclaw budget clear --unknown")
    return BudgetExceeded(why, hint=hint)


def _fitting(limit: Limit, left: float, shorter: Callable[[int], Charge]) -> int:
    """The longest answer that fits into what is left, in tokens, to two digits; 0 where none does."""
    low, high = (shorter(tokens).measured(limit.unit) or 0.0 for tokens in (1, 1_001))
    tokens = int((left - low) / (high - low) * 1_000) if high > low else 0
    return int(float(f"{tokens * 0.95:.1e}")) if tokens > 0 else 0
