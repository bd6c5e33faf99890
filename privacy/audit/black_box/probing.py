"""Threshold probing: k−1 accounts of the attacker's own, and the victim's makes the number appear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.black_box.chance import FALSE_ALARM
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.published import totals_by_epoch
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.black_box.verdict import guesses_of_coins
from privacy.audit.report_model import Finding, Section

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Probing(Attack):
    """The attack, at k and where a number begins to show.

    Args:
        ground: of the campaign.
    """

    ground: CampaignContext

    @cached_property
    def _at_k(self) -> list[Canary]:
        return [self.ground.still_canary(f"k-{number}") for number in range(self.ground.sizes.thresholds)]

    @cached_property
    def _at_margin(self) -> list[Canary]:
        return [
            self.ground.still_canary(f"margin-{number}") for number in range(self.ground.sizes.thresholds)
        ]

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        return self.ground.coins.integers(0, 2, (2, self.ground.sizes.thresholds)).astype(bool)

    @property
    def _threshold(self) -> int:
        """From which estimate on a total is shown in the epoch of these targets."""
        return self.ground.claim.thresholds[self.ground.still_epoch]

    def canaries(self) -> Sequence[Canary]:
        """Targets at k, and targets at the margin."""
        return [*self._at_k, *self._at_margin]

    def first_events(self) -> Sequence[CanaryEvent]:
        """The sybils, and the victims that the coins let in."""
        claim = self.ground.claim
        events: list[CanaryEvent] = []
        for tag, targets, likes, coins in (
            ("k", self._at_k, claim.k - 1, self._coins[0]),
            ("margin", self._at_margin, self._threshold - 1, self._coins[1]),
        ):
            events += likes_of_sybils(self.ground, tag, targets, likes)
            events += [
                CanaryEvent(f"{self.ground.run}-probed-{tag}-{place}", target.name)
                for place, target in enumerate(targets)
                if coins[place]
            ]
        return events

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Look which numbers showed."""
        first = self._shown(self._at_margin)
        at_margin, plot = guesses_of_coins(
            f"the victim, from whether {self._threshold} likes are shown",
            first == self._coins[1],
            self.ground.claim,
        )
        section = Section(
            key="probing",
            title="Threshold probing with k−1 sybils and a victim",
            tried=f"On {len(first):,} targets k−1 accounts of the attacker's own like, and by a coin the "
            "victim. On as many others so many that the victim would lift the number to the threshold, "
            f"{self._threshold}.",
            breaks="A number about k or fewer accounts shows, or showing tells the coin more often than "
            "rho allows.",
            confidence="The first is certain. Of the others a system that keeps its claim fails with a "
            f"probability of at most {FALSE_ALARM:g} each.",
            findings=(*self._at_k_findings(), at_margin),
            plots=(plot,),
        )
        return [section]

    def _shown(self, targets: Sequence[Canary]) -> NDArray[np.bool_]:
        """Of which targets any release showed the total."""
        deployment = self.ground.deployment
        return np.array(
            [
                any(value is not None for value in totals_by_epoch(deployment, target).values())
                for target in targets
            ]
        )

    def _at_k_findings(self) -> tuple[Finding, Finding]:
        claim, shown, joined = self.ground.claim, self._shown(self._at_k), self._coins[0]
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
