"""Threshold probing: the attacker adds k−1 accounts and checks whether a victim makes the number appear."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.guess_findings import guesses_of_coins
from privacy.audit.black_box.guess_statistics import FALSE_ALARM
from privacy.audit.black_box.published import read_totals_by_epoch
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.report_model import Finding, Section


@dataclass
class ProbingAttack(Attack):
    """The attack, on numbers at k and on numbers at their threshold.

    Args:
        context: of the campaign.
    """

    key = "probing"
    title = "Threshold probing with k−1 sybils and a victim"

    context: CampaignContext

    @cached_property
    def _at_k(self) -> list[Canary]:
        return [
            self.context.single_release_canary(f"k-{number}")
            for number in range(self.context.scale.thresholds)
        ]

    @cached_property
    def _at_margin(self) -> list[Canary]:
        return [
            self.context.single_release_canary(f"margin-{number}")
            for number in range(self.context.scale.thresholds)
        ]

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        return self.context.coins.integers(0, 2, (2, self.context.scale.thresholds)).astype(bool)

    @property
    def _threshold(self) -> int:
        """Smallest estimate with which the total of these targets is shown."""
        return self.context.claim.thresholds[self.context.single_release_epoch]

    def canaries(self) -> Sequence[Canary]:
        """Returns targets at k and targets at the margin."""
        return [*self._at_k, *self._at_margin]

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns the likes of the sybils, and of the victims that the coins include."""
        claim = self.context.claim
        events: list[CanaryEvent] = []
        for tag, targets, likes, coins in (
            ("k", self._at_k, claim.k - 1, self._coins[0]),
            ("margin", self._at_margin, self._threshold - 1, self._coins[1]),
        ):
            events += likes_of_sybils(self.context, tag, targets, likes)
            events += [
                CanaryEvent(f"{self.context.run}-probed-{tag}-{index}", target.name)
                for index, target in enumerate(targets)
                if coins[index]
            ]
        return events

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Checks which numbers are shown."""
        first = self._shown_targets(self._at_margin)
        at_margin, plot = guesses_of_coins(
            f"the victim, from whether the total of about {self._threshold} likes is shown",
            first == self._coins[1],
            self.context.claim,
        )
        section = Section(
            key=self.key,
            title=self.title,
            tried=f"On {len(first):,} targets, k−1 accounts of the attacker like, and a coin decides whether "
            "the victim does. On the same number of other targets, the victim lifts the count to the "
            f"threshold of {self._threshold}.",
            breaks="A number about k or fewer accounts is shown, or showing a number reveals the coin more "
            "often than rho allows.",
            confidence="The first finding is certain. A system that keeps its claim fails each of the others "
            f"with a probability of at most {FALSE_ALARM:g}.",
            findings=(*self._at_k_findings(), at_margin),
            plots=(plot,),
        )
        return [section]

    def _shown_targets(self, targets: Sequence[Canary]) -> NDArray[np.bool_]:
        """Returns for each target whether any release showed its total."""
        deployment = self.context.deployment
        return np.array(
            [
                any(value is not None for value in read_totals_by_epoch(deployment, target).values())
                for target in targets
            ]
        )

    def _at_k_findings(self) -> tuple[Finding, Finding]:
        claim, shown, joined = self.context.claim, self._shown_targets(self._at_k), self._coins[0]
        below, at = int(shown[~joined].sum()), int(shown[joined].sum())
        return (
            Finding(
                what=f"k−1 = {claim.k - 1} accounts",
                required="never shown, with certainty",
                found=f"shown on {below:,} of {int((~joined).sum()):,} targets",
                passed=below == 0,
            ),
            Finding(
                what=f"k = {claim.k} accounts, the victim among them",
                required=f"shown with a probability of at most {claim.gate_delta:g}",
                found=f"shown on {at:,} of {int(joined.sum()):,} targets",
                passed=at == 0,
            ),
        )
