"""Trackers: a cell too small to be shown is the total less the cells that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.black_box.chance import FALSE_ALARM
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.profiles import profile_dimensions
from privacy.audit.black_box.published import cells
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.black_box.verdict import guesses_of_coins
from privacy.audit.report_model import Finding, Section

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN_LIKES = 400
_PUBLISHED = "published"


@dataclass
class Trackers(Attack):
    """The attack. A victim is, or is not, one of k accounts in a small cell beside a large one.

    Args:
        ground: of the campaign.
    """

    ground: CampaignContext

    @cached_property
    def _targets(self) -> list[Canary]:
        return [self.ground.still_canary(f"tracker-{number}") for number in range(self.ground.sizes.trackers)]

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        return self.ground.coins.integers(0, 2, self.ground.sizes.trackers).astype(bool)

    @cached_property
    def _cells(self) -> tuple[str, str, str]:
        """A dimension of profiles, its large cell and its small one."""
        dimension = profile_dimensions(self.ground.claim)[0]
        large, small = self.ground.claim.values[dimension][:2]
        return dimension, large, small

    def canaries(self) -> Sequence[Canary]:
        """The targets."""
        return self._targets

    def first_events(self) -> Sequence[CanaryEvent]:
        """The large cell, k−1 accounts of the small one, and the victims."""
        ground, (dimension, large, small) = self.ground, self._cells
        sybils = ground.claim.k - 1
        events = list(likes_of_sybils(ground, "large", self._targets, _SHOWN_LIKES, {dimension: large}))
        events += likes_of_sybils(ground, "small", self._targets, sybils, {dimension: small})
        return events + [
            CanaryEvent(f"{ground.run}-tracked-{place}", target.name, {dimension: small})
            for place, target in enumerate(self._targets)
            if self._coins[place]
        ]

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Take what is shown from the total, and guess."""
        dimension, _, small = self._cells
        guessed, small_shown = np.zeros(len(self._targets), bool), 0
        for place, target in enumerate(self._targets):
            total, shares = cells(self.ground.deployment, target, dimension)
            shown = sum(number["value"] for number in shares.values() if number["status"] == _PUBLISHED)
            small_shown += shares[small]["status"] == _PUBLISHED
            if total["value"] is not None:
                guessed[place] = total["value"] - shown > self.ground.claim.k - 1 / 2
        finding, plot = guesses_of_coins(
            "the victim, from the total less the published cells", guessed == self._coins, self.ground.claim
        )
        hidden = Finding(
            what="the small cell itself",
            required="never published",
            found=f"published on {small_shown:,} of {len(self._targets):,} targets",
            passed=small_shown == 0,
        )
        section = Section(
            key="trackers",
            title="Trackers: the total less the cells that are shown",
            tried=f"On {len(self._targets):,} targets one cell holds {_SHOWN_LIKES} accounts, another one "
            "k−1 of the attacker's own and, by a coin, the victim. What is published is taken from the "
            "total.",
            breaks="The coins are guessed more often than rho allows any attacker, or the small cell shows.",
            confidence="Clopper–Pearson: a system that keeps its claim fails with a probability of "
            f"{FALSE_ALARM:g}.",
            findings=(finding, hidden),
            plots=(plot,),
        )
        return [section]
