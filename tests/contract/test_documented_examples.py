"""The examples in the API's description could be responses under the packaged policy."""

from math import ceil, floor
from statistics import NormalDist
from typing import Any, Final

import msgspec
import numpy as np
import pytest

from api.public.authenticity import SHARE_EXAMPLE, compute_share
from api.public.breakdowns import make_breakdown_operation
from api.public.change_spans import ChangeSpan
from api.public.changes import make_example
from api.public.explanation import explain
from api.public.kinds import FAVORITES, FOLLOWERS, LIKES, KindRoutes
from api.public.numbers import PUBLISHED_EXAMPLE
from api.public.timeseries import POINT_EXAMPLE
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.documents import Figure, PointDocument
from privacy.model.engagement import Kind
from privacy.model.timestamp import parse_timestamp_ms
from privacy.policy.file import load_policy

Z95: Final = NormalDist().inv_cdf(0.975)
EPOCH: Final = PUBLISHED_EXAMPLE["epoch"]


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """The mechanism of likes under the packaged policy."""
    return calibrate(load_policy(), Kind.LIKE)


def figure(number: Any) -> Figure | None:
    """Return value and interval of a number of an example; None for a withheld one."""
    return (number["value"], *number["ci95"]) if number["status"] == "published" else None


def fits(number: Any, deviation: float) -> bool:
    """Return whether an interval is that of an estimate of this deviation, which was rounded to the value."""
    half = Z95 * deviation
    return any(
        number["ci95"] == [floor(centre - half), ceil(centre + half)]
        for centre in number["value"] + np.linspace(-0.5, 0.5, 101)
    )


def change_factor(calibration: Calibration) -> float:
    """Return the deviation of a change over the day before the example's epoch, per unit of noise."""
    decoder = calibration.factorisation.decoder
    earlier = calibration.schedule.day_before(EPOCH)
    return float(np.linalg.norm(decoder[EPOCH] - decoder[earlier]))


def test_numbers_have_the_intervals_of_their_epoch(calibration: Calibration) -> None:
    """Totals, cells, removals and changes are as exact as they would be, and above their thresholds."""
    layout = calibration.policy.layout
    steps = np.array([EPOCH])
    deviations = calibration.deviations(steps)[0]
    thresholds = (calibration.min_counts + calibration.margins(steps))[0]
    breakdown = make_breakdown_operation(LIKES).responses[200].example
    changes = make_example(LIKES)
    cell, removal = layout.breakdowns[0].start, layout.removals.start
    for number, stream in (
        (PUBLISHED_EXAMPLE, layout.total),
        *((each["likes"], cell) for each in breakdown["cells"] if each["likes"]["value"] is not None),
        (changes["since_start"]["lost"]["inauthentic"], removal),
    ):
        assert number["value"] >= thresholds[stream]
        assert fits(number, deviations[stream])
    factor = change_factor(calibration)
    scales = calibration.stream_scales
    (day,) = changes["days"]
    for number in (POINT_EXAMPLE["change_per_day"], day["change"]):
        assert fits(number, factor * scales[layout.total])
    assert fits(day["lost"]["inauthentic"], factor * scales[removal])


def test_the_times_are_those_of_the_schedule(calibration: Calibration) -> None:
    """The example's epoch ends when it says; the next release is visible the public delay after its own."""
    start_ms = parse_timestamp_ms(make_example(LIKES)["since_start"]["from"])
    due_ms, next_due_ms = (calibration.schedule.due_ms(start_ms, epoch) for epoch in (EPOCH, EPOCH + 1))
    visible_ms = next_due_ms + 1000 * calibration.policy.public_delay_seconds
    assert parse_timestamp_ms(PUBLISHED_EXAMPLE["as_of"]) == due_ms
    assert parse_timestamp_ms(PUBLISHED_EXAMPLE["next_release_at"]) == visible_ms


@pytest.mark.parametrize("routes", [LIKES, FAVORITES, FOLLOWERS], ids=lambda routes: routes.noun)
def test_gains_and_sentences_are_computed_from_the_other_numbers(routes: KindRoutes) -> None:
    """They are what the code makes of changes and losses, for every kind."""
    changes = make_example(routes)
    spans = [_span(span) for span in (changes["since_start"], *changes["days"])]
    for span, example in zip(spans, (changes["since_start"], *changes["days"]), strict=True):
        assert span.gained == figure(example["gained"])
        assert span.netted_in_gained == example["netted_in_gained"]
    told = msgspec.json.encode(explain(routes, spans[0], spans[1:]))
    assert msgspec.json.decode(told) == changes["explanation"]


def test_the_share_is_computed_from_both_numbers() -> None:
    """Its interval is Fieller's."""
    removed, counted = figure(SHARE_EXAMPLE["removed"]), figure(SHARE_EXAMPLE["counted"])
    assert removed
    assert counted
    assert compute_share(removed, counted) == figure(SHARE_EXAMPLE["share_bps"])


def _span(example: Any) -> ChangeSpan:
    since_ms, to_ms = (parse_timestamp_ms(example[end]) for end in ("from", "to"))
    lost = {reason: figure(number) for reason, number in example["lost"].items()}
    point = PointDocument(EPOCH, to_ms, None, None, None, None, None, {}, {})
    return ChangeSpan(-1, since_ms, point, figure(example["change"]), lost)
