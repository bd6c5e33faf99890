"""Reconstruction: a linear programme on everything that was published, for everybody's secret at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linprog

from privacy.audit.black_box.chance import FALSE_ALARM
from privacy.audit.black_box.context import CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.profiles import profile_dimensions
from privacy.audit.black_box.published import cells, document
from privacy.audit.black_box.sybils import likes_to_be_shown
from privacy.audit.black_box.verdict import shares_of_targets
from privacy.audit.report_model import Section

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECRETS_PER_ROUND = 2
_Z95 = 1.96
_BASES = 4
"""The known likes are so many times what one total needs, so that both cells of a breakdown show."""


@dataclass(frozen=True)
class Equation:
    """A published number: which secrets it counts, how many known likes beside them, and its deviation."""

    counted: NDArray[np.bool_]
    rest: float
    deviation: float


@dataclass
class Reconstruction:
    """The attack. Who would like in which round and every profile are known; whether they did is the secret.

    Args:
        ground: of the campaign.
    """

    ground: CampaignContext

    @cached_property
    def _targets(self) -> list[Canary]:
        return [self.ground.canary(f"secret-{number}") for number in range(self.ground.sizes.reconstructions)]

    @cached_property
    def _dimensions(self) -> list[str]:
        return profile_dimensions(self.ground.claim)

    @property
    def _secrets(self) -> int:
        return self.ground.sizes.rounds * SECRETS_PER_ROUND

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        return self.ground.coins.integers(0, 2, (len(self._targets), self._secrets)).astype(bool)

    @cached_property
    def _sides(self) -> NDArray[np.int64]:
        """Which of two values each secret account has, shape (secrets, dimensions)."""
        return self.ground.coins.integers(0, 2, (self._secrets, len(self._dimensions)))

    @cached_property
    def _base_sides(self) -> NDArray[np.int64]:
        """The same of the known accounts."""
        likes = _BASES * likes_to_be_shown(self.ground)
        return self.ground.coins.integers(0, 2, (likes, len(self._dimensions)))

    def canaries(self) -> Sequence[Canary]:
        """The targets."""
        return self._targets

    def first_events(self) -> Sequence[CanaryEvent]:
        """The known likes."""
        profiles = [self._profile(sides) for sides in self._base_sides]
        return [
            CanaryEvent(
                f"{self.ground.run}-base-{place // self.ground.claim.likes_an_account}-{number}",
                target.name,
                profile,
            )
            for place, target in enumerate(self._targets)
            for number, profile in enumerate(profiles)
        ]

    def round_events(self, number: int) -> Sequence[CanaryEvent]:
        """Two accounts' secrets of each target."""
        return [
            CanaryEvent(
                f"{self.ground.run}-secret-{place}-{secret}", target.name, self._profile(self._sides[secret])
            )
            for place, target in enumerate(self._targets)
            for secret in range((number - 1) * SECRETS_PER_ROUND, number * SECRETS_PER_ROUND)
            if self._coins[place, secret]
        ]

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:
        """Solve one programme a target, and compare with the coins."""
        epochs = np.repeat(landed, SECRETS_PER_ROUND)
        guessed = np.array(
            [reconstruct(list(self._equations(target, epochs)), self._secrets) for target in self._targets]
        )
        finding, plot = shares_of_targets("secrets reconstructed", guessed == self._coins, self.ground.claim)
        section = Section(
            key="reconstruction",
            title="Reconstruction by linear programming",
            tried=f"On {len(self._targets):,} targets {self._secrets} accounts like or do not, by coins, "
            f"{SECRETS_PER_ROUND} in each of {self.ground.sizes.rounds} rounds. The attacker knows their "
            "profiles, their rounds and all other likes, and solves a linear programme on every total of "
            "every release and every published cell.",
            breaks="The secrets are right more often than rho allows any attacker.",
            confidence="Student's t over independent targets: a system that keeps its claim fails with a "
            f"probability of at most {FALSE_ALARM:g}.",
            findings=(finding,),
            plots=(plot,),
        )
        return [section]

    def _profile(self, sides: NDArray[np.int64]) -> Mapping[str, str]:
        values = self.ground.claim.values
        return {name: values[name][side] for name, side in zip(self._dimensions, sides.tolist(), strict=True)}

    def _equations(self, target: Canary, landed: NDArray[np.int64]) -> Iterator[Equation]:
        path = f"/v1/videos/{target.public_id}/likes/timeseries?limit=200"
        for point in document(self.ground.deployment, path)["points"]:
            number = point["total"]
            if number["value"] is not None:
                yield _equation(number, landed <= number["epoch"], len(self._base_sides))
        for place, name in enumerate(self._dimensions):
            shares = cells(self.ground.deployment, target, name)[1]
            for side, value in enumerate(self.ground.claim.values[name][:2]):
                number = shares[value]
                if number["value"] is not None:
                    known = int((self._base_sides[:, place] == side).sum())
                    yield _equation(
                        number, (self._sides[:, place] == side) & (landed <= number["epoch"]), known
                    )


def _equation(number: Mapping[str, Any], counted: NDArray[np.bool_], known: int) -> Equation:
    low, high = number["ci95"]
    return Equation(counted, number["value"] - known, max(1.0, (high - low) / (2 * _Z95)))


def reconstruct(equations: Sequence[Equation], secrets: int) -> NDArray[np.bool_]:
    """The secrets, between 0 and 1 each, that meet the published numbers best in the sum of deviations.

    Args:
        equations: the published numbers.
        secrets: how many there are.
    """
    if not equations:
        return np.zeros(secrets, bool)
    counted = np.array([equation.counted for equation in equations], float)
    rest = np.array([equation.rest for equation in equations])
    slack = np.eye(len(equations))
    solved = linprog(
        c=np.concatenate([np.zeros(secrets), [1 / equation.deviation for equation in equations]]),
        A_ub=np.block([[counted, -slack], [-counted, -slack]]),
        b_ub=np.concatenate([rest, -rest]),
        bounds=[(0, 1)] * secrets + [(0, None)] * len(equations),
    )
    return np.asarray(solved.x)[:secrets] > 1 / 2
