"""Did this account like that video? Differencing, membership inference, and canaries with coin flips.

One set of targets serves all of them. In every round a coin is thrown for each target: a new account likes it
or does not. In the last round whoever came in the first one takes the like back: what goes must not tell more
than what comes. The attacker knows everything else and reads every total that is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.black_box.chance import FALSE_ALARM, ONE_RUN_ALARM, one_run_epsilon
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.noise import encoder_matrix, measurements, noise_of, noise_section
from privacy.audit.black_box.published import totals
from privacy.audit.black_box.sybils import likes_of_sybils, likes_to_be_shown
from privacy.audit.black_box.verdict import guesses_of_coins, shares_of_targets
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Membership(Attack):
    """The attacks, and a look at the noise of the same totals.

    Args:
        ground: of the campaign.
    """

    ground: CampaignContext

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
        """The likes that the coins decide; in the last round those of the first one are taken back."""
        joined = [
            CanaryEvent(self._victim(place, number), target.name)
            for place, target in enumerate(self._targets)
            if self._coins[place, number - 1]
        ]
        if not number == self.ground.sizes.rounds > 1:
            return joined
        return joined + [
            CanaryEvent(self._victim(place, 1), target.name, liked=False)
            for place, target in enumerate(self._targets)
            if self._coins[place, 0]
        ]

    def _victim(self, place: int, number: int) -> str:
        return f"{self.ground.run}-victim-{place}-{number}"

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:
        """Read every total, and guess every coin."""
        seen = totals(self.ground.deployment, self._targets, landed[-1] + 1)
        claim, left = self.ground.claim, landed[-1] if len(landed) > 1 else None
        scores = coin_scores(seen, self._base, landed, claim.encoder, claim.noise_scale, left)
        noise = noise_of(seen, self._planted(landed, left), claim.encoder, claim.noise_scale)
        return [
            self._differencing(seen, landed, left),
            self._inference(scores),
            self._canaries(scores),
            noise_section(noise),
        ]

    def _planted(self, landed: Sequence[int], left: int | None) -> NDArray[np.float64]:
        """What each total counts, exactly, shape (targets, epochs)."""
        changes = np.zeros((len(self._targets), landed[-1] + 1))
        changes[:, 0] = self._base
        for epoch, joined in zip(landed, self._coins.T, strict=True):
            changes[:, epoch] += joined
        if left is not None:
            changes[:, left] -= self._coins[:, 0]
        return changes.cumsum(axis=1)

    def _differencing(self, seen: NDArray[np.float64], landed: Sequence[int], left: int | None) -> Section:
        claim, epoch = self.ground.claim, landed[0]
        before = seen[:, epoch - 1] if epoch else np.full(len(seen), float(self._base))
        came = guesses_of_coins(
            "one like, from the totals before and after it",
            (seen[:, epoch] - before > 1 / 2) == self._coins[:, 0],
            claim,
        )
        attempts = [came]
        if left is not None:
            # The attacker knows who came in the same round.
            change = seen[:, left] - seen[:, left - 1] - self._coins[:, -1]
            attempts.append(
                guesses_of_coins(
                    "one like taken back, from the totals before and after that",
                    (change < -1 / 2) == self._coins[:, 0],
                    claim,
                )
            )
        return Section(
            key="differencing",
            title="Differencing: the total before and after one like, and before and after its end",
            tried=f"On {len(seen):,} targets a coin decides whether one more account likes; whoever did "
            "takes the like back in the last round. The attacker knows all other likes and takes "
            "the difference of two consecutive totals, then and then.",
            breaks="The coins are guessed more often than rho allows any attacker.",
            confidence=_confidence("Clopper–Pearson"),
            findings=tuple(finding for finding, _ in attempts),
            plots=tuple(plot for _, plot in attempts),
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
            "account likes; those of the first round take it back in the last. The attacker has all totals, "
            "knows the encoder and every other like but the other coins', and compares the likelihoods of "
            "both worlds.",
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
    seen: NDArray[np.float64],
    base: int,
    epochs: Sequence[int],
    encoder: Sequence[int],
    noise_scale: int,
    left: int | None = None,
) -> NDArray[np.float64]:
    """The logarithm of each coin's likelihood ratio: positive says in.

    The noise of the measurements is white, a like of epoch e adds column e of C to them, and the other coins
    are noise of their own.

    Args:
        seen: totals, shape (targets, epochs); what was withheld is taken for the base.
        base: likes that the attacker knows of, all in epoch 0.
        epochs: in which each round was counted.
        encoder: first column of C.
        noise_scale: standard deviation of a measurement.
        left: in which epoch those of the first round took their likes back; None if they did not.
    """
    count = seen.shape[1]
    changes = np.zeros((count, len(epochs)))
    changes[list(epochs), np.arange(len(epochs))] = 1
    if left is not None:
        changes[left, 0] -= 1
    known = base + changes.cumsum(axis=0).sum(axis=1) / 2
    columns = encoder_matrix(encoder, count) @ changes
    directions = np.linalg.solve(noise_scale**2 * np.eye(count) + columns @ columns.T / 4, columns)
    # A coin is no noise to itself: Sherman and Morrison take it out again.
    own = (columns * directions).sum(axis=0) / 4
    unexplained = measurements(np.where(np.isnan(seen), known, seen) - known, encoder)
    scores: NDArray[np.float64] = unexplained @ directions / (1 - own)
    return scores


def _confidence(method: str) -> str:
    return (
        f"{method}: a system that keeps its claim fails with a probability of at most {FALSE_ALARM:g}. "
        "The ceiling is Pinsker's, ½ + ½·√(rho / 2), or that of the claimed epsilon and delta where it is "
        "lower."
    )
