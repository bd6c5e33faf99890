"""Renders publishable estimates as release documents."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.model.documents import BreakdownFigures, Figure, ReleaseDocument
from privacy.model.engagement import Reason
from privacy.policy.schedule import Schedule
from privacy.release.estimates import NO_STEP, Estimates, PublishedEstimates
from privacy.tally.series import SeriesState

REMOVAL_REASONS = tuple(reason.label for reason in Reason)


def render(
    states: Sequence[SeriesState], estimates: PublishedEstimates, calibration: Calibration
) -> Iterator[ReleaseDocument]:
    """Render the document of each series; a withheld number is null, whatever the reason."""
    policy, schedule = calibration.policy, calibration.schedule
    layout = policy.layout
    # Most cells of most targets are withheld: one dictionary serves them all.
    withheld = [dict[str, Figure | None].fromkeys(dimension.cells) for dimension in policy.series_dimensions]
    breakdowns = tuple(zip(policy.series_dimensions, layout.breakdowns, withheld, strict=True))
    # A row has the streams first, in the policy's layout, so that this finds them.
    numbers = estimates.streams.beside(estimates.others, estimates.changes, estimates.smoothed)
    others_at = layout.count
    changes_at = others_at + len(breakdowns)
    for state, row, since_step in zip(states, list_rows(numbers), estimates.since_step.tolist(), strict=True):
        change, *removal_changes, smoothed = row[changes_at:]
        next_due_ms = schedule.next_due_ms(state.starts_at_ms, state.epoch)
        since_epoch, span_seconds = _locate_change(state, since_step, schedule)
        yield ReleaseDocument(
            target_id=state.target_id,
            kind=calibration.kind.label,
            epoch=state.epoch,
            as_of_ms=schedule.due_ms(state.starts_at_ms, state.epoch),
            next_release_at_ms=None if next_due_ms is None else next_due_ms + policy.public_delay_ms,
            policy_version=policy.version,
            total=row[layout.total],
            change=change,
            change_since_epoch=since_epoch,
            change_span_seconds=span_seconds,
            breakdowns={
                dimension.name: BreakdownFigures(
                    dict(zip(dimension.cells, shown, strict=True)) if any(shown := row[cells]) else nothing,
                    other,
                )
                for (dimension, cells, nothing), other in zip(
                    breakdowns, row[others_at:changes_at], strict=True
                )
            },
            removals=dict(zip(REMOVAL_REASONS, row[layout.removals], strict=True)),
            removal_changes={
                reason: figure
                for reason, figure in zip(REMOVAL_REASONS, removal_changes, strict=True)
                if figure
            },
            # The model is one of counts that are measured from the start of the schedule on.
            smoothed=smoothed if state.first_epoch == 0 else None,
        )


def list_rows(estimates: Estimates) -> Iterator[list[Figure | None]]:
    """Yield the numbers of each series. Most are withheld, so only the shown ones are visited."""
    width = estimates.shown.shape[1]
    series_index, column_index = np.nonzero(estimates.shown)
    numbers = (estimates.values, estimates.low, estimates.high)
    shown = list(zip(*(each[series_index, column_index].tolist() for each in numbers), strict=True))
    columns = column_index.tolist()
    bounds = np.searchsorted(series_index, np.arange(len(estimates.shown) + 1)).tolist()
    nothing: list[Figure | None] = [None] * width
    for start, stop in pairwise(bounds):
        if start == stop:
            yield nothing
            continue
        row = nothing.copy()
        for column, figure in zip(columns[start:stop], shown[start:stop], strict=True):
            row[column] = figure
        yield row


def _locate_change(state: SeriesState, since_step: int, schedule: Schedule) -> tuple[int | None, int | None]:
    """Return the epoch that the change refers to, and the span in seconds; None for no change."""
    if since_step == NO_STEP:
        return None, None
    ages = schedule.due_ages_seconds
    if since_step < 0:
        return -1, ages[state.epoch]
    epoch = state.first_epoch + since_step
    return epoch, ages[state.epoch] - ages[epoch]
