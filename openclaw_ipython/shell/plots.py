"""Plots by matplotlib, which suit light and dark front ends, with a table of the same figures as their text."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.views import TableView

_GREY = "#797979"  # a contrast of 4.3 on white and on JupyterLab's dark page, which shows through: the most on both
_STYLE: dict[Any, Any] = dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _GREY
) | (dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"))
_CHINESE_FONTS = r"Sans CJK SC|Source Han Sans.* SC|YaHei|PingFang SC|SimHei|Heiti SC|WenQuanYi|Serif CJK SC"


class PlotView(TableView, frozen=True):
    """A plot, with the table of the same figures as its text."""

    png: bytes = b""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.text()}


def draw(table: TableView, paint: Callable[[Any], None], size: tuple[float, float]) -> PlotView:
    """The plot that `paint` draws on a figure of this size, in inches. Raises UsageError without matplotlib."""
    try:
        from matplotlib import rc_context, rcParams
        from matplotlib.figure import Figure
        from matplotlib.font_manager import get_font_names
    except ImportError:
        raise UsageError(_("a plot needs matplotlib"), hint="%pip install 'openclaw-ipython[plot]'") from None
    file = io.BytesIO()
    # matplotlib's own font has no Chinese
    chinese = sorted(name for name in get_font_names() if re.search(_CHINESE_FONTS, name))
    with rc_context(_STYLE | {"font.family": [*rcParams["font.family"], *chinese[:1]]}):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        figure.savefig(file, format="png", dpi=100)
    return PlotView(**asdict(table), png=file.getvalue())


def literal(text: str) -> str:
    """`text` for a label, in which a dollar opens no formula."""
    return text.replace("$", r"\$")
