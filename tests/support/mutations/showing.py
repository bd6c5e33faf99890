"""Mistakes in the published numbers: gate, reconciliation, documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.gate import passes_gate
from privacy.release import engine, estimates, render
from privacy.release.estimates import Estimates, PublishedEstimates
from privacy.release.selection import HalfWidths
from tests.support.mutations.mutation import Mutation

if TYPE_CHECKING:
    import pytest

MANY = 1_000_000
_right_estimates = estimates.publishable_estimates
_right_gate = passes_gate
_right_rows = render.list_rows
_right_encode = engine._ENCODE


def _shown(alter: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters correct figures, with access to the exact counts."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        def altered(exact: NDArray[np.int64], *given: Any) -> PublishedEstimates:
            result: PublishedEstimates = alter(_right_estimates(exact, *given), exact, given[-1])
            return result

        patch.setattr(engine, "publishable_estimates", altered)

    return apply


def _exact_total(shown: PublishedEstimates, exact: NDArray[np.int64], _: Calibration) -> PublishedEstimates:
    values = shown.streams.values.copy()
    values[:, 0] = exact[:, 0]
    return replace(shown, streams=_around(shown.streams, values))


def _exact_other(
    shown: PublishedEstimates, exact: NDArray[np.int64], calibration: Calibration
) -> PublishedEstimates:
    values = shown.others.values.copy()
    for column, place in enumerate(calibration.policy.layout.breakdowns):
        published = np.where(shown.streams.shown[:, place], exact[:, place], 0).sum(axis=1)
        values[:, column] = exact[:, 0] - published
    return replace(shown, others=_around(shown.others, values))


def _exact_change(shown: PublishedEstimates, exact: NDArray[np.int64], _: Calibration) -> PublishedEstimates:
    changed = shown.changes.values.copy()
    changed[:, 0] = exact[:, 0]
    return replace(shown, changes=_around(shown.changes, changed))


def _ungated_other(shown: PublishedEstimates, exact: NDArray[np.int64], _: Calibration) -> PublishedEstimates:
    visible = np.broadcast_to(exact[:, :1] > 0, shown.others.shown.shape)
    return replace(shown, others=replace(shown.others, shown=visible))


def _narrow(shown: PublishedEstimates, _exact: NDArray[np.int64], _: Calibration) -> PublishedEstimates:
    streams = shown.streams
    return replace(shown, streams=replace(streams, low=streams.values, high=streams.values))


def _exact_smoothed(
    shown: PublishedEstimates, exact: NDArray[np.int64], _: Calibration
) -> PublishedEstimates:
    return replace(shown, smoothed=_around(shown.smoothed, exact[:, :1]))


def _narrow_smoothed(
    shown: PublishedEstimates, _exact: NDArray[np.int64], _: Calibration
) -> PublishedEstimates:
    smoothed = shown.smoothed
    return replace(shown, smoothed=replace(smoothed, low=smoothed.values, high=smoothed.values))


def _smoothed_of_all(
    shown: PublishedEstimates, _exact: NDArray[np.int64], _: Calibration
) -> PublishedEstimates:
    return replace(shown, smoothed=replace(shown.smoothed, shown=np.ones_like(shown.smoothed.shown)))


def _unselected(patch: pytest.MonkeyPatch) -> None:
    def symmetric(_estimates: Any, deviations: Any, _thresholds: Any) -> HalfWidths:
        return HalfWidths(1.96 * deviations, 1.96 * deviations)

    patch.setattr(estimates, "selected_half_widths", symmetric)


def _around(around: Estimates, values: NDArray[np.int64]) -> Estimates:
    moved = values - around.values
    return replace(around, values=values, low=np.maximum(around.low + moved, 0), high=around.high + moved)


def _gate(decide: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(estimates, "passes_gate", decide)


def _undisclosed(exact: NDArray[np.int64], estimates: Any, margins: Any, least: Any) -> Any:
    passed = _right_gate(exact, estimates, margins, least)
    if passed.ndim > 1 and passed.shape[1] > 9:
        passed[:, 8] = exact[:, 8] > 0
    return passed


def _total_once_shown(exact: NDArray[np.int64], estimates: Any, margins: Any, least: Any) -> Any:
    """Forgets the exact check of totals: they stay shown when they fall below k."""
    enough = np.full_like(exact[:, :1], MANY)
    return _right_gate(np.concatenate([enough, exact[:, 1:]], axis=1), estimates, margins, least)


def _zero_for_withheld(patch: pytest.MonkeyPatch) -> None:
    def rows(given: Estimates) -> Iterator[Any]:
        nothing = given.values == 0
        yield from _right_rows(replace(given, shown=given.shown | nothing))

    patch.setattr(render, "list_rows", rows)


def _floats(patch: pytest.MonkeyPatch) -> None:
    def encode(document: Any) -> bytes:
        if document.total is None:
            return _right_encode(document)
        total = str(list(document.total)).replace(" ", "").encode()
        return _right_encode(document).replace(total, total.replace(b",", b".0,", 1), 1)

    patch.setattr(engine, "_ENCODE", encode)


SHOWING = (
    Mutation(
        "an exact total published with noisy cells",
        _shown(_exact_total),
        "recalculation",
        in_quick_tests=True,
    ),
    Mutation("an exact `other`", _shown(_exact_other), "recalculation"),
    Mutation("an exact change", _shown(_exact_change), "recalculation"),
    Mutation("`other` slipping past the gate", _shown(_ungated_other), "recalculation"),
    Mutation("intervals that claim certainty", _shown(_narrow), "recalculation"),
    Mutation("intervals that forget the selection", _unselected, "recalculation", in_quick_tests=True),
    Mutation("an exact smoothed total", _shown(_exact_smoothed), "recalculation"),
    Mutation("smoothed totals that claim certainty", _shown(_narrow_smoothed), "recalculation"),
    Mutation("a smoothed total where the total is withheld", _shown(_smoothed_of_all), "recalculation"),
    Mutation(
        "gate on the exact count alone",
        _gate(lambda exact, _estimates, _margins, least: exact >= least),
        "gate",
        in_quick_tests=True,
    ),
    Mutation(
        "gate off by one",
        _gate(lambda exact, estimates, margins, least: (exact >= least - 1) & (estimates >= least + margins)),
        "gate",
        in_quick_tests=True,
    ),
    Mutation(
        "gate on the estimate alone",
        _gate(lambda _exact, estimates, margins, least: estimates >= least + margins),
        "gate",
    ),
    Mutation("a total that stays shown below k", _gate(_total_once_shown), "gate", in_quick_tests=True),
    Mutation(
        "gate without its margin",
        _gate(lambda exact, estimates, _margins, least: (exact >= least) & (estimates >= least)),
        "gate",
    ),
    Mutation(
        "`undisclosed` slipping past the gate", _gate(_undisclosed), "recalculation", in_quick_tests=True
    ),
    Mutation("zero shown where nothing is", _zero_for_withheld, "recalculation"),
    Mutation("a number that is not an integer", _floats, "recalculation"),
)
