"""Neighbouring worlds share their releases while they are alike, and are worlds of their own from then on."""

from __future__ import annotations

import os
from functools import cache

import numpy as np

from privacy.audit.independent_accounting import Recomputed
from privacy.audit.neighbours import NeighbouringDatasets, neighbourhood, observed
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy

RELEASES = 20


@cache
def mechanism() -> tuple[Calibration, Recomputed, NeighbouringDatasets]:
    """The packaged policy's, for likes."""
    policy = load_policy()
    calibration = calibrate(policy, Kind.LIKE)
    own = Recomputed(policy, Kind.LIKE, calibration.factorisation.coefficients)
    noise = tuple(int(calibration.stream_scales[place.start]) for place in own.streams)
    return calibration, own, neighbourhood(own, noise)


def test_every_world_is_in_one_family() -> None:
    """None is left out, none is released twice, and those of a family begin alike."""
    around = mechanism()[2]
    assert sorted(place for family in around.families for place in family) == list(range(len(around.worlds)))
    for family in around.families:
        worlds = [around.worlds[place] for place in family]
        assert len({(world.logs[0], world.first_epoch) for world in worlds}) == 1
    assert max(map(len, around.families)) > 1


def test_worlds_share_what_is_alike_and_draw_anew_where_they_part() -> None:
    """Each has its own length of life; only the epochs before they part hold the same numbers."""
    calibration, own, around = mechanism()
    for family in around.families:
        worlds = [around.worlds[place] for place in family]
        seen = observed(calibration, own, worlds, RELEASES, os.urandom)
        epochs = [len(world.logs) for world in worlds]
        assert [array.shape[0] for array in seen] == [RELEASES] * len(worlds)
        numbers = seen[0].shape[1] // epochs[0]
        assert [array.shape[1] for array in seen] == [numbers * count for count in epochs]
        for world, array in zip(worlds[1:], seen[1:], strict=True):
            both = zip(world.logs, worlds[0].logs, strict=True)
            parted = numbers * next(epoch for epoch, (one, other) in enumerate(both) if one != other)
            assert np.array_equal(array[:, :parted], seen[0][:, :parted], equal_nan=True)
            # Totals of 400 and more are shown with noise of a deviation above 10: that all 20 are equal by
            # chance has a probability below 1e-20.
            assert not np.array_equal(array[:, parted], seen[0][:, parted])
