"""The stored figures: one JSON file for each version, with every sample."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.rows import Row

RESULTS = Path(__file__).resolve().parent / "results"
PARTS = ("rows", "scaling", "endurance")


@dataclass(frozen=True, slots=True)
class Figures:
    """The content of one file: how each part was measured, and its rows."""

    about: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)


def save(
    version: str, parts: Mapping[str, Sequence[Row]], about: Mapping[str, Any], folder: Path = RESULTS
) -> Path:
    """Write the measured parts; the others stay unchanged."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{version}.json"
    document = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name, rows in parts.items():
        document[name] = {"about": dict(about), "rows": [row.as_json() for row in rows]}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def load(path: Path) -> Figures:
    """The figures of one version."""
    document = json.loads(path.read_text("utf-8"))
    parts = {name: document[name] for name in PARTS if name in document}
    return Figures(
        {name: part["about"] for name, part in parts.items()},
        {name: [Row.from_json(row) for row in part["rows"]] for name, part in parts.items()},
    )


def latest(folder: Path = RESULTS) -> Figures:
    """The figures of the highest version."""
    return load(max(folder.glob("*.json"), key=lambda path: _numbers(path.stem)))


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in version.split(".")]
