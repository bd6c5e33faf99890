"""Tracker attack: subtracts the published cells from the total to obtain a cell that is withheld."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.claim import list_profile_dimensions
from privacy.audit.black_box.context import TargetAttack
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.guess_findings import guesses_of_coins
from privacy.audit.black_box.guess_statistics import FALSE_ALARM
from privacy.audit.black_box.published import read_cells
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.report_model import Finding, Section

_SHOWN_LIKES = 400
_PUBLISHED = "published"


@dataclass
class TrackerAttack(TargetAttack):
    """The attack. A coin decides whether a victim is one of k accounts in a small cell next to a large one.

    Args:
        context: of the campaign.
    """

    key = "trackers"
    title = "Trackers: the total minus the published cells"

    def create_targets(self) -> list[Canary]:
        """Creates the targets."""
        return [
            self.context.single_release_canary(f"tracker-{number}")
            for number in range(self.context.scale.trackers)
        ]

    @cached_property
    def _coins(self) -> NDArray[np.bool_]:
        return self.context.coins.integers(0, 2, self.context.scale.trackers).astype(bool)

    @cached_property
    def _cells(self) -> tuple[str, str, str]:
        """A profile dimension, its large cell and its small cell."""
        dimension = list_profile_dimensions(self.context.claim)[0]
        large, small = self.context.claim.values[dimension][:2]
        return dimension, large, small

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns the likes of the large cell, of k−1 accounts in the small one, and of the victims."""
        context, (dimension, large, small) = self.context, self._cells
        sybils = context.claim.k - 1
        events = list(likes_of_sybils(context, "large", self.targets, _SHOWN_LIKES, {dimension: large}))
        events += likes_of_sybils(context, "small", self.targets, sybils, {dimension: small})
        return events + [
            CanaryEvent(f"{context.run}-tracked-{index}", target.name, {dimension: small})
            for index, target in enumerate(self.targets)
            if self._coins[index]
        ]

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Subtracts the published cells from the total and guesses the victims."""
        dimension, _, small = self._cells
        guessed, small_shown = np.zeros(len(self.targets), bool), 0
        for index, target in enumerate(self.targets):
            total, shares = read_cells(self.context.deployment, target, dimension)
            shown = sum(number["value"] for number in shares.values() if number["status"] == _PUBLISHED)
            small_shown += shares[small]["status"] == _PUBLISHED
            if total["value"] is not None:
                guessed[index] = total["value"] - shown > self.context.claim.k - 1 / 2
        finding, plot = guesses_of_coins(
            "the victim, from the total minus the published cells", guessed == self._coins, self.context.claim
        )
        hidden = Finding(
            what="the small cell itself",
            required="never published",
            found=f"published on {small_shown:,} of {len(self.targets):,} targets",
            passed=small_shown == 0,
        )
        section = Section(
            key=self.key,
            title=self.title,
            tried=f"On {len(self.targets):,} targets, one cell holds {_SHOWN_LIKES} accounts, and another "
            "one k−1 accounts of the attacker and, by a coin, the victim. The published cells are subtracted "
            "from the total.",
            breaks="The coins are guessed more often than rho allows any attacker, or the small cell is "
            "shown.",
            confidence="Clopper–Pearson: a system that keeps its claim fails with a probability of "
            f"{FALSE_ALARM:g}.",
            findings=(finding, hidden),
            plots=(plot,),
        )
        return [section]
