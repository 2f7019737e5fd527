"""Paired samples, their limits, and the tables. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import compress
from statistics import median
from typing import Any, Literal, Self

Judged = Literal["ours", "ratio", "difference"]


@dataclass(slots=True)
class Row:
    """One line of the table.

    `ours` and `hand` are samples, the nth of one belonging to the nth of the other. `judged` says what is compared with
    `limit`: the median of ours, of the ratios pair by pair, or of the differences pair by pair. `others` are the
    samples of peers by name; they are not compared with anything.
    """

    what: str
    unit: str
    limit: float | None = None
    judged: Judged = "ours"
    at_least: bool = False
    ours: list[float] = field(default_factory=list)
    hand: list[float] = field(default_factory=list)
    others: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""

    def add(self, ours: float, hand: float | None = None) -> None:
        """One more pair."""
        self.ours.append(ours)
        if hand is not None:
            self.hand.append(hand)

    def add_other(self, name: str, value: float) -> None:
        """One more sample of a peer."""
        self.others.setdefault(name, []).append(value)

    @property
    def judged_samples(self) -> list[float]:
        """What is compared with the limit, pair by pair."""
        if self.judged == "ratio":
            return [a / b for a, b in zip(self.ours, self.hand, strict=True) if b]
        if self.judged == "difference":
            return [a - b for a, b in zip(self.ours, self.hand, strict=True)]
        return self.ours

    @property
    def measured(self) -> float:
        """The figure of this row."""
        return median(self.judged_samples)

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; None without a limit."""
        if self.limit is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def as_json(self) -> dict[str, Any]:
        """The row with its samples and what follows from them."""
        fields = asdict(self)
        for name in ("ours", "hand"):
            fields[name] = [round(value, 4) for value in fields[name]]
        fields["others"] = {name: [round(v, 4) for v in values] for name, values in self.others.items()}
        return fields | {"measured": round(self.measured, 4), "met": self.met}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The row that was written by `as_json`."""
        return cls(**{name: value for name, value in fields.items() if name not in ("measured", "met")})


HEADINGS = ("what", "limit", "measured", "met", "spread", "ours", "by hand")


def cells(row: Row) -> tuple[str, ...]:
    """The row as text, in the order of `HEADINGS`."""
    unit = {"ratio": "×", "difference": row.unit, "ours": row.unit}[row.judged]
    samples = row.judged_samples
    limit = "–" if row.limit is None else f"{'≥' if row.at_least else '≤'} {number(row.limit)} {unit}"
    return (
        row.what,
        limit,
        f"{'+' if row.judged == 'difference' and row.measured > 0 else ''}{number(row.measured)} {unit}",
        {True: "yes", False: "NO", None: "–"}[row.met],
        f"{number(min(samples))}–{number(max(samples))}" if len(samples) > 1 else "–",
        f"{number(median(row.ours))} {row.unit}",
        f"{number(median(row.hand))} {row.unit}" if row.hand else "–",
    )


def table(rows: Iterable[Row], without: Collection[str] = ()) -> str:
    """A Markdown table that can be read in a terminal as well, `without` some headings and without empty columns."""
    lines = [HEADINGS, *map(cells, rows)]
    kept = [
        column[0] not in without and any(cell != "–" for cell in column[1:])
        for column in zip(*lines, strict=True)
    ]
    return _drawn([tuple(compress(line, kept)) for line in lines])


def comparison_table(rows: Iterable[Row], ours: str) -> str:
    """The medians of every side in one table: `ours`, by hand, and each peer that did the same."""
    compared = [row for row in rows if row.others]
    names = list(dict.fromkeys(name for row in compared for name in row.others))
    lines = [("what", ours, "by hand", *names)]
    for row in compared:
        samples = [row.ours, row.hand, *(row.others.get(name, []) for name in names)]
        lines.append(
            (row.what, *(f"{number(median(each))} {row.unit}".strip() if each else "–" for each in samples))
        )
    return _drawn(lines) if compared else ""


def _drawn(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    drawn = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    return "\n".join([drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]])


def number(value: float) -> str:
    """A number with about three significant digits."""
    if value == int(value) and abs(value) < 100_000:
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
