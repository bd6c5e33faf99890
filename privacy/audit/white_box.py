"""The white-box audit: the checks of the release code under a policy, and their sample sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from privacy.audit.audiences import audience_checks
from privacy.audit.check import Check
from privacy.audit.entropy_use import entropy_check
from privacy.audit.gate import gate_check
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.neighbouring_streams import NeighbouringStreams
from privacy.audit.parameters import parameter_section
from privacy.audit.recalculation import recalculation_check
from privacy.audit.report_model import Section
from privacy.audit.streams import stream_check
from privacy.audit.whole_releases import whole_release_check
from privacy.audit.worker_batches import batch_check
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import EntropySource
from privacy.policy.policy import Policy


@dataclass(frozen=True)
class WhiteBoxScale:
    """Sample sizes for one mechanism.

    Args:
        stream_samples: releases of each of the two datasets of the single streams.
        require_power: whether these suffice for bounds of nine tenths of the claims.
        selection_releases: whole releases of each dataset on which output sets are chosen.
        test_releases: whole releases of each dataset on which they are tested.
        gate_releases: releases of each case of the gate.
        recalculation_jobs: number of jobs, each of which recalculates up to 300 releases.
    """

    stream_samples: int
    require_power: bool
    selection_releases: int
    test_releases: int
    gate_releases: int
    recalculation_jobs: int

    @property
    def jobs(self) -> int:
        """Number of jobs for each of the two datasets."""
        return max(2, min(20, self.stream_samples // 2_000))

    def facts(self) -> str:
        """Describes the sizes for the report."""
        return (
            f"{self.stream_samples:,} releases per dataset for single streams, {self.selection_releases:,} + "
            f"{self.test_releases:,} per dataset for whole releases, {self.gate_releases:,} per case of the "
            f"gate, up to {300 * self.recalculation_jobs:,} recalculated"
        )


THOROUGH: Final = WhiteBoxScale(100_000, True, 50_000, 100_000, 100_000, 34)
OTHER_KINDS: Final = WhiteBoxScale(10_000, False, 2_000, 4_000, 10_000, 8)
"""For kinds with another schedule: the same code, with other scales."""
QUICK: Final = WhiteBoxScale(4_000, False, 500, 1_000, 300, 4)


@dataclass(frozen=True)
class Plan:
    """Sample sizes for the kinds of a policy.

    Args:
        first: for the first mechanism.
        others: for mechanisms that differ from it; None to check only their parameters.
    """

    first: WhiteBoxScale
    others: WhiteBoxScale | None


DEFAULT_PLAN: Final = Plan(THOROUGH, OTHER_KINDS)
QUICK_PLAN: Final = Plan(QUICK, None)


def white_box(policy: Policy, plan: Plan, entropy: EntropySource) -> list[Check]:
    """Returns all checks; kinds with equal mechanisms are sampled together, and all are recalculated.

    Raises:
        PolicyError: the mechanism cannot satisfy the policy.
    """
    calibrations = [calibrate(policy, kind) for kind in policy.budgets]
    checks = [
        _parameter_check(calibrations, entropy),
        batch_check(calibrations, entropy, max(1, plan.first.recalculation_jobs // 4)),
        *audience_checks(
            calibrations, entropy, plan.first.stream_samples, max(1, plan.first.recalculation_jobs // 4)
        ),
    ]
    for index, group in enumerate(_group_by_mechanism(calibrations)):
        scale = plan.others if index else plan.first
        if scale:
            checks += _sampling_checks(group, scale, entropy)
    return checks


def _parameter_check(calibrations: Sequence[Calibration], entropy: EntropySource) -> Check:
    def conclude(sections: Sequence[Section]) -> Sequence[Section]:
        return sections

    work = tuple(partial(parameter_section, calibration, entropy) for calibration in calibrations)
    return Check("parameters", work, conclude)


def _group_by_mechanism(calibrations: Sequence[Calibration]) -> list[list[Calibration]]:
    """Groups kinds by mechanism: the same encoder, scales and schedule."""
    groups: dict[tuple[object, ...], list[Calibration]] = {}
    for calibration in calibrations:
        scales = tuple(statistic.scale for statistic in calibration.statistics)
        key = (calibration.factorisation.coefficients, scales, calibration.schedule.due_ages_seconds)
        groups.setdefault(key, []).append(calibration)
    return list(groups.values())


def _sampling_checks(
    group: Sequence[Calibration], scale: WhiteBoxScale, entropy: EntropySource
) -> list[Check]:
    calibration = group[0]
    name = "-".join(one.kind.label for one in group)
    reference = IndependentAccounting(
        calibration.policy, calibration.kind, calibration.factorisation.coefficients
    )
    streams = NeighbouringStreams(calibration, reference, scale.stream_samples)
    return [
        stream_check(name, streams, entropy, scale.jobs, require_power=scale.require_power),
        whole_release_check(
            name, calibration, reference, entropy, (scale.selection_releases, scale.test_releases)
        ),
        gate_check(name, calibration, reference, entropy, scale.gate_releases),
        recalculation_check(name, calibration, reference, entropy, scale.recalculation_jobs),
        entropy_check(name, calibration, reference, entropy),
    ]
