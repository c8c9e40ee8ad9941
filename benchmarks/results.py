"""What a benchmark found: plain tables, goals passed or failed, and a JSON file of every number."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "var" / "bench"


@dataclass(frozen=True, slots=True)
class Goal:
    """A number and the limit it must reach, or with `is_ceiling` must not exceed."""

    name: str
    value: float
    limit: float
    unit: str = ""
    is_ceiling: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.value <= self.limit if self.is_ceiling else self.value >= self.limit

    def line(self) -> str:
        sign = "<=" if self.is_ceiling else ">="
        unit = f" {self.unit}" if self.unit else ""
        note = f" ({self.note})" if self.note else ""
        verdict = "pass" if self.is_met else "FAIL"
        return f"{verdict}  {self.name}: {shown(self.value)}{unit}, goal {sign} {shown(self.limit)}{unit}{note}"


@dataclass(slots=True)
class Result:
    """One benchmark's outcome. `rounds` keeps every single measurement."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rounds: dict[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool:
        return all(goal.is_met for goal in self.goals)

    def text(self) -> str:
        lines = [f"{self.name}: {self.title}", "", *table(self.columns, self.rows), ""]
        return "\n".join([*lines, *(goal.line() for goal in self.goals), *(f"      {note}" for note in self.notes), ""])

    def save(self, *, is_quick: bool, server: str) -> Path:
        FOLDER.mkdir(parents=True, exist_ok=True)
        at = dt.datetime.now(dt.UTC)
        path = FOLDER / f"{self.name}-{at:%Y%m%dT%H%M%SZ}.json"
        document = {
            "benchmark": self.name,
            "title": self.title,
            "at": at.isoformat(),
            "is_quick": is_quick,
            "machine": {"processors": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()},
            "database": server,
            "columns": self.columns,
            "rows": self.rows,
            "goals": [
                {
                    "name": one.name,
                    "value": one.value,
                    "limit": one.limit,
                    "is_ceiling": one.is_ceiling,
                    "is_met": one.is_met,
                }
                for one in self.goals
            ],
            "notes": self.notes,
            "rounds": self.rounds,
        }
        path.write_text(json.dumps(document, indent=1, default=str) + "\n")
        return path


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table, numbers to the right."""
    cells = [list(columns), *([shown(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in cells)
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def median(values: Iterable[float]) -> float:
    return float(statistics.median(values))


def spread(values: Iterable[float]) -> str:
    """The lowest and the highest, for beside a median."""
    found = sorted(values)
    return f"{shown(float(found[0]))}–{shown(float(found[-1]))}"


def percentile(values: Iterable[float], share: float) -> float:
    found = sorted(values)
    return float(found[min(len(found) - 1, int(len(found) * share))]) if found else 0.0
