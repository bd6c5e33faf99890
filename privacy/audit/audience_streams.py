"""Samples measurements of audiences on two neighbouring datasets, and bounds ε from below.

As for targets, m accounts at once are compared with the claim for m, which a sample can resolve. In a total
they are there or not. In a breakdown they are in one cell or in another one: that is what one like of an
account can change, and twice the squared distance of being there or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.audit.audience_reference import UNIT, AudienceReference
from privacy.audit.confidence import JOINT_ALPHA, Hits, epsilon_lower_bound
from privacy.audit.exact_gaussian import HalfLine, best_half_line
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, encode_log
from privacy.mechanism.accounting import TOTAL
from privacy.mechanism.audience_accounting import AudienceCalibration
from privacy.mechanism.entropy import EntropySource
from privacy.release.audiences import count_accounts, measure_once

CROWD = 400
BATCH = 256
BELOW_K = 20


@dataclass(frozen=True)
class NeighbouringAudiences:
    """Two datasets of audiences of one scope and period.

    Args:
        calibration: the audited mechanism.
        reference: the audit's own accounting.
        samples: measurements of each dataset.
    """

    calibration: AudienceCalibration
    reference: AudienceReference
    samples: int

    @cached_property
    def group(self) -> int:
        """m: the number of accounts whose claim a sample of this size resolves best."""

        def worst_error(size: int) -> float:
            return max(line.relative_error(self.samples) for line in self._list_half_lines(size).values())

        return min(range(1, BELOW_K), key=worst_error)

    @cached_property
    def half_lines(self) -> dict[str, HalfLine]:
        """The output set of each statistic, chosen before anything is drawn."""
        return self._list_half_lines(self.group)

    def count_hits(self, neighbour: bool, samples: int, entropy: EntropySource) -> dict[str, Hits]:
        """Measures one dataset and counts the hits of each statistic's half-line.

        Args:
            neighbour: whether the group is there, or has moved to the other cell.
            samples: number of measurements.
            entropy: source of the noise.
        """
        hits = dict.fromkeys(self.reference.cells, 0)
        first, second = (self.reference.streams_of(cell) for cell in self._cells)
        for start in range(0, samples, BATCH):
            size = min(BATCH, samples - start)
            there = self._measure(size, [self.group if neighbour else 0, 0], entropy)
            moved = self._measure(size, [self.group, 0] if neighbour else [0, self.group], entropy)
            for index, (name, half_line) in enumerate(self.half_lines.items()):
                scale = self.reference.scales[name]
                score = (there[:, first[index]] - UNIT * 2 * CROWD) / scale
                if name != TOTAL:
                    difference = moved[:, first[index]] - moved[:, second[index]]
                    score = difference / (scale * np.sqrt(2)) + self._shift(name) / 2
                hits[name] += int((score >= half_line.threshold).sum())
        return {name: Hits(count, samples) for name, count in hits.items()}

    @property
    def _cells(self) -> list[dict[str, str]]:
        """The two cells: the first, and the second value of every dimension."""
        dimensions = self.reference.policy.domain.dimensions
        return [{dimension.name: dimension.values[at] for dimension in dimensions} for at in (0, 1)]

    def _measure(self, size: int, more: Sequence[int], entropy: EntropySource) -> NDArray[np.int64]:
        """Measures as many equal audiences: a crowd in each of the two cells, and some more accounts."""
        members = [CountChange(cell, CROWD + extra) for cell, extra in zip(self._cells, more, strict=True)]
        log = np.frombuffer(encode_log(self.reference.policy, members), "<u4")
        index = np.repeat(np.arange(size), len(log))
        exact = count_accounts(index, np.tile(log, size), size, self.calibration)
        return measure_once(exact, self.calibration, entropy)

    def _list_half_lines(self, size: int) -> dict[str, HalfLine]:
        return {
            name: best_half_line(size * float(2 * self.reference.rho(name)) ** 0.5, self.samples)
            for name in self.reference.cells
        }

    def _shift(self, name: str) -> float:
        """Returns how far the group moves a measurement, in noise scales, in l2."""
        sensitivity = self.reference.sensitivity_squared(name) ** 0.5
        return float(self.group * sensitivity / self.reference.scales[name])


def audience_bound_section(
    audiences: Sequence[NeighbouringAudiences],
    hits: Sequence[tuple[dict[str, Hits], dict[str, Hits]]],
) -> Section:
    """Concludes whether the claim of each statistic holds."""
    findings = []
    for one, (without, with_group) in zip(audiences, hits, strict=True):
        for name, half_line in one.half_lines.items():
            rare, likely = without[name], with_group[name]
            bound = epsilon_lower_bound(likely, rare, half_line.delta)
            findings.append(
                Finding(
                    f"{one.reference.kind}, {name}: {one.group} accounts at once",
                    f"bound ≤ ε = {half_line.epsilon:.4f} at δ = {half_line.delta:.4f}, from the policy",
                    f"bound {bound:.4f}; hit {likely.rate:.5f} of {likely.samples} with and {rare.rate:.5f} "
                    "without",
                    bound <= half_line.epsilon,
                )
            )
    return Section(
        "audience-streams",
        "Lower bounds on ε of audiences",
        "The release code measured two neighbouring datasets of each scope and period. In the total, a group "
        "of accounts is there or not; in each breakdown, it is in one cell or in another one. The output set "
        "was fixed before anything was drawn.",
        "A lower bound above the ε that the policy claims for this number of accounts.",
        f"Clopper–Pearson, {100 * (1 - JOINT_ALPHA):g} % for both datasets of a bound together. A false "
        "alarm requires that both deviate in one direction: less than 1 in 10,000 per bound.",
        tuple(findings),
    )
