"""The guarantee as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Any

from rich.table import Table

from privacy.model.documents import GuaranteeDocument

if TYPE_CHECKING:
    from rich.console import RenderableType


def policy_tables(guarantee: GuaranteeDocument) -> Iterator[RenderableType]:
    """Everything that a policy declares and that follows from it."""
    yield _declared(guarantee)
    for kind, of_kind in guarantee["kinds"].items():
        yield _costs(kind, of_kind)
        yield _statistics(kind, of_kind["statistics"])
        schedule = guarantee["creator_schedule" if of_kind["target_type"] == "creator" else "schedule"]
        yield _epochs(kind, of_kind["statistics"], schedule["due_ages_seconds"])


def _declared(guarantee: GuaranteeDocument) -> Table:
    table = Table("declared", "", title=f"Policy {guarantee['version']}", title_justify="left")
    contribution = guarantee["contribution"]
    rows = {
        "SHA-256 of the file": guarantee["policy_sha256"],
        "unit": f"{guarantee['unit']['neighbours']}: {guarantee['unit']['engagement']}",
        "k": f"{guarantee['anonymity']['k']}, with certainty",
        "flip cap w": str(contribution["flip_cap"]),
        "daily cap M": str(contribution["daily_cap"]),
        "schedule of videos": _phases(guarantee["schedule"]),
        "schedule of creators": _phases(guarantee["creator_schedule"]),
        "dropped at the door": ", ".join(guarantee["children"]["dropped_age_bands"]) or "nothing",
        "earliest event": guarantee["intake"]["earliest_occurred_at"],
        "integrity": _values(guarantee["integrity"]),
        "retention": _values(guarantee["retention"]),
        **{f"cells of {name}": ", ".join(cells) for name, cells in guarantee["dimensions"].items()},
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _phases(schedule: Mapping[str, Any]) -> str:
    phases = (
        f"every {_span(phase['every_seconds'])} to {_span(phase['until_seconds'])}"
        for phase in schedule["phases"]
    )
    return f"{schedule['epochs']} epochs: {'; '.join(phases)}"


def _values(declared: Mapping[str, int]) -> str:
    return "; ".join(f"{name} {value}" for name, value in declared.items())


def _costs(kind: str, of_kind: Mapping[str, Any]) -> Table:
    deltas = [point["delta"] for point in of_kind["epsilon"]]
    table = Table(
        f"{kind}s of one account on one day",
        "rho",
        *(f"epsilon at delta {delta:g}" for delta in deltas),
        title=f"What it costs ({of_kind['reserve_rho']:g} of rho is in reserve)",
        title_justify="left",
    )
    for row in of_kind["account_day"]:
        table.add_row(
            str(row["engagements"]),
            f"{row['rho']:g}",
            *(_epsilon(point["epsilon"]) for point in row["epsilon"]),
        )
    return table


def _statistics(kind: str, statistics: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        *("statistic", "rho", "noise scale", "sensitivity²", "sd, first to last", "threshold, first to last"),
        title=f"Statistics of {kind}s (noise scale and sensitivity in the encoder's units)",
        title_justify="left",
    )
    for statistic in statistics:
        deviations, thresholds = statistic["sd_by_epoch"], statistic["threshold_by_epoch"]
        table.add_row(
            statistic["name"],
            f"{statistic['rho']:g}",
            str(statistic["noise_scale"]),
            str(statistic["sensitivity_squared"]),
            f"{deviations[0]:.1f} – {deviations[-1]:.1f}",
            f"{thresholds[0]} – {thresholds[-1]}",
        )
    return table


def _epochs(kind: str, statistics: Sequence[Mapping[str, Any]], ages_seconds: Sequence[int]) -> Table:
    """Standard deviation and threshold of every epoch; statistics with the same numbers share a column."""

    def numbers(statistic: Mapping[str, Any]) -> tuple[list[float], list[int]]:
        return statistic["sd_by_epoch"], statistic["threshold_by_epoch"]

    columns = [
        (", ".join(statistic["name"] for statistic in group), *key)
        for key, group in (
            (key, list(group)) for key, group in groupby(sorted(statistics, key=numbers), numbers)
        )
    ]
    table = Table(
        *("epoch", "age"),
        *(name for name, _, _ in columns),
        title=f"Epochs of {kind}s: sd of a number, and from where on it is shown",
        title_justify="left",
    )
    for epoch, age_seconds in enumerate(ages_seconds):
        cells = (f"{deviations[epoch]:.1f}, {thresholds[epoch]}" for _, deviations, thresholds in columns)
        table.add_row(str(epoch), _span(age_seconds), *cells)
    return table


def _span(seconds: int) -> str:
    """As in `2 days, 6:00:00`."""
    return str(timedelta(seconds=seconds)).removesuffix(", 0:00:00")


def _epsilon(epsilon: float | None) -> str:
    return "none: the gate uses delta up" if epsilon is None else f"{ceil(100 * epsilon) / 100:.2f}"
