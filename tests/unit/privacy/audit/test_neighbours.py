"""Neighbouring worlds share their releases while they are alike, and are worlds of their own from then on."""

import os
from functools import cache

import numpy as np

from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.neighbours import NeighbouringDatasets, neighbouring_datasets, observe
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy

RELEASES = 20


@cache
def mechanism() -> tuple[Calibration, IndependentAccounting, NeighbouringDatasets]:
    """The packaged policy's, for likes."""
    policy = load_policy()
    calibration = calibrate(policy, Kind.LIKE)
    reference = IndependentAccounting(policy, Kind.LIKE, calibration.factorisation.coefficients)
    noise = tuple(int(calibration.stream_scales[index.start]) for index in reference.streams)
    return calibration, reference, neighbouring_datasets(reference, noise)


def test_every_world_is_in_one_family() -> None:
    """None is left out, none is released twice, and those of a family begin alike."""
    neighbours = mechanism()[2]
    assert sorted(index for family in neighbours.families for index in family) == list(
        range(len(neighbours.datasets))
    )
    for family in neighbours.families:
        datasets = [neighbours.datasets[index] for index in family]
        assert len({(dataset.logs[0], dataset.first_epoch) for dataset in datasets}) == 1
    assert max(map(len, neighbours.families)) > 1


def test_worlds_share_what_is_alike_and_draw_anew_where_they_part() -> None:
    """Each has its own length of life; only the epochs before they part hold the same numbers."""
    calibration, reference, neighbours = mechanism()
    for family in neighbours.families:
        datasets = [neighbours.datasets[index] for index in family]
        seen = observe(calibration, reference, datasets, RELEASES, os.urandom)
        epochs = [len(dataset.logs) for dataset in datasets]
        assert [array.shape[0] for array in seen] == [RELEASES] * len(datasets)
        numbers = seen[0].shape[1] // epochs[0]
        assert [array.shape[1] for array in seen] == [numbers * count for count in epochs]
        for dataset, array in zip(datasets[1:], seen[1:], strict=True):
            both = zip(dataset.logs, datasets[0].logs, strict=True)
            parted = numbers * next(epoch for epoch, (one, other) in enumerate(both) if one != other)
            assert np.array_equal(array[:, :parted], seen[0][:, :parted], equal_nan=True)
            # Totals of 400 and more are shown with noise of a deviation above 10: that all 20 are equal by
            # chance has a probability below 1e-20.
            assert not np.array_equal(array[:, parted], seen[0][:, parted])
