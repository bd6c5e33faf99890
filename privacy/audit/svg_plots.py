"""Draws plots as inline SVG without scripts, fonts or external resources."""

from html import escape
from math import floor, log10
from typing import Final

from privacy.audit.report_model import Comparison, ComparisonPlot, HistogramPlot, Plot

WIDTH: Final = 760
LABELS: Final = 250
ROW: Final = 24
TOP: Final = 26
HEIGHT: Final = 220
TICKS: Final = 5
LINE: Final = "#9aa3af"
INK: Final = "#1c2430"
MARK: Final = "#2456a6"
PALE: Final = "#b9cdec"
LIMIT: Final = "#b3261e"


def svg(plot: Plot) -> str:
    """Draws a plot."""
    return _draw_comparisons(plot) if isinstance(plot, ComparisonPlot) else _draw_histogram(plot)


def _draw_comparisons(plot: ComparisonPlot) -> str:
    height = TOP + ROW * len(plot.rows) + 30
    largest = max((max(row.high, row.limit) for row in plot.rows), default=1.0) or 1.0
    step = _tick_step(largest)
    ticks = [step * index for index in range(floor(largest / step) + 1)]

    def at(value: float) -> float:
        return LABELS + (WIDTH - LABELS - 20) * max(0.0, value) / largest

    parts = [_text(LABELS, 14, f"● measured, with interval   ▍ {plot.limit_name}", INK)]
    for tick in ticks:
        parts.append(_line(at(tick), TOP, at(tick), height - 24, LINE, 0.5))
        parts.append(_text(at(tick), height - 8, f"{tick:g}", INK, "middle"))
    parts.append(_text(WIDTH - 4, height - 8, plot.unit, INK, "end"))
    for index, row in enumerate(plot.rows):
        middle = TOP + ROW * index + ROW / 2
        parts += [
            _text(LABELS - 8, middle + 4, row.label, INK, "end"),
            _line(at(row.low), middle, at(row.high), middle, MARK, 3),
            f'<circle cx="{at(row.value):.1f}" cy="{middle:.1f}" r="4" fill="{MARK}"/>',
            _line(at(row.limit), middle - 8, at(row.limit), middle + 8, LIMIT, 3),
        ]
    return _frame(plot.title, _describe(plot.rows, plot.limit_name), height, parts)


def _draw_histogram(plot: HistogramPlot) -> str:
    left, bottom = 56, HEIGHT - 34
    largest = max((*plot.observed, *plot.expected), default=1.0) or 1.0
    wide = (WIDTH - left - 10) / max(len(plot.values), 1)

    def up(share: float) -> float:
        return bottom - (bottom - TOP) * share / largest

    parts = [_text(left, 14, "▇ drawn   ― exact probability", INK)]
    for index, share in enumerate(plot.observed):
        corner = f'x="{left + wide * index:.1f}" y="{up(share):.1f}"'
        size = f'width="{max(wide - 1, 0.5):.1f}" height="{bottom - up(share):.1f}"'
        parts.append(f'<rect {corner} {size} fill="{PALE}"/>')
    points = " ".join(
        f"{left + wide * (index + 0.5):.1f},{up(share):.1f}" for index, share in enumerate(plot.expected)
    )
    parts.append(f'<polyline points="{points}" fill="none" stroke="{LIMIT}" stroke-width="1.5"/>')
    parts.append(_line(left, bottom, WIDTH - 10, bottom, INK, 1))
    for index in range(0, len(plot.values), max(1, len(plot.values) // TICKS)):
        middle = left + wide * (index + 0.5)
        parts.append(_text(middle, bottom + 16, f"{plot.values[index]:,.0f}", INK, "middle"))
    parts.append(_text(WIDTH - 10, HEIGHT - 4, plot.unit, INK, "end"))
    parts += [
        _text(left - 6, up(share) + 4, f"{share:.3f}", INK, "end") for share in (0, largest / 2, largest)
    ]
    return _frame(plot.title, f"{len(plot.values)} bins of drawn values with the exact curve", HEIGHT, parts)


def _tick_step(largest: float) -> float:
    """Returns a round distance between ticks."""
    rough = largest / TICKS
    power = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def _describe(rows: tuple[Comparison, ...], limit_name: str) -> str:
    return "; ".join(f"{row.label}: {row.value:.3g}, {limit_name} {row.limit:.3g}" for row in rows)


def _frame(title: str, description: str, height: float, parts: list[str]) -> str:
    label = escape(f"{title}. {description}", quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, fill: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{stroke}" stroke-width="{width}"/>'
