"""Did this account like that video? Differencing, membership inference, and canaries with coin flips.

One set of targets serves all three. In every round a coin is thrown for each target: a new account likes it
or does not. The attacker knows everything else and reads every total that is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import toeplitz

from privacy.audit.black_box.chance import FALSE_ALARM, ONE_RUN_ALARM, one_run_epsilon
from privacy.audit.black_box.crowd import likes_of_sybils, likes_to_be_shown
from privacy.audit.black_box.deployment import CanaryEvent
from privacy.audit.black_box.published import totals
from privacy.audit.black_box.verdict import guesses_of_coins, shares_of_targets
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from privacy.audit.black_box.campaign import Ground
    from privacy.audit.black_box.deployment import Canary


@dataclass
class Membership:
    """The three attacks.

    Args:
        ground: of the campaign.
    """

    ground: Ground

    @cached_property
    def _targets(self) -> list[Canary]:
        return [self.ground.canary(f"member-{number}") for number in range(self.ground.sizes.members)]

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        shape = (self.ground.sizes.members, self.ground.sizes.rounds)
        return self.ground.coins.integers(0, 2, shape).astype(bool)

    @cached_property
    def _base(self) -> int:
        return likes_to_be_shown(self.ground)

    def canaries(self) -> Sequence[Canary]:
        """The targets."""
        return self._targets

    def first_events(self) -> Sequence[CanaryEvent]:
        """Likes that the attacker knows of, so that the totals are shown."""
        return list(likes_of_sybils(self.ground, "member", self._targets, self._base))

    def round_events(self, number: int) -> Sequence[CanaryEvent]:
        """The likes that the coins decide."""
        return [
            CanaryEvent(f"{self.ground.run}-victim-{place}-{number}", target.name)
            for place, target in enumerate(self._targets)
            if self._coins[place, number - 1]
        ]

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:
        """Read every total, and guess every coin."""
        seen = totals(self.ground.deployment, self._targets, landed[-1] + 1)
        claim = self.ground.claim
        scores = coin_scores(seen, self._base, landed, claim.encoder, claim.noise_scale)
        return [self._differencing(seen, landed[0]), self._inference(scores), self._canaries(scores)]

    def _differencing(self, seen: NDArray[np.float64], epoch: int) -> Section:
        claim = self.ground.claim
        before = seen[:, epoch - 1] if epoch else np.full(len(seen), float(self._base))
        guessed = seen[:, epoch] - before > 1 / 2
        finding, plot = guesses_of_coins(
            "one like, from the totals before and after it", guessed == self._coins[:, 0], claim
        )
        return Section(
            key="differencing",
            title="Differencing: the total before and after one like",
            tried=f"On {len(seen):,} targets a coin decides whether one more account likes. The attacker "
            "knows all other likes and takes the difference of two consecutive totals.",
            breaks="The coins are guessed more often than rho allows any attacker.",
            confidence=_confidence("Clopper–Pearson"),
            findings=(finding,),
            plots=(plot,),
        )

    def _inference(self, scores: NDArray[np.float64]) -> Section:
        finding, plot = shares_of_targets(
            "membership, likelihood ratio over all releases", (scores > 0) == self._coins, self.ground.claim
        )
        targets, rounds = scores.shape
        return Section(
            key="membership",
            title="Membership inference",
            tried=f"{targets:,} targets × {rounds} rounds: in each round a coin decides whether a new "
            "account likes. The attacker has all totals, knows the encoder and every other like but the "
            "other coins', and compares the likelihoods of both worlds.",
            breaks="The coins are guessed more often than rho allows any attacker.",
            confidence=_confidence("Student's t over independent targets"),
            findings=(finding,),
            plots=(plot,),
        )

    def _canaries(self, scores: NDArray[np.float64]) -> Section:
        claim, canaries = self.ground.claim, scores.size
        guesses = min(canaries, self.ground.sizes.sure_guesses)
        surest = np.argsort(-np.abs(scores), axis=None, kind="stable")[:guesses]
        right = int(((scores > 0) == self._coins).flat[surest].sum())
        findings, rows = [], []
        for delta, epsilon in claim.epsilons.items():
            bound = one_run_epsilon(canaries, guesses, right, delta, ONE_RUN_ALARM)
            what = f"epsilon at delta {delta:g}"
            certain = one_run_epsilon(canaries, guesses, right, delta, FALSE_ALARM)
            findings.append(
                Finding(
                    what=what,
                    required=f"at most the claimed {epsilon:g}",
                    found=f"at least {bound:.3f} at {1 - ONE_RUN_ALARM:.0%}: {right:,} of {guesses:,} "
                    "guesses right",
                    passed=certain <= epsilon,
                )
            )
            rows.append(Comparison(what, bound, bound, bound, epsilon))
        return Section(
            key="canaries",
            title="Canaries with coin flips",
            tried=f"{canaries:,} canary accounts, each in or out by a coin. The attacker guesses the "
            f"{guesses:,} that it is surest of and passes the others over (Steinke, Nasr & Jagielski "
            "2023).",
            breaks="The lower bound on epsilon exceeds the claim.",
            confidence=f"The bound is stated at {1 - ONE_RUN_ALARM:.0%}. The verdict takes the bound at 1 "
            f"− {FALSE_ALARM:g}, which is the probability of a false alarm.",
            findings=tuple(findings),
            plots=(ComparisonPlot("Lower bounds on epsilon", "epsilon", "claimed", tuple(rows)),),
        )


def coin_scores(
    seen: NDArray[np.float64], base: int, epochs: Sequence[int], encoder: Sequence[int], noise_scale: int
) -> NDArray[np.float64]:
    """The logarithm of each coin's likelihood ratio: positive says in.

    Totals are B·y for measurements y = C·x + noise, so C·A⁻¹ brings the measurements back. The noise is white
    there, a like of epoch e adds column e of C, and the other coins are noise of their own.

    Args:
        seen: totals, shape (targets, epochs); what was withheld is taken for the base.
        base: likes that the attacker knows of, all in epoch 0.
        epochs: in which each round was counted.
        encoder: first column of C.
        noise_scale: standard deviation of a measurement.
    """
    count = seen.shape[1]
    known = np.full(count, float(base))
    for epoch in epochs:
        known[epoch:] += 1 / 2
    matrix = np.tril(toeplitz(np.array(encoder[:count], float)))
    differences = np.diff(np.where(np.isnan(seen), known, seen) - known, axis=1, prepend=0.0)
    columns = matrix[:, list(epochs)]
    directions = np.linalg.solve(noise_scale**2 * np.eye(count) + columns @ columns.T / 4, columns)
    # A coin is no noise to itself: Sherman and Morrison take it out again.
    own = (columns * directions).sum(axis=0) / 4
    scores: NDArray[np.float64] = differences @ matrix.T @ directions / (1 - own)
    return scores


def _confidence(method: str) -> str:
    return (
        f"{method}: a system that keeps its claim fails with a probability of at most {FALSE_ALARM:g}. "
        "The ceiling is Pinsker's, ½ + ½·√(rho / 2), or that of the claimed epsilon and delta where it is "
        "lower."
    )
