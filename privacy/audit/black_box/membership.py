"""Infers whether an account liked a video: differencing, membership inference, and canaries with coin flips.

All attacks use one set of targets. In every round a coin decides for each target whether a new account likes
it. In the last round the accounts of the first one withdraw their likes, because a removal must not reveal
more than an addition. The attacker knows everything else and reads every published total.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.context import TargetAttack
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.guess_findings import guesses_of_coins, shares_of_targets
from privacy.audit.black_box.guess_statistics import FALSE_ALARM, ONE_RUN_ALARM, one_run_epsilon
from privacy.audit.black_box.noise import encoder_matrix, extract_noise, noise_section, recover_measurements
from privacy.audit.black_box.published import read_totals
from privacy.audit.black_box.sybils import likes_of_sybils, likes_until_shown
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section


@dataclass
class MembershipAttack(TargetAttack):
    """The three attacks, and the test of the noise of the same totals.

    Args:
        context: of the campaign.
    """

    key = "membership-and-noise"
    title = "Differencing, membership, noise and canaries"

    def create_targets(self) -> list[Canary]:
        """Creates the targets."""
        return [self.context.canary(f"member-{number}") for number in range(self.context.scale.members)]

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        shape = (self.context.scale.members, self.context.scale.rounds)
        return self.context.coins.integers(0, 2, shape).astype(bool)

    @cached_property
    def _known_likes(self) -> int:
        return likes_until_shown(self.context)

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns likes known to the attacker, enough for the totals to be shown."""
        return list(likes_of_sybils(self.context, "member", self.targets, self._known_likes))

    def round_events(self, number: int) -> Sequence[CanaryEvent]:
        """Returns the likes that the coins decide; in the last round also the withdrawals."""
        joined = [
            CanaryEvent(self._victim_id(index, number), target.name)
            for index, target in enumerate(self.targets)
            if self._coins[index, number - 1]
        ]
        if not number == self.context.scale.rounds > 1:
            return joined
        return joined + [
            CanaryEvent(self._victim_id(index, 1), target.name, liked=False)
            for index, target in enumerate(self.targets)
            if self._coins[index, 0]
        ]

    def _victim_id(self, index: int, number: int) -> str:
        return f"{self.context.run}-victim-{index}-{number}"

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:
        """Reads every total and guesses every coin."""
        observed = read_totals(self.context.deployment, self.targets, counted_epochs[-1] + 1)
        claim, withdrawal_epoch = self.context.claim, counted_epochs[-1] if len(counted_epochs) > 1 else None
        scores = coin_scores(
            observed, self._known_likes, counted_epochs, claim.encoder, claim.noise_scale, withdrawal_epoch
        )
        noise = extract_noise(
            observed, self._exact_totals(counted_epochs, withdrawal_epoch), claim.encoder, claim.noise_scale
        )
        return [
            self._evaluate_differencing(observed, counted_epochs, withdrawal_epoch),
            self._evaluate_inference(scores),
            self._evaluate_canaries(scores),
            noise_section(noise),
        ]

    def _exact_totals(
        self, counted_epochs: Sequence[int], withdrawal_epoch: int | None
    ) -> NDArray[np.float64]:
        """Returns the exact count of each total, shape (targets, epochs)."""
        changes = np.zeros((len(self.targets), counted_epochs[-1] + 1))
        changes[:, 0] = self._known_likes
        for epoch, joined in zip(counted_epochs, self._coins.T, strict=True):
            changes[:, epoch] += joined
        if withdrawal_epoch is not None:
            changes[:, withdrawal_epoch] -= self._coins[:, 0]
        return changes.cumsum(axis=1)

    def _evaluate_differencing(
        self, observed: NDArray[np.float64], counted_epochs: Sequence[int], withdrawal_epoch: int | None
    ) -> Section:
        claim, epoch = self.context.claim, counted_epochs[0]
        before = observed[:, epoch - 1] if epoch else np.full(len(observed), float(self._known_likes))
        joined_guesses = guesses_of_coins(
            "one like, from the totals before and after it",
            (observed[:, epoch] - before > 1 / 2) == self._coins[:, 0],
            claim,
        )
        attempts = [joined_guesses]
        if withdrawal_epoch is not None:
            # The attacker knows the likes of the same round.
            change = observed[:, withdrawal_epoch] - observed[:, withdrawal_epoch - 1] - self._coins[:, -1]
            attempts.append(
                guesses_of_coins(
                    "one withdrawal, from the totals before and after it",
                    (change < -1 / 2) == self._coins[:, 0],
                    claim,
                )
            )
        return Section(
            key="differencing",
            title="Differencing: totals before and after a like and its withdrawal",
            tried=f"On {len(observed):,} targets a coin decides whether one more account likes; the like is "
            "withdrawn in the last round. The attacker knows all other likes and takes the difference of the "
            "two consecutive totals, both times.",
            breaks="The coins are guessed more often than rho allows any attacker.",
            confidence=_describe_confidence("Clopper–Pearson"),
            findings=tuple(finding for finding, _ in attempts),
            plots=tuple(plot for _, plot in attempts),
        )

    def _evaluate_inference(self, scores: NDArray[np.float64]) -> Section:
        finding, plot = shares_of_targets(
            "membership, likelihood ratio over all releases", (scores > 0) == self._coins, self.context.claim
        )
        targets, rounds = scores.shape
        return Section(
            key="membership",
            title="Membership inference",
            tried=f"{targets:,} targets × {rounds} rounds: in each round a coin decides whether a new "
            "account likes; the likes of the first round are withdrawn in the last. The attacker has all "
            "totals, knows the encoder and all likes except those that coins decide, and compares the "
            "likelihoods with and without the account.",
            breaks="The coins are guessed more often than rho allows any attacker.",
            confidence=_describe_confidence("Student's t over independent targets"),
            findings=(finding,),
            plots=(plot,),
        )

    def _evaluate_canaries(self, scores: NDArray[np.float64]) -> Section:
        claim, canaries = self.context.claim, scores.size
        guesses = min(canaries, self.context.scale.sure_guesses)
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
                    "guesses correct",
                    passed=certain <= epsilon,
                )
            )
            rows.append(Comparison(what, bound, bound, bound, epsilon))
        return Section(
            key="canaries",
            title="Canaries with coin flips",
            tried=f"{canaries:,} canary accounts, each included by a coin. The attacker guesses the "
            f"{guesses:,} coins with the largest scores and abstains from the others (Steinke, Nasr & "
            "Jagielski 2023).",
            breaks="The lower bound on epsilon exceeds the claim.",
            confidence=f"The bound is stated at {1 - ONE_RUN_ALARM:.0%}. The result is decided by the bound "
            f"at 1 − {FALSE_ALARM:g}, so a false alarm has probability {FALSE_ALARM:g}.",
            findings=tuple(findings),
            plots=(ComparisonPlot("Lower bounds on epsilon", "epsilon", "claimed", tuple(rows)),),
        )


def coin_scores(
    observed: NDArray[np.float64],
    base: int,
    epochs: Sequence[int],
    encoder: Sequence[int],
    noise_scale: int,
    withdrawal_epoch: int | None = None,
) -> NDArray[np.float64]:
    """Returns the log likelihood ratio of each coin; positive means included.

    The noise of the measurements is white, a like of epoch e adds column e of C to them, and the other coins
    act as additional noise.

    Args:
        observed: totals, shape (targets, epochs); withheld totals are replaced by the known likes.
        base: likes known to the attacker, all in epoch 0.
        epochs: in which each round was counted.
        encoder: first column of C.
        noise_scale: standard deviation of a measurement.
        withdrawal_epoch: epoch in which the likes of the first round were withdrawn; None if they were not.
    """
    count = observed.shape[1]
    changes = np.zeros((count, len(epochs)))
    changes[list(epochs), np.arange(len(epochs))] = 1
    if withdrawal_epoch is not None:
        changes[withdrawal_epoch, 0] -= 1
    known = base + changes.cumsum(axis=0).sum(axis=1) / 2
    columns = encoder_matrix(encoder, count) @ changes
    directions = np.linalg.solve(noise_scale**2 * np.eye(count) + columns @ columns.T / 4, columns)
    # A coin is not part of its own noise; the Sherman–Morrison formula removes it.
    own_share = (columns * directions).sum(axis=0) / 4
    unexplained = recover_measurements(np.where(np.isnan(observed), known, observed) - known, encoder)
    scores: NDArray[np.float64] = unexplained @ directions / (1 - own_share)
    return scores


def _describe_confidence(method: str) -> str:
    return (
        f"{method}: a system that keeps its claim fails with a probability of at most {FALSE_ALARM:g}. "
        "The ceiling is Pinsker's, ½ + ½·√(rho / 2), or that of the claimed epsilon and delta if it is lower."
    )
