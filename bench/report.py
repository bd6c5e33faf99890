"""Formats the results as a table or as JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from bench.figure import Bar, Figure, Measure
from bench.machine import Machine


@dataclass(frozen=True)
class Report:
    """One run.

    Args:
        started_at: ISO 8601, UTC.
        machine: before the run.
        load_after: load average of the last minute at the end, including the run's own load.
        figures: by benchmark.
    """

    started_at: str
    machine: Machine
    load_after: float
    figures: dict[str, list[Figure]]

    @property
    def passed(self) -> bool:
        """True if no bar was missed."""
        return all(figure.passed is not False for figures in self.figures.values() for figure in figures)

    def json(self) -> str:
        """Returns everything as JSON."""
        document = {
            "started_at": self.started_at,
            "machine": asdict(self.machine),
            "load_after": self.load_after,
            "passed": self.passed,
            "figures": [
                {"bench": bench, **_to_json(figure)}
                for bench, figures in self.figures.items()
                for figure in figures
            ],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def table(self) -> Table:
        """Returns the results as a table."""
        machine = self.machine
        table = Table(
            title=f"{machine.cores} cores of {machine.processor}, {machine.memory_gib:g} GiB, "
            f"Python {machine.python}; load {machine.load:g} before the run"
        )
        for column in ("bench", "figure", "measured", "ceiling or peer of the same run", "ratio", "bar", ""):
            table.add_column(column, justify="right" if column in {"measured", "ratio"} else "left")
        for bench, figures in self.figures.items():
            for index, figure in enumerate(figures):
                table.add_row("" if index else bench, *_format_row(figure))
            table.add_section()
        return table


def _to_json(figure: Figure) -> dict[str, Any]:
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


def _format_row(figure: Figure) -> list[str]:
    reference = figure.reference
    verdict = {True: "[green]pass[/]", False: "[bold red]MISSED[/]", None: ""}[figure.passed]
    return [
        f"{figure.what}\n[dim]{figure.note}[/]" if figure.note else figure.what,
        f"{_format_number(figure.value)} {figure.unit}",
        f"{_format_number(reference.value)} {reference.what}" if reference else "",
        "" if figure.ratio is None else _format_number(figure.ratio),
        _format_bar(figure.bar),
        verdict,
    ]


def _format_bar(bar: Bar | None) -> str:
    if bar is None:
        return ""
    of = "ratio " if bar.of is Measure.RATIO else ""
    if bar.low is not None and bar.high is not None:
        return f"{of}{bar.low:g} to {bar.high:g}"
    return f"{of}≥ {bar.low:g}" if bar.low is not None else f"{of}≤ {bar.high:g}"


_WHOLE_FROM = 1000


def _format_number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.4g}"
