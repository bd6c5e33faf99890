"""The interface of an attack, and the context that the attacks of a campaign share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol

from privacy.audit.black_box.campaign_scale import CampaignScale
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.deployment import Canary, CanaryEvent, Deployment
from privacy.audit.check import ProgressCallback
from privacy.audit.report_model import Section

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class CampaignContext:
    """Shared by all attacks of one campaign.

    Args:
        deployment: the deployment under attack.
        claim: the guarantee of its sandbox.
        scale: numbers of canaries and requests.
        run: unique part of the names of this campaign's canaries and accounts.
        coins: coin flips, known to this process only.
        first_release_ms: end of the epoch in which the campaign plants its canaries.
        progress: called as the work advances.
    """

    deployment: Deployment
    claim: Claim
    scale: CampaignScale
    run: str
    coins: np.random.Generator
    first_release_ms: int
    progress: ProgressCallback

    def canary(self, name: str) -> Canary:
        """Creates a canary of the youngest possible age, which is released in every round."""
        return self._canary(name, 0)

    def single_release_canary(self, name: str) -> Canary:
        """Creates a canary that is released only once during the campaign."""
        return self._canary(name, self.single_release_epoch)

    @property
    def single_release_epoch(self) -> int:
        """Epoch in which the single-release canaries are released."""
        return self.claim.find_epoch_before_quiet(self.scale.quiet_seconds)

    def _canary(self, name: str, epoch: int) -> Canary:
        age_ms = 1000 * self.claim.due_ages_seconds[epoch]
        return Canary(f"{self.run}-{name}", self.first_release_ms - age_ms)


class Attack(Protocol):
    """One attack, or several on the same canaries; by default it plants, sends and begins nothing.

    Args:
        key: of its section, or of all of them together if it cannot be finished.
        title: of the same.
    """

    key: ClassVar[str]
    title: ClassVar[str]

    def canaries(self) -> Sequence[Canary]:
        """Returns the canaries that the attack needs."""
        return ()

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns the events to send before the first release."""
        return ()

    def round_events(self, number: int) -> Sequence[CanaryEvent]:  # noqa: ARG002 - used by overriding methods
        """Returns the events to send in a round; rounds are numbered from 1."""
        return ()

    def begin(self) -> None:
        """Starts, after the rounds and before any evaluation, what takes its time until it is evaluated."""
        return

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:
        """Reads the published numbers, attacks, and returns the results.

        Args:
            counted_epochs: the epoch in which each round was counted.
        """


@dataclass
class TargetAttack(Attack):
    """An attack on canaries of its own.

    Args:
        context: of the campaign.
    """

    context: CampaignContext

    @cached_property
    def targets(self) -> list[Canary]:
        """The canaries, always in the same order."""
        return self.create_targets()

    @abstractmethod
    def create_targets(self) -> list[Canary]:
        """Creates the canaries."""

    def canaries(self) -> Sequence[Canary]:
        """Returns the targets."""
        return self.targets
