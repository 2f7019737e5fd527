"""An answer as a Python value, for `-f json`: its JSON, or the rows of its table. Pure."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from openclaw_ipython.structured.json_in_text import candidates
from openclaw_ipython.structured.tables import rows


@dataclass(frozen=True)
class Found:
    """A value that was in an answer. `is_table`: it was written as a table."""

    value: Any
    is_table: bool = False


def value_in(text: str) -> Found | None:
    """The value that `text` stands for; None where it has neither JSON nor a table.

    JSON goes first where the answer is JSON or has it in a fence; else a table does, since the prose around one may
    well have a `[1]` in it.
    """
    json_first = text.lstrip()[:1] in {"{", "["} or "```" in text or "~~~" in text
    table = None if json_first else rows(text)
    if table is None:
        for piece in candidates(text):
            return Found(json.loads(piece))
        table = rows(text) if json_first else None
    return None if table is None else Found(table, is_table=True)


def as_people_have_it(found: Found) -> Any:
    """The value as it is bound: a table is a DataFrame where pandas is in use, else a list of dictionaries."""
    pandas = sys.modules.get("pandas")
    if found.is_table and pandas is not None and hasattr(pandas, "DataFrame"):
        return pandas.DataFrame(found.value)
    return found.value
