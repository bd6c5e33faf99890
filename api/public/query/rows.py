"""Rows of an answer: numbers of one target, or sums over several, by what they are divided by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from api.public.numbers import BELOW_THRESHOLD, NOT_YET_RELEASED, Number
from api.public.query.sums import sum_independent
from privacy.model.documents import Figure
from privacy.model.timestamp import format_timestamp


class RowKey(NamedTuple):
    """What a row is about; None for what it is not divided by.

    Args:
        group: the target, or the creator of videos.
        epoch: number of the release in the schedule.
        begin_ms, end_ms: the span of time.
        period: length of an audience's period.
        cell: of a breakdown; empty for what is left of the total.
    """

    group: str | None = None
    epoch: int | None = None
    begin_ms: int | None = None
    end_ms: int | None = None
    period: str | None = None
    cell: str | None = None


class Reading(NamedTuple):
    """A number of one target.

    Args:
        figure: value and interval; None if it is withheld.
        reason: why it is withheld.
        epoch: of the release; None before the first one.
        as_of_ms: its time.
        next_ms: when the next one is visible.
        overdue: whether that should be there by now.
    """

    figure: Figure | None
    reason: str = BELOW_THRESHOLD
    epoch: int | None = None
    as_of_ms: int | None = None
    next_ms: int | None = None
    overdue: bool = False

    @property
    def is_released(self) -> bool:
        """Whether there is a release."""
        return self.epoch is not None


class Sum(Number, frozen=True):
    """A number of a row, and what it covers.

    Args:
        covered: how many targets are in it.
        released: how many have a release.
    """

    covered: int
    released: int


Readings = Mapping[RowKey, Mapping[str, Sequence[Reading]]]
"""The numbers of single targets by row and metric."""


class Collector:
    """Collects numbers of targets by row and metric; rows stay in the order in which they came first."""

    def __init__(self) -> None:
        self.rows: dict[RowKey, dict[str, list[Reading]]] = {}

    def add(self, key: RowKey, metric: str, reading: Reading) -> None:
        """Add a number."""
        self.rows.setdefault(key, {}).setdefault(metric, []).append(reading)


def make_sum(readings: Sequence[Reading]) -> Sum:
    """Return the number of a row: that of its target as it is, or the sum of what is published."""
    if len(readings) == 1:
        (only,) = readings
        return _make(only.figure, only.reason, only, int(only.figure is not None), int(only.is_released))
    released = [reading for reading in readings if reading.is_released]
    shown = [reading.figure for reading in released if reading.figure is not None]
    reason = (released or readings)[0].reason if readings else NOT_YET_RELEASED
    figure = sum_independent(shown) if shown else None
    return _make(figure, reason, _summarise(readings), len(shown), len(released))


def _make(figure: Figure | None, reason: str, times: Reading, covered: int, released: int) -> Sum:
    value, low, high = figure or (None, 0, 0)
    return Sum(
        value=value,
        ci95=None if figure is None else (low, high),
        status="withheld" if figure is None else "published",
        reason=reason if figure is None else None,
        epoch=times.epoch,
        as_of=_format(times.as_of_ms),
        next_release_at=_format(times.next_ms),
        overdue=times.overdue,
        covered=covered,
        released=released,
    )


def _summarise(every: Sequence[Reading]) -> Reading:
    """Return what is true of several numbers: the epoch and time that they share, and the next release."""
    epochs = {reading.epoch for reading in every}
    moments = {reading.as_of_ms for reading in every}
    following = [reading.next_ms for reading in every if reading.next_ms is not None]
    return Reading(
        None,
        epoch=epochs.pop() if len(epochs) == 1 else None,
        as_of_ms=moments.pop() if len(moments) == 1 else None,
        next_ms=min(following, default=None),
        overdue=any(reading.overdue for reading in every),
    )


def build_row(key: RowKey, group_name: str | None, numbers: Mapping[str, Sum]) -> dict[str, Any]:
    """Return a row as it is sent: what it is about, and its numbers."""
    row: dict[str, Any] = {}
    if group_name is not None:
        row[group_name] = key.group
    if key.epoch is not None:
        row["epoch"] = key.epoch
    if key.end_ms is not None:
        row |= {"from": _format(key.begin_ms), "to": _format(key.end_ms)}
    if key.period is not None:
        row["period"] = key.period
    if key.cell is not None:
        row["cell"] = key.cell or None
    row["metrics"] = numbers
    return row


@lru_cache(maxsize=4_096)  # many targets have their times in common
def _format(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else format_timestamp(moment_ms)
