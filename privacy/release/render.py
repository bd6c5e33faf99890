"""From figures to release documents: the bytes that stand for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.model.dimension import Dimension
from privacy.model.documents import BreakdownFigures, Figure, ReleaseDocument
from privacy.model.engagement import Reason
from privacy.model.timestamp import MS_PER_MINUTE
from privacy.policy.schedule import Schedule
from privacy.release.figures import NO_STEP, Estimates, PublishedEstimates
from privacy.tally.series import SeriesState

CUT_RESOLUTION_MS = MS_PER_MINUTE
"""To the millisecond, the time of a cut would tell how much a worker had to do before it."""
REMOVAL_REASONS = tuple(reason.label for reason in Reason)


def render(
    states: Sequence[SeriesState], shown: PublishedEstimates, calibration: Calibration, cut_at_ms: int
) -> Iterator[ReleaseDocument]:
    """Make the document of each series; a withheld number is null and nothing else."""
    policy, schedule = calibration.policy, calibration.schedule
    layout = policy.layout
    # Most breakdowns of most targets are withheld whole: one document serves them all.
    withheld = {
        dimension.name: _breakdown(dimension, [None] * len(dimension.cells), None)
        for dimension in policy.domain.dimensions
    }
    places = tuple(zip(policy.domain.dimensions, layout.breakdowns, strict=True))
    rows = zip(
        states,
        _rows(shown.streams),
        _rows(shown.others),
        _rows(shown.changes),
        _any_shown(shown, layout.breakdowns),
        shown.since.tolist(),
        strict=True,
    )
    for state, streams, others, (change, *removal_changes), any_cell, since in rows:
        as_of_ms = schedule.due_ms(state.starts_at_ms, state.epoch)
        since_epoch, span_seconds = _since(state, since, schedule)
        yield ReleaseDocument(
            target_id=state.target_id,
            kind=calibration.kind.label,
            epoch=state.epoch,
            as_of_ms=as_of_ms,
            cut_at_ms=max(as_of_ms, cut_at_ms - cut_at_ms % CUT_RESOLUTION_MS),
            next_release_at_ms=schedule.next_due_ms(state.starts_at_ms, state.epoch),
            policy_version=policy.version,
            total=streams[layout.total],
            change=change,
            change_since_epoch=since_epoch,
            change_span_seconds=span_seconds,
            breakdowns={
                dimension.name: _breakdown(dimension, streams[place], other)
                if any_of_it
                else withheld[dimension.name]
                for (dimension, place), other, any_of_it in zip(places, others, any_cell, strict=True)
            }
            if any_cell
            else withheld,
            removals=dict(zip(REMOVAL_REASONS, streams[layout.removals], strict=True)),
            removal_changes={
                reason: figure
                for reason, figure in zip(REMOVAL_REASONS, removal_changes, strict=True)
                if figure
            },
        )


def _any_shown(shown: PublishedEstimates, breakdowns: Sequence[slice]) -> list[list[bool]]:
    """Of which breakdowns each series shows anything, by dimension; an empty list where of none."""
    found = shown.others.shown.copy()
    for column, place in enumerate(breakdowns):
        found[:, column] |= shown.streams.shown[:, place].any(axis=1)
    return [row if any(row) else [] for row in found.tolist()]


def _breakdown(
    dimension: Dimension, cells: Sequence[Figure | None], other: Figure | None
) -> BreakdownFigures:
    return BreakdownFigures(cells=dict(zip(dimension.cells, cells, strict=True)), other=other)


def _rows(figures: Estimates) -> Iterator[list[Figure | None]]:
    """The numbers of each series; most are withheld, so only the shown ones are visited."""
    width = figures.shown.shape[1]
    owners, places = np.nonzero(figures.shown)
    numbers = (figures.values, figures.low, figures.high)
    shown = list(zip(*(each[owners, places].tolist() for each in numbers), strict=True))
    columns = places.tolist()
    bounds = np.searchsorted(owners, np.arange(len(figures.shown) + 1)).tolist()
    nothing: list[Figure | None] = [None] * width
    for start, stop in pairwise(bounds):
        if start == stop:
            yield nothing
            continue
        row = nothing.copy()
        for place, figure in zip(columns[start:stop], shown[start:stop], strict=True):
            row[place] = figure
        yield row


def _since(state: SeriesState, since: int, schedule: Schedule) -> tuple[int | None, int | None]:
    """The epoch to which the change refers, and the span in seconds."""
    if since == NO_STEP:
        return None, None
    ages = schedule.due_ages_seconds
    if since < 0:
        return -1, ages[state.epoch]
    epoch = state.first_epoch + since
    return epoch, ages[state.epoch] - ages[epoch]
