"""Computes the mechanism of audiences: noise scales, deviations and margins of numbers measured once.

`docs/proofs/audiences.md` proves what one engagement can change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import TOTAL, Statistic, gate_z
from privacy.mechanism.factorisation import DEFAULT_SCALE
from privacy.model.audience import audience_kind
from privacy.model.engagement import Kind
from privacy.policy.audiences import AudiencePeriod
from privacy.policy.policy import Policy

UNIT: Final = DEFAULT_SCALE
"""An account in the units of the noise: UNIT·n plus noise is measured, and divided by UNIT afterwards."""


@dataclass(frozen=True)
class AudienceCalibration:
    """The mechanism of one period of one scope under one policy.

    Args:
        policy: the declared policy.
        period: the numbers that are measured.
        statistics: the total, if it is measured, and the breakdowns in the policy's order.
    """

    policy: Policy
    period: AudiencePeriod
    statistics: tuple[Statistic, ...]

    @property
    def kind(self) -> str:
        """The name of these audiences in releases and in the ledger."""
        return audience_kind(self.period.scope, self.period.every_seconds, self.policy.version)

    @cached_property
    def z(self) -> float:
        """Standard deviations by which a number must clear k, before the correction of `margins`."""
        return gate_z(self.policy, Kind.LIKE)

    @property
    def total(self) -> int | None:
        """Position of the total; None if it is not measured."""
        return self.places[TOTAL].start if TOTAL in self.places else None

    @cached_property
    def breakdowns(self) -> Mapping[str, slice]:
        """Positions of the cells of each breakdown."""
        return {name: place for name, place in self.places.items() if name != TOTAL}

    @cached_property
    def places(self) -> Mapping[str, slice]:
        """Positions of each statistic's streams: of the total, one; of a breakdown, one for each cell."""
        places, start = {}, 0
        for statistic in self.statistics:
            cells = 1 if statistic.name == TOTAL else len(self.policy.cells_of(statistic.name))
            places[statistic.name] = slice(start, start + cells)
            start += cells
        return places

    @property
    def count(self) -> int:
        """Number of streams."""
        return max(int(place.stop) for place in self.places.values())

    @cached_property
    def stream_scales(self) -> NDArray[np.int64]:
        """Noise scale of each stream in units of 1/UNIT, shape (streams,)."""
        scales = np.empty(self.count, np.int64)
        for statistic in self.statistics:
            scales[self.places[statistic.name]] = statistic.scale
        return scales

    @property
    def least_count(self) -> int:
        """Minimum exact number of accounts in each stream."""
        return self.policy.k

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Standard deviation of each estimate, in accounts, shape (streams,)."""
        return self.stream_scales / UNIT

    @cached_property
    def margins(self) -> NDArray[np.float64]:
        """Return how far an estimate must clear k, in accounts, shape (streams,): `docs/proofs/gate.md`."""
        return self.z * self.deviations + 1 / UNIT


def calibrate_audiences(policy: Policy) -> tuple[AudienceCalibration, ...]:
    """Compute the mechanisms of all periods of the policy's audiences, in its order.

    Raises:
        PolicyError: the policy requires more noise than can be drawn exactly.
    """
    periods = policy.audiences.periods if policy.audiences else ()
    return tuple(calibrate_audience(policy, period) for period in periods)


def calibrate_audience(policy: Policy, period: AudiencePeriod) -> AudienceCalibration:
    """Compute the mechanism of one period of the policy's audiences.

    One engagement changes the total by at most 1, and a breakdown by at most √2 in l2: it may move the
    account from one cell to another.

    Raises:
        PolicyError: the policy requires more noise than can be drawn exactly.
    """
    total = () if period.total is None else (Statistic(TOTAL, period.total, UNIT**2),)
    names = [dimension.name for dimension in policy.domain.dimensions]
    names += [dimension.name for dimension in (policy.audiences.joint_dimensions if policy.audiences else ())]
    breakdowns = (
        Statistic(name, period.breakdowns[name], 2 * UNIT**2) for name in names if name in period.breakdowns
    )
    return AudienceCalibration(policy, period, (*total, *breakdowns))
