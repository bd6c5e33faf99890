"""The white box: everything that is checked of the release code under a policy, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from privacy.audit.check import Check
from privacy.audit.entropy_use import entropy_check
from privacy.audit.gate import gate_check
from privacy.audit.independent_accounting import Recomputed
from privacy.audit.parameters import parameter_section
from privacy.audit.report_model import Section
from privacy.audit.shown import shown_check
from privacy.audit.stream_worlds import StreamWorlds
from privacy.audit.streams import stream_check
from privacy.audit.whole_releases import whole_release_check
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import EntropySource
from privacy.policy.policy import Policy


@dataclass(frozen=True)
class WhiteBoxScale:
    """How much is sampled under one mechanism.

    Args:
        stream_samples: releases in each of the two worlds of the single streams.
        exacting: whether these are enough for bounds of nine tenths of the claims.
        to_choose: whole releases of each world by which events are chosen.
        to_test: those on which they are tested.
        gate_releases: releases of each scene of the gate.
        shown_jobs: times 300 releases that are worked out again.
    """

    stream_samples: int
    exacting: bool
    to_choose: int
    to_test: int
    gate_releases: int
    shown_jobs: int

    @property
    def jobs(self) -> int:
        """Into how many jobs each of the two worlds is cut."""
        return max(2, min(20, self.stream_samples // 2_000))

    def facts(self) -> str:
        """For the report."""
        return (
            f"{self.stream_samples:,} releases a side for single streams, {self.to_choose:,} + "
            f"{self.to_test:,} a world for whole releases, {self.gate_releases:,} for each scene of the "
            f"gate, {300 * self.shown_jobs:,} worked out again"
        )


THOROUGH: Final = WhiteBoxScale(100_000, True, 50_000, 100_000, 100_000, 34)
BESIDE: Final = WhiteBoxScale(10_000, False, 2_000, 4_000, 10_000, 8)
"""For kinds with another schedule: the same code under scales that are worked out again."""
QUICK: Final = WhiteBoxScale(4_000, False, 500, 1_000, 300, 2)


@dataclass(frozen=True)
class Plan:
    """Sizes for the kinds of a policy.

    Args:
        first: for the first mechanism.
        others: for those that differ from it; None to leave it at their parameters.
    """

    first: WhiteBoxScale
    others: WhiteBoxScale | None


DEFAULT_PLAN: Final = Plan(THOROUGH, BESIDE)
QUICK_PLAN: Final = Plan(QUICK, None)


def white_box(policy: Policy, plan: Plan, entropy: EntropySource) -> list[Check]:
    """All checks; kinds whose mechanisms are equal are sampled together.

    Raises:
        PolicyError: the policy asks for what the mechanism cannot give.
    """
    calibrations = [calibrate(policy, kind) for kind in policy.budgets]
    checks = [_parameters(calibrations, entropy)]
    for place, alike in enumerate(_alike(calibrations)):
        sizes = plan.others if place else plan.first
        if sizes:
            checks += _sampled(alike, sizes, entropy)
    return checks


def _parameters(calibrations: Sequence[Calibration], entropy: EntropySource) -> Check:
    def conclude(sections: Sequence[Section]) -> Sequence[Section]:
        return sections

    work = tuple(partial(parameter_section, calibration, entropy) for calibration in calibrations)
    return Check("parameters", work, conclude)


def _alike(calibrations: Sequence[Calibration]) -> list[list[Calibration]]:
    """Kinds by mechanism: the same encoder, scales and schedule."""
    groups: dict[tuple[object, ...], list[Calibration]] = {}
    for calibration in calibrations:
        scales = tuple(statistic.scale for statistic in calibration.statistics)
        key = (calibration.factorisation.coefficients, scales, calibration.schedule.due_ages_seconds)
        groups.setdefault(key, []).append(calibration)
    return list(groups.values())


def _sampled(alike: Sequence[Calibration], sizes: WhiteBoxScale, entropy: EntropySource) -> list[Check]:
    calibration = alike[0]
    name = "-".join(one.kind.label for one in alike)
    own = Recomputed(calibration.policy, calibration.kind, calibration.factorisation.coefficients)
    worlds = StreamWorlds(calibration, own, sizes.stream_samples)
    return [
        stream_check(name, worlds, entropy, sizes.jobs, exacting=sizes.exacting),
        whole_release_check(name, calibration, own, entropy, (sizes.to_choose, sizes.to_test)),
        gate_check(name, calibration, own, entropy, sizes.gate_releases),
        shown_check(name, calibration, own, entropy, sizes.shown_jobs),
        entropy_check(name, calibration, own, entropy),
    ]
