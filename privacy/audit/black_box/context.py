"""What the attacks of one campaign share, and what an attack is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.deployment import Canary, CanaryEvent, Deployment
from privacy.audit.black_box.sizes import CampaignScale
from privacy.audit.progress import ProgressCallback
from privacy.audit.report_model import Section

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class CampaignContext:
    """What all attacks of one campaign share.

    Args:
        deployment: what is attacked.
        claim: what it claims of its sandbox.
        sizes: how much is tried.
        run: in the names of this campaign's canaries and accounts, and in those of no other.
        coins: throws coins; nobody but this process knows how they fell.
        first_release_ms: when the epoch ends in which the campaign plants its canaries.
        progress: told how far it is.
    """

    deployment: Deployment
    claim: Claim
    sizes: CampaignScale
    run: str
    coins: np.random.Generator
    first_release_ms: int
    progress: ProgressCallback

    def canary(self, name: str) -> Canary:
        """A canary of this run that is as young as can be: released in every round."""
        return self._canary(name, 0)

    def still_canary(self, name: str) -> Canary:
        """A canary of this run that is released once, and not again before the campaign is over."""
        return self._canary(name, self.still_epoch)

    @property
    def still_epoch(self) -> int:
        """In which the still canaries are released."""
        return self.claim.epoch_followed_by(self.sizes.still_seconds)

    def _canary(self, name: str, epoch: int) -> Canary:
        age_ms = 1000 * self.claim.due_ages_seconds[epoch]
        return Canary(f"{self.run}-{name}", self.first_release_ms - age_ms)


class Attack(Protocol):
    """One attack, or several on the same canaries; it plants and sends nothing where it does not say so."""

    def canaries(self) -> Sequence[Canary]:
        """What it needs."""
        return ()

    def first_events(self) -> Sequence[CanaryEvent]:
        """What is sent before the first release."""
        return ()

    def round_events(self, number: int) -> Sequence[CanaryEvent]:  # noqa: ARG002 - for those who send
        """What is sent in a round, from 1."""
        return ()

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:
        """Read what was published, attack, and say what came of it.

        Args:
            landed: the epoch in which each round was counted.
        """
