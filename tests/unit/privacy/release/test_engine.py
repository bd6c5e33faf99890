"""Release documents: times, spans, changes, and the shape of withheld numbers."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.mechanism.accounting import calibrate
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.model.documents import PointDocument, ReleaseDocument
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_HOUR, SECONDS_PER_DAY
from privacy.policy.file import load_policy
from privacy.release.engine import make_releases
from privacy.release.estimates import Estimates
from privacy.release.selection import HalfWidths
from privacy.tally.series import DueSeries, SeriesState
from tests.support.profiles import entropy_of
from tests.support.release_world import calibration
from tests.support.simulation import LIKE, UNLIKED, Simulation, log_of

DEFAULT = calibrate(load_policy(), Kind.LIKE)
SMALL = calibration()


@pytest.fixture
def _no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def zero(_: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        return np.zeros(count, np.int64)

    monkeypatch.setattr(DiscreteGaussian, "noise", zero)


def life(likes: dict[int, int], epochs: int) -> list[ReleaseDocument]:
    """Every document of one target of the default policy.

    Args:
        likes: how many arrive, or leave if negative, in which epoch.
        epochs: how many are released.
    """
    documents, simulation = [], Simulation.start(DEFAULT, 1)
    entropy = entropy_of("documents")
    for epoch in range(epochs):
        count = likes.get(epoch, 0)
        log = log_of(DEFAULT.policy, [({}, LIKE if count > 0 else UNLIKED, abs(count))])
        releases = simulation.release([log], entropy)
        documents.append(releases[0].document)
        simulation = simulation.after(releases)
    return documents


@pytest.mark.usefixtures("_no_noise")
def test_the_change_of_the_total_over_a_day() -> None:
    """From 24 h on: since the posting, then since the latest epoch at least a day before."""
    documents = life({0: 300, 6: 100, 23: 50, 24: -200}, 26)
    changes = [(d.change and d.change[0], d.change_since_epoch, d.change_span_seconds) for d in documents]
    assert changes[:23] == [(None, None, None)] * 23
    assert changes[23] == (450, -1, SECONDS_PER_DAY)
    assert changes[24] == (250 - 300, 5, SECONDS_PER_DAY)
    assert changes[25] == (250 - 400, 11, SECONDS_PER_DAY)


@pytest.mark.usefixtures("_no_noise")
def test_a_change_is_shown_where_the_total_is_shown_now() -> None:
    """A total that passes the gate has passed with all its measurements: the earlier one need not have."""
    documents = life({0: 30, 10: 300}, 26)
    assert documents[5].total is None
    assert (documents[24].change and documents[24].change[0], documents[24].change_since_epoch) == (300, 5)


@pytest.mark.usefixtures("_no_noise")
def test_the_changes_of_removals_are_over_the_same_span() -> None:
    """Of each reason whose number is shown now, and of no other."""
    documents = life({0: 3000, 2: -800, 23: -50, 24: -20}, 26)
    changes = [{reason: figure[0] for reason, figure in d.removal_changes.items()} for d in documents]
    assert changes[22:] == [{}, {"unliked": 850}, {"unliked": 70}, {"unliked": 70}]
    assert life({0: 900, 2: -30}, 24)[23].removal_changes == {}


@pytest.mark.usefixtures("_no_noise")
def test_no_change_where_the_total_is_withheld() -> None:
    """A fall below the threshold is not revealed by a number."""
    documents = life({0: 400, 24: -390}, 25)
    assert documents[23].total is not None
    assert (documents[24].total, documents[24].change) == (None, None)


def test_times_follow_the_schedule() -> None:
    """`as_of` is the end of the epoch; the next release is announced for when it becomes visible."""
    for epoch, next_release_at_ms in ((2, 1000 + 4 * MS_PER_HOUR + SMALL.policy.public_delay_ms), (3, None)):
        state = SeriesState(4, "v", 1000, "small", 1, epoch)
        (release,) = make_releases([DueSeries(state, b"", b"", b"")], SMALL, entropy_of("times"))
        assert release.document.as_of_ms == 1000 + (epoch + 1) * MS_PER_HOUR
        assert release.document.next_release_at_ms == next_release_at_ms


def test_withheld_and_never_liked_look_the_same() -> None:
    """Zero likes, one like, k - 1 likes and a like taken back make documents that differ in nothing."""
    logs = [
        log_of(SMALL.policy, [({}, LIKE, likes), ({}, UNLIKED, unlikes)])
        for likes, unlikes in ((0, 0), (1, 0), (SMALL.policy.k - 1, 0), (2, 2))
    ]
    documents = Simulation.start(SMALL, 4).documents(logs, entropy_of("four"))
    texts = {msgspec.json.encode(msgspec.structs.replace(document, target_id="")) for document in documents}
    assert len(texts) == 1
    shown = msgspec.to_builtins(documents[0])
    assert shown["total"] is None
    assert shown["breakdowns"]["gender"] == {
        "cells": {"female": None, "male": None, "undisclosed": None},
        "other": None,
    }
    assert shown["removals"] == dict.fromkeys(("unliked", "inauthentic", "account", "policy", "correction"))


def test_intervals_are_rounded_outwards() -> None:
    """Ends are integers that include the interval; none is below what is certain, nor above its value."""
    one = np.array([[True]])
    widths = HalfWidths(np.array([[4.0]]), np.array([[4.2]]))
    figures = Estimates.from_centres(np.array([[3]]), np.array([[3.2]]), widths, one)
    assert (figures.low[0, 0], figures.high[0, 0]) == (-1, 8)
    for least, low in ((0, 0), (2, 2), (5, 3)):
        clamped = figures.clamp(least)
        assert (clamped.values[0, 0], clamped.low[0, 0], clamped.high[0, 0]) == (3, low, 8)


def test_a_total_is_smoothed_where_it_is_shown_from_the_start_of_the_schedule_on() -> None:
    """A series that began later has totals, but no smoothed ones; a withheld total has none either."""
    logs = [log_of(SMALL.policy, [({}, LIKE, likes)]) for likes in (500, 500, 1)]
    states = [
        SeriesState(4 * number, "v", 0, "small", first, 1) for number, first in ((0, 0), (1, 1), (2, 0))
    ]
    batch = [DueSeries(state, log, b"", b"") for state, log in zip(states, logs, strict=True)]
    documents = [release.document for release in make_releases(batch, SMALL, entropy_of("smoothed"))]
    assert [document.total is not None for document in documents] == [True, True, False]
    assert [document.smoothed is not None for document in documents] == [True, False, False]
    assert documents[0].smoothed is not None
    assert documents[0].smoothed[1] <= documents[0].smoothed[0] <= documents[0].smoothed[2]


def test_a_document_without_a_smoothed_total_has_the_bytes_that_it_always_had() -> None:
    """What was published before there were smoothed totals can be published again, byte for byte."""
    (document,) = Simulation.start(SMALL, 1).documents([b""], entropy_of("bytes"))
    assert b"smoothed" not in msgspec.json.encode(document)
    assert b"smoothed" not in msgspec.json.encode(PointDocument.from_release(document))


@pytest.mark.parametrize("likes", [2**20, 3 * 2**20])
@pytest.mark.usefixtures("_no_noise")
def test_millions_of_likes_are_exact(likes: int) -> None:
    """Large counts lose nothing in 64-bit integers, nor in the doubles of the estimate."""
    (document,) = life({0: likes}, 1)
    assert document.total is not None
    assert document.total[0] == likes
