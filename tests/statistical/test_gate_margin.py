"""At n = k exactly, the margin lets a number through no more often than it is designed to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import pytest
from scipy import stats

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from tests.support.profiles import entropy_of
from tests.support.simulation import LIKE, UNLIKED, Simulation, log_of

POLICY = load_policy()
K = POLICY.k
REGIONS = next(d for d in POLICY.domain.dimensions if d.name == "region").values[:20]
BATCH = 500
LOW_Z = 2.0
LOW_RATE = 1 - NormalDist().cdf(LOW_Z)
FALSE_ALARM = 1e-9
"""Of each comparison of a count with its binomial distribution."""


@dataclass(frozen=True)
class _LowMargin(Calibration):
    """The default mechanism with so small a z that its design rate can be seen: about 1 in 44."""

    @property
    def z(self) -> float:
        """Return a constant instead of what follows from the policy."""
        return LOW_Z


@cache
def _mechanisms() -> tuple[Calibration, Calibration]:
    real = calibrate(POLICY, Kind.LIKE)
    return real, _LowMargin(real.policy, real.kind, real.factorisation, real.statistics)


REAL, LOW = _mechanisms()


def documents(mechanism: Calibration, epoch: int, log: bytes, releases: int) -> Iterator[ReleaseDocument]:
    """Return the first releases of the given number of targets, each with this log, at some epoch."""
    simulation = Simulation.start(mechanism, BATCH, epoch)
    entropy = entropy_of(f"gate margin {epoch} {log.hex()}")
    for _ in range(0, releases, BATCH):
        yield from simulation.documents([log] * BATCH, entropy)


def totals_at_k(mechanism: Calibration, epoch: int, releases: int) -> tuple[int, int]:
    """Return how many totals at n = k are shown, of how many."""
    log = log_of(POLICY, [({}, LIKE, K)])
    shown = [document.total is not None for document in documents(mechanism, epoch, log, releases)]
    return sum(shown), len(shown)


def cells_at_k(mechanism: Calibration, epoch: int, releases: int) -> tuple[int, int]:
    """Return how many cells at n = k are shown with a large total, and their number: twenty per release."""
    log = log_of(POLICY, [({}, LIKE, 2000), *(({"region": region}, LIKE, K) for region in REGIONS)])
    shown = [
        document.breakdowns["region"].cells[region] is not None
        for document in documents(mechanism, epoch, log, releases // 5)
        for region in REGIONS
    ]
    return sum(shown), len(shown)


def removals_at_the_brink(mechanism: Calibration, epoch: int, releases: int) -> tuple[int, int]:
    """The same for removals: one short of enough, and as many more as one engagement can make."""
    of_one = POLICY.flip_cap // 2
    brink = K * of_one - 1 + of_one
    log = log_of(POLICY, [({}, LIKE, 2000), ({}, UNLIKED, brink)])
    shown = [
        document.removals["unliked"] is not None for document in documents(mechanism, epoch, log, releases)
    ]
    return sum(shown), len(shown)


Scene = Callable[[Calibration, int, int], tuple[int, int]]
SCENES: list[Scene] = [totals_at_k, cells_at_k, removals_at_the_brink]


def check_rate(shown: int, trials: int) -> None:
    """At most the design rate, and no less than it by 3 %: the margin is neither too small nor too large."""
    assert shown <= stats.binom.isf(FALSE_ALARM, trials, LOW_RATE)
    assert shown >= stats.binom.ppf(FALSE_ALARM, trials, 0.97 * LOW_RATE)


@pytest.mark.parametrize("epoch", [0, 40])
@pytest.mark.parametrize("scene", SCENES)
def test_margin_keeps_its_design_rate(scene: Scene, epoch: int) -> None:
    """With z lowered to 2, numbers at n = k are shown at the rate 1 - Φ(2) or just below it.

    False alarm: 2e-9 a case.
    """
    check_rate(*scene(LOW, epoch, 2000))


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_at_k_is_shown(scene: Scene) -> None:
    """With the policy's own z nothing is shown at n = k. False alarm: below 2e-15 a number."""
    assert scene(REAL, 0, 1000)[0] == 0


@pytest.mark.nightly(part="gate")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("epoch", [0, 40, 86])
@pytest.mark.parametrize("scene", SCENES)
def test_margin_keeps_its_design_rate_in_a_hundred_thousand(scene: Scene, epoch: int) -> None:
    """The same rate over 100,000 releases, which a z too small by 0.1 would break."""
    check_rate(*scene(LOW, epoch, 100_000))


@pytest.mark.nightly(part="gate")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("epoch", [0, 86])
@pytest.mark.parametrize("scene", SCENES)
def test_nothing_at_k_is_shown_in_a_hundred_thousand(scene: Scene, epoch: int) -> None:
    """With the policy's own z nothing is shown at n = k in 100,000 releases. False alarm: below 4e-9."""
    assert scene(REAL, epoch, 100_000)[0] == 0
