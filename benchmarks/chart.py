"""The chart in the docs, drawn from the stored figures. Needs matplotlib (the extra `plot`).

One panel for each measure, one dot with its figure for each implementation. The scale is logarithmic, since the values
are orders of magnitude apart; dots, because the length of a bar has no meaning on such a scale. Colours have a middle
tone and the background is transparent, for light and dark pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.implementations import HAND, OURS, PEERS
from benchmarks.rows import Row, number
from benchmarks.storage import Figures

_TEXT = "first text after the server's first token"
PANELS = {
    "load + first two-word answer: time": ("load + first answer", "ms"),
    _TEXT: ("first text after the server's first token", "ms"),
    "5,000 deltas of 5 characters: CPU": ("CPU for an answer in 5,000 deltas", "ms"),
    "5,000 deltas: bytes sent ÷ answer": ("sent to the front end ÷ the answer", "×"),
    "interrupt to end of cell": ("interrupt to end of cell", "ms"),
    "install: MiB added": ("installed on top of ipykernel", "MiB"),
}
_NAMES = (OURS.name, HAND.name, *(peer.side.name for peer in PEERS))
_NOT_STREAMED = tuple(peer.side.name for peer in PEERS if not peer.side.streams)
_INK, _OURS = "#7a828b", "#2f81f7"


def draw(figures: Figures, path: Path) -> None:
    """Write the chart as SVG, the same bytes for the same figures and the same matplotlib."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    rows = {row.what: row for row in figures.rows.get("rows", ())}
    style: Any = {"svg.hashsalt": "benchmarks", "font.size": 9, "text.color": _INK, "axes.labelcolor": _INK}
    with mpl.rc_context(style):
        figure, axes = plt.subplots(2, 3, figsize=(11, 4.6), layout="constrained", sharey=True)
        layout: Any = figure.get_layout_engine()
        layout.set(w_pad=0.12, h_pad=0.12)
        for axis, what in zip(axes.flat, PANELS, strict=True):
            _panel(axis, medians(rows[what]) if what in rows else {}, what)
        figure.savefig(path, transparent=True, metadata={"Date": None, "Description": signature(figures)})
        plt.close(figure)
    path.write_text(re.sub(r"[ \t]+$", "", path.read_text("utf-8"), flags=re.M), "utf-8")


def signature(figures: Figures) -> str:
    """A hash of the drawn figures, stored in the drawing, so that an outdated drawing is detected."""
    drawn = {row.what: medians(row) for row in figures.rows.get("rows", ()) if row.what in PANELS}
    return "figures " + sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest()[:16]


def medians(row: Row) -> Mapping[str, float]:
    """The median of each measured implementation."""
    samples: Mapping[str, Sequence[float]] = {OURS.name: row.ours, HAND.name: row.hand, **row.others}
    return {name: median(values) for name, values in samples.items() if values}


def _panel(axis: Any, values: Mapping[str, float], what: str) -> None:
    title, unit = PANELS[what]
    axis.set_title(title, loc="left", fontsize=9.5, fontweight="bold", pad=8)
    axis.set_xscale("log")
    low, high = min(values.values(), default=1), max(values.values(), default=10)
    left = low / 1.8
    right = max(
        high * (high * 3 / low) ** 0.5, left * 300
    )  # room for the figures, and small differences stay small
    axis.set_xlim(left, right)
    for at, name in enumerate(_NAMES):
        colour, value = (_OURS if name == OURS.name else _INK), values.get(name)
        axis.plot([left, right], [at, at], color=_INK, linewidth=0.5, alpha=0.35, zorder=1)
        if value is not None:
            axis.plot(value, at, "o", color=colour, markersize=7, zorder=2)
        note = axis.annotate(
            _label(name, what, value, unit),
            (value or left, at),
            xytext=(8 if value else 0, 3.5),
            textcoords="offset points",
            fontsize=8.5,
        )
        note.set_color(colour)
    axis.set_yticks(range(len(_NAMES)), _NAMES)
    axis.set_ylim(len(_NAMES) - 0.5, -0.6)  # the first name on top
    axis.tick_params(left=False, bottom=False, labelbottom=False, which="both", colors=_INK)
    for label in axis.get_yticklabels():
        if label.get_text() == OURS.name:
            label.set(fontweight="bold", color=_OURS)
    for side in axis.spines.values():
        side.set_visible(False)


def _label(name: str, what: str, value: float | None, unit: str) -> str:
    """The text beside a dot: the figure, or why there is none."""
    if value is None:
        return "not before the end" if name in _NOT_STREAMED and what == _TEXT else "–"
    whole = " (in one piece)" if name in _NOT_STREAMED and what.startswith("5,000 deltas") else ""
    figure = f"{number(value / 1000)} s" if unit == "ms" and value >= 1000 else f"{number(value)} {unit}"
    return figure + whole
