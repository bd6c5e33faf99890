"""A count below k is never shown, whatever the noise and margin, for every n < k and every kind of stream.

Nothing here can raise a false alarm: the tested properties hold with certainty. `other` is left out where
numbers are shown: it is not a count of its own but their difference, which any reader could compute.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind, Reason
from privacy.policy.file import load_policy
from tests.support.profiles import entropy_of
from tests.support.simulation import LIKE, UNLIKED, Simulation, log_of

CellChange = tuple[dict[str, str], int, int]
"""A joint cell, a change, and how often it happens."""
BATCH = 500
"""Targets that are released together."""
ALIKE = 2
"""Releases of targets that all get the same noise: one would do, and `check_totals` divides them by two."""
POLICY = load_policy()
K = POLICY.k
REGIONS = next(d for d in POLICY.domain.dimensions if d.name == "region").values


@dataclass(frozen=True)
class _OpenMargin(Calibration):
    """A mechanism whose margin lets everything through: only the exact check is left."""

    def margins(self, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return what no estimate is below."""
        return np.full_like(super().margins(steps), -np.inf)


@cache
def _mechanisms() -> dict[str, Calibration]:
    real = calibrate(POLICY, Kind.LIKE)
    return {"real": real, "open": _OpenMargin(real.policy, real.kind, real.factorisation, real.statistics)}


@pytest.fixture(params=["real", "open"])
def mechanism(request: pytest.FixtureRequest) -> Calibration:
    """The default policy's mechanism, with its margins and without any."""
    return _mechanisms()[str(request.param)]


def documents(simulation: Simulation, log: bytes, releases: int) -> Iterator[ReleaseDocument]:
    """Make the given number of releases from one state of the targets, each with fresh noise."""
    entropy = entropy_of(f"hard k {simulation.epoch} {log.hex()}")
    targets = len(simulation.histories)
    for _ in range(0, releases, targets):
        yield from simulation.documents([log] * targets, entropy)


def shown_regions(document: ReleaseDocument) -> set[str]:
    """Regions whose number is shown."""
    return {region for region, figure in document.breakdowns["region"].cells.items() if figure}


def nothing_shown(document: ReleaseDocument) -> bool:
    """Return whether every number is withheld."""
    figures = [
        document.total,
        document.change,
        *document.removals.values(),
        *document.removal_changes.values(),
    ]
    for breakdown in document.breakdowns.values():
        figures += [*breakdown.cells.values(), breakdown.other]
    return not any(figures)


def beside_a_large_cell() -> bytes:
    """Region i has i likes for every i < k, and one region has many."""
    small = [({"region": REGIONS[n]}, LIKE, n) for n in range(1, K)]
    return log_of(POLICY, [*small, ({"region": "US"}, LIKE, 2000)])


def some(mechanism: Calibration, releases: int, epoch: int = 0) -> Simulation:
    """As many targets as are released together."""
    return Simulation.start(mechanism, min(BATCH, releases), epoch)


def after_a_fall(mechanism: Calibration, counts: range, releases: int) -> tuple[Simulation, bytes]:
    """Targets whose regions were measured above k, and the log that takes region i down to i likes."""
    before = some(mechanism, releases)
    rise = [({"region": REGIONS[n]}, LIKE, 300) for n in counts]
    log = log_of(POLICY, [*rise, ({"region": "US"}, LIKE, 2000)])
    first = before.release([log] * len(before.histories), entropy_of("rise"))
    fall = [({"region": REGIONS[n]}, UNLIKED, 300 - n) for n in counts]
    return before.after(first), log_of(POLICY, fall)


def check_totals(mechanism: Calibration, releases: int) -> None:
    """Targets with n < k likes, at their first release and at a late one."""
    for n in range(K):
        for epoch in (0, 40):
            simulation = some(mechanism, releases // 2, epoch)
            log = log_of(POLICY, [({"region": "DE"}, LIKE, n)])
            assert all(nothing_shown(document) for document in documents(simulation, log, releases // 2))


def check_cells(mechanism: Calibration, releases: int) -> None:
    """Cells with n < k likes in targets with many."""
    small = {REGIONS[n] for n in range(K)} - {"US"}
    totals = 0
    simulation = some(mechanism, releases)
    for document in documents(simulation, beside_a_large_cell(), releases):
        totals += document.total is not None
        assert not shown_regions(document) & small
    assert totals == releases


def check_fallen_cells(mechanism: Calibration, releases: int) -> None:
    """Cells that were shown once and have lost all but n < k of their likes."""
    counts = range(1, K)
    simulation, log = after_a_fall(mechanism, counts, releases)
    small = {REGIONS[n] for n in counts}
    for document in documents(simulation, log, releases):
        assert not shown_regions(document) & small


def check_fallen_totals(mechanism: Calibration, releases: int) -> None:
    """Targets that were shown once and have lost all but n < k of their likes."""
    before = some(mechanism, releases)
    log = log_of(POLICY, [({}, LIKE, 400)])
    first = before.release([log] * len(before.histories), entropy_of("first"))
    for n in range(K):
        # The removals are numerous enough to be shown, but their total is not.
        log = log_of(POLICY, [({}, UNLIKED, 400 - n)])
        for document in documents(before.after(first), log, releases):
            assert document.total is None
            assert nothing_shown(document)


def check_removals(mechanism: Calibration, releases: int) -> None:
    """Removals for every reason, too few to cover k accounts with certainty, and a large total."""
    most = K * (POLICY.flip_cap // 2) - 1
    for n in range(1, most + 1, len(Reason)):
        removed: list[CellChange] = [({}, int(reason), min(n + reason - 1, most)) for reason in Reason]
        log = log_of(POLICY, [({}, LIKE, 1000), *removed])
        for document in documents(some(mechanism, releases), log, releases):
            assert document.total is not None
            assert not any(document.removals.values())


Check = Callable[[Calibration, int], None]
OF_TOTALS: list[Check] = [check_totals, check_fallen_totals]
OF_CELLS: list[Check] = [check_cells, check_fallen_cells, check_removals]
CHECKS = OF_TOTALS + OF_CELLS
NIGHTLY_CHECKS = [
    *(pytest.param(check, marks=pytest.mark.nightly(part="hard-k-totals")) for check in OF_TOTALS),
    *(pytest.param(check, marks=pytest.mark.nightly(part="hard-k-cells")) for check in OF_CELLS),
]


@pytest.mark.parametrize("check", CHECKS)
def test_fewer_than_k_never_shows(check: Check, mechanism: Calibration) -> None:
    """No release of any n < k shows it, with the margin and without: 500 releases each."""
    check(mechanism, 500)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("check", NIGHTLY_CHECKS)
def test_fewer_than_k_never_shows_in_a_hundred_thousand(check: Check, mechanism: Calibration) -> None:
    """No release of any n < k shows it: 100,000 releases each."""
    check(mechanism, 100_000)


@pytest.mark.parametrize("check", CHECKS)
def test_no_noise_helps(check: Check, mechanism: Calibration, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise that is always huge and positive, as an adversary would choose it, does not show fewer than k."""

    def huge(self: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        return np.full(count, 100 * self.scale, np.int64)

    monkeypatch.setattr(DiscreteGaussian, "noise", huge)
    check(mechanism, ALIKE)
