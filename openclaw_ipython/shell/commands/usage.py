"""`%openclaw usage`: requests, tokens and cost as a table, as JSON or as a plot. The journal makes the sums.

`%openclaw budget`: limits on what requests may cost, for every notebook and program of a home.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from openclaw_ipython.dispatch.recorder import DAY, period_text
from openclaw_ipython.errors import DocumentError, OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.limits import PERIODS, TOKENS, Limit, amount_text, parse_amount
from openclaw_ipython.models.stated import price_at
from openclaw_ipython.shell.commands.registry import JSON, PROVIDER, command
from openclaw_ipython.shell.parser import Option, Positional, count
from openclaw_ipython.shell.plots import draw, literal
from openclaw_ipython.shell.render.status import duration, money
from openclaw_ipython.shell.views import MessageView, TableView, View

if TYPE_CHECKING:
    from openclaw_ipython.journal.limits import Per
    from openclaw_ipython.journal.spending import Used
    from openclaw_ipython.journal.usage import GroupBy, UsageSum
    from openclaw_ipython.shell.session import Session

DEFAULT_DAYS = 30
MOST_DAYS = 3_660


class UsageSummary(Struct, frozen=True):
    """The usage of the last `days`: `rows` grouped by `by`, their `total`, and the `budgets`.

    `limits` are those of providers: `requests` within `seconds`, of which so many are `used`.
    """

    days: int
    by: GroupBy
    rows: Sequence[UsageSum]
    total: UsageSum
    limits: Sequence[dict[str, Any]]
    budgets: Sequence[tuple[Limit, Used]]


@command(
    "usage",
    Option(("--days",), "how many days, today included (30)", "N", count),
    Option(("--by",), "day, model or provider", "WHAT", choices=("day", "model", "provider")),
    Option(("--plot",), "draw requests and tokens per day, by model"),
    JSON,
)
def usage(session: Session, *, days: int | None, by: GroupBy | None, plot: bool) -> View:
    """Requests, tokens, errors, time, and cost where prices are known."""
    report = gather(session, min(days or DEFAULT_DAYS, MOST_DAYS), by or "day")
    return plotted(session, report) if plot else as_table(report)


def gather(session: Session, days: int, by: GroupBy) -> UsageSummary:
    """The usage of the last days, today included. Raises DocumentError, StoreBusy."""
    recorder = session.client.recorder
    recorder.flush()
    now = session.client.runtime.clock()
    since = midnight(now, days - 1)
    log = recorder.journal.usage
    providers = sorted(one.name for one in log.sums("provider", since))
    limits = [
        {
            "provider": provider,
            "requests": quota.requests,
            "seconds": quota.seconds,
            "used": log.count(provider, now - quota.seconds),
        }
        for provider in providers
        for quota in recorder.quotas(provider)
    ]
    budgets: list[tuple[Limit, Used]] = []
    try:
        budgets += [(one, used) for one, used in session.client.budget.used() if one.per in ("day", "month")]
    except DocumentError as error:  # without the budgets the usage is of use still
        recorder.journal.notices.append(f"{error} → {error.hint}")
    return UsageSummary(days, by, log.sums(by, since), log.total(since), limits, budgets)


def midnight(now: float, days: int = 0) -> float:
    """The beginning of the day that was `days` before `now`, by this machine's clock. Epoch seconds."""
    day = datetime.fromtimestamp(now).date() - timedelta(days=days)
    return datetime.combine(day, time()).timestamp()  # naive: that day's own offset, summer or winter


def today(session: Session) -> str:
    """Today's usage in one line."""
    recorder = session.client.recorder
    recorder.flush()
    total = recorder.journal.usage.total(midnight(session.client.runtime.clock()))
    if not total.requests and not total.replays:
        return _("nothing asked yet")
    parts = [_("requests: {count}", count=f"{total.requests:,}")]
    if total.errors:
        parts.append(_("failed: {count}", count=f"{total.errors:,}"))
    tokens = f"{total.input_tokens:,}→{total.output_tokens:,}"
    parts.append(_("{tokens} tokens", tokens=tokens))
    if total.cost is not None:
        parts.append(_cost(total))
    if total.replays:
        parts.append(_("from the cache: {count}", count=f"{total.replays:,}"))
    return " · ".join(parts)


def as_table(usage: UsageSummary) -> TableView:
    """The usage as a table; columns without any value are left out."""
    heads = {"day": _("Day"), "model": _("Model"), "provider": _("Service")}
    headings = [
        heads[usage.by], _("Requests"), _("Failed"), _("Tokens in"), _("Prompt cache hits"), _("Prompt cache writes"),
        _("Tokens out"), _("First text"), _("Whole answer"), _("Cost"), _("From the cache"),
    ]  # fmt: skip
    rows = [_row(one.name, one) for one in usage.rows]
    if len(rows) > 1:
        rows.append(_row(_("all"), usage.total))
    for limit in usage.limits:
        span = period_text(limit["seconds"])
        name = _("limit of {provider}, {span}", provider=limit["provider"], span=span)
        rows.append([name, f"{limit['used']:,} / {limit['requests']:,}", *[""] * 9])
    for one, used in usage.budgets:
        rows.append([_("budget of {limit}", limit=one), used_text(one, used), *[""] * 9])
    columns = enumerate(zip(headings, *rows, strict=True))
    first, *others = zip(*(c for at, c in columns if at < 2 or any(c[1:])), strict=True)
    empty = _("nothing was asked in the last {days} days", days=usage.days)
    data = {  # times in seconds, cost in US dollars
        "days": usage.days,
        "by": usage.by,
        "rows": [one._asdict() for one in usage.rows],
        "total": {key: value for key, value in usage.total._asdict().items() if key != "name"},
        "limits": usage.limits,
        "budgets": [asdict(limit) | used._asdict() for limit, used in usage.budgets],
    }
    return TableView(first, others, empty, data=data)


def used_text(limit: Limit, used: Used) -> str:
    """`0.31 USD (16%)`: what counts against a limit, without what is under way."""
    total = used.settled + used.unknown
    return f"{amount_text(total, limit.unit)} ({total / limit.amount:.0%})"


def _row(name: str, one: UsageSum) -> list[str]:
    return [
        name,
        f"{one.requests:,}",
        f"{one.errors:,}" if one.errors else "",
        f"{one.input_tokens:,}",
        f"{one.cached_tokens:,}" if one.cached_tokens else "",
        f"{one.written_tokens:,}" if one.written_tokens else "",
        f"{one.output_tokens:,}",
        "" if one.first_text is None else duration(one.first_text),
        "" if one.seconds is None else duration(one.seconds),
        _cost(one),
        f"{one.replays:,}" if one.replays else "",
    ]


def _cost(one: UsageSum) -> str:
    """The known cost, with a `+` where some requests have no price, else a `≤` where some may cost less."""
    if one.cost is None:
        return ""
    if one.priced < one.requests - one.errors - one.interrupted:
        return money(one.cost) + "+"
    return money(one.cost, at_most=one.bounded > 0)


# -- the plot ------------------------------------------------------------------------------

_FEWEST_DAYS = 7


def plotted(session: Session, usage: UsageSummary) -> View:
    """Requests and tokens a day, by model or provider, with daily limits as lines.

    Raises UsageError without matplotlib.
    """
    now = session.client.runtime.clock()
    daily = session.client.recorder.journal.usage.daily(midnight(now, usage.days - 1))
    if not daily:
        return as_table(usage)
    if usage.by == "provider":
        daily = [(model.partition("/")[0], one) for model, one in daily]
    every = [
        datetime.fromtimestamp(midnight(now, ago)).date().isoformat() for ago in reversed(range(usage.days))
    ]
    used = {one.name for _model, one in daily}
    first = next((at for at, day in enumerate(every) if day in used), 0)
    days = every[
        max(0, min(first, len(every) - _FEWEST_DAYS)) :
    ]  # days before the first request are left out

    def paint(figure: Any) -> None:
        above, below = figure.subplots(2, 1, sharex=True)
        _bars(above, days, daily, lambda one: one.requests)
        _bars(below, days, daily, lambda one: one.input_tokens + one.output_tokens)
        _lines(above, usage.limits)
        for limit, used in usage.budgets:
            name = _("budget of {limit}", limit=limit)
            above.plot([], [], " ", label=literal(f"{name}: {used_text(limit, used)}"))
        above.set_ylabel(_("requests"))
        below.set_ylabel(_("tokens"))
        known = above.get_legend_handles_labels()
        figure.legend(*known, loc="outside lower center", ncols=2, fontsize="small", frameon=False)
        step = -(-len(days) // 10)
        below.set_xticks(range(0, len(days), step), [day[5:] for day in days[::step]])
        below.set_xlim(-0.6, len(days) - 0.4)
        title = _("Requests and tokens from {first} to {last}", first=days[0], last=days[-1])
        if usage.total.cost is not None:
            title += f" · {_cost(usage.total)}"
        figure.suptitle(literal(title), fontsize="medium")

    return draw(as_table(usage), paint, (9, 5.5))


def _lines(axes: Any, limits: Sequence[dict[str, Any]]) -> None:
    """Draw the limits as requests a day. One far above the bars stands in the legend only: the bars would vanish."""
    daily: dict[float, list[str]] = {}
    for limit in limits:
        if limit["seconds"] >= DAY:
            daily.setdefault(limit["requests"] * DAY / limit["seconds"], []).append(limit["provider"])
    top = axes.get_ylim()[1]
    for requests, providers in sorted(daily.items()):
        name = _(
            "limit of {provider}: {count} a day", provider=", ".join(providers), count=f"{requests:,.0f}"
        )
        name = literal(name)
        if requests <= 3 * top:
            axes.axhline(requests, color="firebrick", linestyle="--", linewidth=1, label=name)
        else:
            axes.plot([], [], " ", label=name)


def _bars(axes: Any, days: list[str], daily: Sequence[tuple[str, UsageSum]], height: Any) -> None:
    """Draw one stacked bar a day, a colour for each name."""
    floor = [0] * len(days)
    for name in dict.fromkeys(name for name, _usage in daily):
        of_day: Counter[str] = Counter()
        for named, one in daily:
            if named == name:
                of_day[one.name] += height(one)
        heights = [of_day[day] for day in days]
        axes.bar(range(len(days)), heights, bottom=floor, label=literal(name), width=0.8)
        floor = [a + b for a, b in zip(floor, heights, strict=True)]
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


# -- limits --------------------------------------------------------------------------------

PER = Option(("--per",), "cell, batch, day or month", "PERIOD", choices=PERIODS)
_SET = "%openclaw budget set 2USD --per day"


@command("budget", JSON)
@command("budget show", JSON)
def budget_show(session: Session) -> View:
    """The limits on cost and tokens, and how much of them is used."""
    rows = session.client.budget.used()
    data = {"limits": [{**asdict(limit), **used._asdict()} for limit, used in rows]}
    headings = [_("Limit"), _("Used"), _("Under way"), _("Batches"), _("Outcome unknown")]
    table = [[str(limit), *_used_cells(limit, used)] for limit, used in rows]
    columns = [column for column in zip(headings, *table, strict=True) if any(column[1:])]
    first, *others = zip(*columns, strict=True) if rows else [headings]
    return TableView(first, others, _("no limit is set"), _SET, data=data)


@command(
    "budget set",
    Positional("amount", "2USD or 10CNY, as the service bills, or 500k (tokens)", rest=True),
    PER,
    PROVIDER,
)
def budget_set(session: Session, *, amount: tuple[str, ...], per: Per | None, provider: str | None) -> View:
    """Set a limit per day, or per cell, batch or month; a request that would pass it is not sent."""
    client = session.client
    try:
        parsed = parse_amount(" ".join(amount))
    except ValueError as error:
        raise UsageError(_("AMOUNT must be {what}", what=error), hint=_SET) from None
    limit = Limit(*parsed, per or "day", client.models.checked_provider(provider) if provider else "")
    client.recorder.flush()
    client.budget.set(limit, client.recorder.journal.usage)
    return MessageView(_("limit set: {limit}", limit=limit), details=_not_covered(session, limit))


@command(
    "budget clear",
    PER,
    PROVIDER,
    Option(("--unknown",), "keep the limits; count requests with an unknown outcome as nothing"),
)
def budget_clear(session: Session, *, per: str | None, provider: str | None, unknown: bool) -> View:
    """Lift the limits, or those of a period or service."""
    budget = session.client.budget
    if unknown:
        budget.spending.forget()
        return MessageView(_("requests with an unknown outcome count as nothing"))
    try:
        stored = budget.file.load()
    except DocumentError:  # a damaged file refuses everything until it is replaced
        budget.file.save((), "")
        return MessageView(_("all limits are lifted"))
    kept = [
        one for one in stored.limits if per not in (None, one.per) or provider not in (None, one.provider)
    ]
    budget.file.save(kept, stored.journal if kept else "")
    return MessageView(_("limits lifted: {count}", count=len(stored.limits) - len(kept)))


def _used_cells(limit: Limit, used: Used) -> list[str]:
    if limit.per in ("cell", "batch"):
        return [_("each its own"), "", "", ""]
    return [
        used_text(limit, used),
        *(amount_text(part, limit.unit) if part else "" for part in (used[2], used[3], used[1])),
    ]


def _not_covered(session: Session, limit: Limit) -> tuple[str, ...]:
    """Which of the chosen models a limit in money does not cover: those without a price in its currency."""
    if limit.unit == TOKENS:
        return ()
    models = session.client.models
    missing = []
    for ref in (models.default(), *models.fallbacks(), models.image_default()):
        if ref is None or limit.provider not in ("", ref.provider):
            continue
        with suppress(OpenClawError):  # raised again when it is asked
            target = models.target(ref)
            model = target.model
            if model is None or price_at(model, target.base_url) is None or limit.unit != "USD":
                missing.append(str(ref))
    if not missing:
        return ()
    names = ", ".join(dict.fromkeys(missing))
    return (_("not covered, as no price in {unit} is known: {models}", unit=limit.unit, models=names),)
