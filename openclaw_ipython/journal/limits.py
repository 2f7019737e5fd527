"""Limits on what requests may cost, and the file in which they are stored: `ipython/budget.json` of the state folder.

A limit is a setting, so it is not in the journal: a journal that was lost and begun anew must not lift it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.openclaw.files import ANY, Stamp, read_text, stamp_of, write_atomically

Per = Literal["cell", "batch", "day", "month", "call", "client"]

PERIODS = ("cell", "batch", "day", "month")
"""What a stored limit may be for."""

TOKENS = "tokens"
_UNITS = {"usd": "USD", "$": "USD", "cny": "CNY", "rmb": "CNY", "¥": "CNY", "元": "CNY"}
_AMOUNT = r"(?i)([$¥])?\s*(\d[\d,_]*(?:\.\d+)?|\.\d+)\s*([km])?\s*(usd|cny|rmb|元|tokens?)?"
_TEXTS = {
    "cell": N_("{amount} per cell"),
    "batch": N_("{amount} per batch"),
    "day": N_("{amount} per day"),
    "month": N_("{amount} per month"),
    "call": N_("{amount} for this call"),
    "client": N_("{amount} for this client"),
}


class Limit(Struct, frozen=True, omit_defaults=True):
    """At most `amount` of `unit` (`USD`, `CNY` or `tokens`) per cell, batch, day or month, by requests to `provider`.

    An empty `provider` stands for all. `scope` identifies the call, client or batch that it is for; a stored limit has
    none.
    """

    amount: float
    unit: str
    per: Per
    provider: str = ""
    scope: str = ""

    def __str__(self) -> str:
        text = _(_TEXTS[self.per], amount=amount_text(self.amount, self.unit))
        return f"{text} ({self.provider})" if self.provider else text

    def command(self, amount: float | None = None) -> str:
        """The command that stores it, with another amount if one is given."""
        of = f" --provider {self.provider}" if self.provider else ""
        return f"%openclaw budget set {amount or self.amount:.15g}{self.unit} --per {self.per}{of}"


def parse_amount(text: str) -> tuple[float, str]:
    """The number and unit in `2 USD`, `¥10`, `500k` or `2M tokens`. Raises ValueError with what is expected."""
    found = re.fullmatch(_AMOUNT, text.strip())
    sign, number, scale, word = found.groups() if found else ("", "0", "", "")
    amount = float(re.sub("[,_]", "", number)) * {"": 1, "k": 1e3, "m": 1e6}[(scale or "").lower()]
    unit = _UNITS.get((sign or word or "").lower(), TOKENS if word or scale else "")
    if not 0 < amount < 1e15 or not unit or (sign and word):
        raise ValueError(_("an amount such as 2USD, 10CNY or 500k (tokens)"))
    return amount, unit


def amount_text(amount: float, unit: str) -> str:
    """`0.0125 USD`, `500,000 tokens`."""
    if unit == TOKENS:
        return _("{count} tokens", count=f"{amount:,.0f}")
    return f"{amount:,.2f} {unit}" if amount >= 1 and amount % 1 else f"{amount:,.3g} {unit}"


class StoredLimits(Struct, frozen=True, omit_defaults=True):
    """The content of the file. `journal` is the mark of the journal that knows what was spent."""

    limits: tuple[Limit, ...] = ()
    journal: str = ""


class LimitFile:
    """The limits in the file `path`, which is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: Stamp | None = None
        self._content = StoredLimits()

    def load(self) -> StoredLimits:
        """The stored limits. Raises DocumentError for a file that cannot be read."""
        stamp = stamp_of(self.path)
        if stamp != self._stamp:
            self._content, self._stamp = self._read()
        return self._content

    def save(self, limits: Sequence[Limit], journal: str) -> None:
        """Replace the file. Raises DocumentError."""
        content = msgspec.json.format(msgspec.json.encode(StoredLimits(tuple(limits), journal)))
        write_atomically(self.path, content.decode(), expect=ANY)

    def _read(self) -> tuple[StoredLimits, Stamp | None]:
        found = read_text(self.path)
        if found is None:
            return StoredLimits(), None
        try:
            return msgspec.json.decode(found[0], type=StoredLimits), found[1]
        except (msgspec.MsgspecError, RecursionError):
            raise DocumentError(
                _("{path} is damaged", path=self.path), path=self.path, hint="%openclaw budget clear"
            ) from None
