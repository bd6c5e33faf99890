"""Reconstructs all secrets at once, by a linear programme on all published numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from privacy.audit.black_box.claim import list_profile_dimensions
from privacy.audit.black_box.context import TargetAttack
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.guess_findings import shares_of_targets
from privacy.audit.black_box.guess_statistics import FALSE_ALARM
from privacy.audit.black_box.published import read_cells, read_document
from privacy.audit.black_box.sybils import likes_until_shown
from privacy.audit.report_model import Section

SECRETS_PER_ROUND = 2
_Z95 = 1.96
_BASES = 4
"""Known likes as a multiple of those that one total needs, so that both cells of a breakdown are shown."""


@dataclass(frozen=True)
class Equation:
    """A published number: the secrets it counts, its value minus the known likes, and its deviation."""

    counted: NDArray[np.bool_]
    rest: float
    deviation: float


@dataclass
class ReconstructionAttack(TargetAttack):
    """The attack. The round and profile of each account are known; whether it liked is its secret.

    Args:
        context: of the campaign.
    """

    key = "reconstruction"
    title = "Reconstruction by linear programming"

    def create_targets(self) -> list[Canary]:
        """Creates the targets."""
        return [
            self.context.canary(f"secret-{number}") for number in range(self.context.scale.reconstructions)
        ]

    @cached_property
    def _dimensions(self) -> list[str]:
        return list_profile_dimensions(self.context.claim)

    @property
    def _secrets(self) -> int:
        return self.context.scale.rounds * SECRETS_PER_ROUND

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        return self.context.coins.integers(0, 2, (len(self.targets), self._secrets)).astype(bool)

    @cached_property
    def _sides(self) -> NDArray[np.int64]:
        """Returns which of two values each account has, shape (secrets, dimensions)."""
        return self.context.coins.integers(0, 2, (self._secrets, len(self._dimensions)))

    @cached_property
    def _base_sides(self) -> NDArray[np.int64]:
        """The same for the known accounts."""
        likes = _BASES * likes_until_shown(self.context)
        return self.context.coins.integers(0, 2, (likes, len(self._dimensions)))

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns the known likes."""
        profiles = [self._profile(sides) for sides in self._base_sides]
        return [
            CanaryEvent(
                f"{self.context.run}-base-{index // self.context.claim.likes_per_account}-{number}",
                target.name,
                profile,
            )
            for index, target in enumerate(self.targets)
            for number, profile in enumerate(profiles)
        ]

    def round_events(self, number: int) -> Sequence[CanaryEvent]:
        """Returns the likes of the two accounts per target whose secrets belong to this round."""
        return [
            CanaryEvent(
                f"{self.context.run}-secret-{index}-{secret}", target.name, self._profile(self._sides[secret])
            )
            for index, target in enumerate(self.targets)
            for secret in range((number - 1) * SECRETS_PER_ROUND, number * SECRETS_PER_ROUND)
            if self._coins[index, secret]
        ]

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:
        """Solves one programme per target and compares the solution with the coins."""
        epochs = np.repeat(counted_epochs, SECRETS_PER_ROUND)
        guessed = np.array(
            [reconstruct(list(self._equations(target, epochs)), self._secrets) for target in self.targets]
        )
        finding, plot = shares_of_targets("secrets reconstructed", guessed == self._coins, self.context.claim)
        section = Section(
            key=self.key,
            title=self.title,
            tried=f"On {len(self.targets):,} targets, coins decide whether {self._secrets} accounts like, "
            f"{SECRETS_PER_ROUND} in each of {self.context.scale.rounds} rounds. The attacker knows their "
            "profiles, their rounds and all other likes, and solves a linear programme with every total of "
            "every release and every published cell.",
            breaks="More secrets are reconstructed correctly than rho allows any attacker.",
            confidence="Student's t over independent targets: a system that keeps its claim fails with a "
            f"probability of at most {FALSE_ALARM:g}.",
            findings=(finding,),
            plots=(plot,),
        )
        return [section]

    def _profile(self, sides: NDArray[np.int64]) -> Mapping[str, str]:
        values = self.context.claim.values
        return {name: values[name][side] for name, side in zip(self._dimensions, sides.tolist(), strict=True)}

    def _equations(self, target: Canary, counted_epochs: NDArray[np.int64]) -> Iterator[Equation]:
        path = f"/v1/videos/{target.public_id}/likes/timeseries?limit=200"
        for point in read_document(self.context.deployment, path)["points"]:
            number = point["total"]
            if number["value"] is not None:
                yield _equation(number, counted_epochs <= number["epoch"], len(self._base_sides))
        for index, name in enumerate(self._dimensions):
            shares = read_cells(self.context.deployment, target, name)[1]
            for side, value in enumerate(self.context.claim.values[name][:2]):
                number = shares[value]
                if number["value"] is not None:
                    known = int((self._base_sides[:, index] == side).sum())
                    yield _equation(
                        number, (self._sides[:, index] == side) & (counted_epochs <= number["epoch"]), known
                    )


def _equation(number: Mapping[str, Any], counted: NDArray[np.bool_], known: int) -> Equation:
    # Just above the threshold, the lower half of an interval tells of the threshold, not of the noise.
    above = number["ci95"][1] - number["value"]
    return Equation(counted, number["value"] - known, max(1.0, above / _Z95))


def reconstruct(equations: Sequence[Equation], secrets: int) -> NDArray[np.bool_]:
    """Returns the secrets that fit the published numbers with the smallest sum of deviations.

    Args:
        equations: the published numbers.
        secrets: number of secrets.
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
