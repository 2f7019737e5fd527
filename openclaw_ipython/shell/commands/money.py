"""`%openclaw budget`: limits on what requests may cost, for every notebook and program of a home."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from openclaw_ipython.errors import DocumentError, OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.limits import PERIODS, TOKENS, Limit, amount_text, parse_amount
from openclaw_ipython.models.stated import price_at
from openclaw_ipython.shell.commands.registry import JSON, PROVIDER, command
from openclaw_ipython.shell.commands.usage import used_text
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, TableView, View

if TYPE_CHECKING:
    from openclaw_ipython.journal.limits import Per
    from openclaw_ipython.journal.spending import Used
    from openclaw_ipython.shell.session import Session

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
