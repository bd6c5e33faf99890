"""The black-box audit: runs every attack on a running deployment from outside and makes one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from privacy.audit.black_box.appearance import AppearanceAttack
from privacy.audit.black_box.audience_membership import AudienceAttack
from privacy.audit.black_box.campaign import Campaign
from privacy.audit.black_box.campaign_scale import ATTEMPTS, LEAD_FACTOR, CampaignScale
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Deployment
from privacy.audit.black_box.membership import MembershipAttack
from privacy.audit.black_box.probing import ProbingAttack
from privacy.audit.black_box.published import read_document
from privacy.audit.black_box.query_variation import QueryVariationAttack
from privacy.audit.black_box.reconstruction import ReconstructionAttack
from privacy.audit.black_box.release_monitor import ReleaseMonitor
from privacy.audit.black_box.side_channels import SideChannelAttack
from privacy.audit.black_box.store_access import StoreAccessAttack
from privacy.audit.black_box.suppression import SuppressionAttack
from privacy.audit.black_box.trackers import TrackerAttack
from privacy.audit.check import ProgressCallback
from privacy.audit.report_model import AuditReport
from privacy.errors import InvalidInputError, StoreBusyError
from privacy.model.timestamp import Clock, format_timestamp

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class BlackBox:
    """A black-box audit, as a reviewer configures it.

    Args:
        deployment: the deployment under attack.
        scale: numbers of canaries and requests.
        clock: now, in ms since 1970 UTC.
        wait: sleeps for the given number of seconds.
        stopwatch: seconds from an arbitrary moment on.
        coins: coin flips, from the operating system's entropy.
        run: unique name of this campaign.
        logs: folder of the deployment's logs, if the reviewer has it.
        store_url: the public plane's own address of the store, if the reviewer has it.
        secrets: the keys in use, which no log may contain.
    """

    deployment: Deployment
    scale: CampaignScale
    clock: Clock
    wait: Callable[[float], object]
    stopwatch: Callable[[], float]
    coins: np.random.Generator
    run: str
    logs: Path | None = None
    store_url: str | None = field(default=None, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)

    def audit(self, progress: ProgressCallback) -> AuditReport:
        """Carries out all attacks; one that cannot be finished becomes a section that does not pass.

        Raises:
            InvalidInputError: before the attacks, the deployment refuses a request that the keys should
                allow, or it has no sandbox.
            StoreBusyError: before the attacks, it does not answer, or makes no releases.
        """
        started_ms = self.clock()
        claim = self._read_claim()
        sections = self._plant_campaign(claim, progress).run()
        ended_ms = self.clock()
        epsilons = ", ".join(f"ε {epsilon:g} at δ {delta:g}" for delta, epsilon in claim.epsilons.items())
        return AuditReport(
            title="Black box",
            claim="Every number that is ever published satisfies ρ-zCDP for each engagement (one account's "
            f"relation of one kind to one target), with ρ = {claim.rho:g} ({epsilons}), and no measured "
            f"number (a total, a cell, removals) about fewer than k = {claim.k} accounts is published.",
            facts=(
                ("policy", claim.version),
                ("run", self.run),
                ("rounds", str(self.scale.rounds)),
                ("coins", f"{self.scale.members * self.scale.rounds:,}"),
                ("largest possible share of correct guesses", f"{claim.accuracy_ceiling:.1%}"),
            ),
            made_at=format_timestamp(ended_ms),
            seconds=(ended_ms - started_ms) / 1000,
            sections=tuple(sections),
        )

    def _plant_campaign(self, claim: Claim, progress: ProgressCallback) -> Campaign:
        """Plants the canaries before their first release; retries with more time if that fails."""
        for attempt in range(ATTEMPTS):
            context = CampaignContext(
                self.deployment,
                claim,
                self.scale,
                f"{self.run}-{attempt}",
                self.coins,
                self.clock() + 1000 * self.scale.lead_seconds * LEAD_FACTOR**attempt,
                progress,
            )
            monitor = ReleaseMonitor(context, self.clock)
            campaign = Campaign(
                context, self._create_attacks(context, monitor), monitor, self.clock, self.wait
            )
            if campaign.plant():
                return campaign
        raise StoreBusyError(
            "the deployment is too slow for this number of canaries; try --quick, or a less busy machine"
        )

    def _read_claim(self) -> Claim:
        sandbox = read_document(self.deployment, "/v1/privacy")["sandbox"]
        if not sandbox:
            raise InvalidInputError("policy", "has no sandbox", "a policy with the table [sandbox]")
        return Claim.from_document(
            read_document(self.deployment, f"/v1/privacy?version={sandbox['version']}")
        )

    def _create_attacks(self, context: CampaignContext, monitor: ReleaseMonitor) -> list[Attack]:
        attacks: list[Attack] = [
            QueryVariationAttack(context),
            SuppressionAttack(context),
            monitor,
            MembershipAttack(context),
            TrackerAttack(context),
            ProbingAttack(context),
            ReconstructionAttack(context),
            AppearanceAttack(context, self.clock, self.wait, self.stopwatch, self.store_url),
            SideChannelAttack(context, self.logs, self.secrets),
        ]
        if context.claim.audience:
            attacks.append(AudienceAttack(context, context.claim.audience, self.clock, self.wait))
        return [*attacks, *([StoreAccessAttack(self.store_url)] if self.store_url else [])]
