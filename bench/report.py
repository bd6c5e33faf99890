"""The results: a table for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from bench.figure import Bar, Figure, Of
from bench.machine import Machine


@dataclass(frozen=True)
class Report:
    """One run.

    Args:
        started_at: ISO time, UTC.
        machine: before the run.
        load_after: load average of the last minute when it was done; its own share included.
        figures: by bench.
    """

    started_at: str
    machine: Machine
    load_after: float
    figures: dict[str, list[Figure]]

    @property
    def passed(self) -> bool:
        """Whether no bar was missed."""
        return all(figure.passed is not False for figures in self.figures.values() for figure in figures)

    def json(self) -> str:
        """Everything, for programs."""
        document = {
            "started_at": self.started_at,
            "machine": asdict(self.machine),
            "load_after": self.load_after,
            "passed": self.passed,
            "figures": [
                {"bench": bench, **_plain(figure)}
                for bench, figures in self.figures.items()
                for figure in figures
            ],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def table(self) -> Table:
        """The same for people."""
        machine = self.machine
        table = Table(
            title=f"{machine.cores} cores of {machine.processor}, {machine.memory_gib:g} GiB, "
            f"Python {machine.python}; load {machine.load:g} before the run"
        )
        for column in ("bench", "figure", "measured", "ceiling or peer of the same run", "ratio", "bar", ""):
            table.add_column(column, justify="right" if column in {"measured", "ratio"} else "left")
        for bench, figures in self.figures.items():
            for place, figure in enumerate(figures):
                table.add_row("" if place else bench, *_row(figure))
            table.add_section()
        return table


def _plain(figure: Figure) -> dict[str, Any]:
    bar = figure.bar
    return {
        "what": figure.what,
        "value": figure.value,
        "unit": figure.unit,
        "reference": asdict(figure.reference) if figure.reference else None,
        "ratio": figure.ratio,
        "bar": {"of": bar.of.value, "low": bar.low, "high": bar.high} if bar else None,
        "passed": figure.passed,
        "note": figure.note,
    }


def _row(figure: Figure) -> list[str]:
    reference = figure.reference
    verdict = {True: "[green]pass[/]", False: "[bold red]MISSED[/]", None: ""}[figure.passed]
    return [
        f"{figure.what}\n[dim]{figure.note}[/]" if figure.note else figure.what,
        f"{_number(figure.value)} {figure.unit}",
        f"{_number(reference.value)} {reference.what}" if reference else "",
        "" if figure.ratio is None else _number(figure.ratio),
        _bar(figure.bar),
        verdict,
    ]


def _bar(bar: Bar | None) -> str:
    if bar is None:
        return ""
    of = "ratio " if bar.of is Of.RATIO else ""
    if bar.low is not None and bar.high is not None:
        return f"{of}{bar.low:g} to {bar.high:g}"
    return f"{of}≥ {bar.low:g}" if bar.low is not None else f"{of}≤ {bar.high:g}"


_WHOLE_FROM = 1000


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.4g}"
