"""A gain is derived from several noisy numbers; its interval contains the truth as often as stated.

Statistical bars are 5.3 standard errors or more: a false alarm has probability below 2e-7 a comparison.
"""

from math import sqrt

import numpy as np
import pytest

from api.public.change_spans import ChangeSpan, iterate_spans, span_since_start, sum_figures
from privacy.mechanism.accounting import calibrate
from privacy.model.documents import PointDocument, ReleaseDocument
from privacy.model.engagement import Kind, Reason
from privacy.policy.file import load_policy
from tests.support.profiles import entropy_of
from tests.support.simulation import LIKE, Simulation, log_of

POLICY = load_policy()
TARGETS = 1200
EPOCHS = 49
COMES, GOES = 4000, {Reason.UNLIKED: 900, Reason.INAUTHENTIC: 1200}


def point_of(release: ReleaseDocument) -> PointDocument:
    """Return a release's point in the time series."""
    return PointDocument(**{name: getattr(release, name) for name in PointDocument.__struct_fields__})


@pytest.fixture(scope="module")
def point_histories() -> list[list[PointDocument]]:
    """Releases of many targets to which the same happens: on the second day much comes and much goes."""
    simulation = Simulation.start(calibrate(POLICY, Kind.LIKE), TARGETS)
    entropy = entropy_of("change accuracy")
    goes: list[tuple[dict[str, str], int, int]] = [({}, int(reason), count) for reason, count in GOES.items()]
    happens = {
        0: log_of(POLICY, [({}, LIKE, COMES), *goes]),
        30: log_of(POLICY, [({}, LIKE, COMES), *goes]),
    }
    points: list[list[PointDocument]] = [[] for _ in range(TARGETS)]
    for epoch in range(EPOCHS):
        releases = simulation.release([happens.get(epoch, b"")] * TARGETS, entropy)
        simulation = simulation.after(releases)
        for life, release in zip(points, releases, strict=True):
            life.append(point_of(release.document))
    return points


def check(spans: list[ChangeSpan], truth: int) -> None:
    """Intervals hold what was gained with 95 % or a little more, since their ends are rounded outwards."""
    gained = [sum_figures([span.change or (0, 0, 0), *filter(None, span.lost.values())]) for span in spans]
    # Withheld by noise alone with probability 4.4e-5, so more than six of 4,000 with less than 1e-9.
    assert sum(span.gained is None for span in spans) <= 6
    assert {span.gained for span in spans} - {None} <= {*gained}
    values, low, high = np.array(gained).T
    deviation = float((high - low).mean()) / 2 / 1.96
    assert abs(float((values - truth).mean())) < 5.5 * deviation / sqrt(TARGETS)
    assert sqrt(float(((values - truth) ** 2).mean())) == pytest.approx(
        deviation, rel=5.5 / sqrt(2 * TARGETS) + 0.02
    )
    coverage = float(((low <= truth) & (truth <= high)).mean())
    assert 0.915 < coverage < 0.985


def test_the_gain_of_a_day(point_histories: list[list[PointDocument]]) -> None:
    """Of the day on which it happened; and nothing of the days on which nothing did."""
    by_day = list(
        zip(*(list(iterate_spans(history, EPOCHS - 1, 0)) for history in point_histories), strict=True)
    )
    happened = [any(span.since_epoch < 30 <= span.point.epoch for span in day) for day in by_day]
    assert happened.count(True) == 1
    for day, here in zip(by_day, happened, strict=True):
        if day[0].since_epoch >= 0:
            check(list(day), COMES if here else 0)


def test_the_gain_since_the_start(point_histories: list[list[PointDocument]]) -> None:
    """All of it."""
    check([span_since_start(history[-1], 0) for history in point_histories], 2 * COMES)
