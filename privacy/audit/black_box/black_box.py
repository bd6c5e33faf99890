"""The black-box audit: every attack on a running deployment, from outside, in one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from privacy.audit.black_box.campaign import Campaign
from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Deployment
from privacy.audit.black_box.membership import Membership
from privacy.audit.black_box.probing import Probing
from privacy.audit.black_box.published import document
from privacy.audit.black_box.query_variation import QueryVariationAttack
from privacy.audit.black_box.reconstruction import Reconstruction
from privacy.audit.black_box.release_monitor import ReleaseMonitor
from privacy.audit.black_box.side_channels import SideChannelAttack
from privacy.audit.black_box.sizes import CampaignScale
from privacy.audit.black_box.store_access import StoreAccess
from privacy.audit.black_box.suppression import SuppressionAttack
from privacy.audit.black_box.trackers import Trackers
from privacy.audit.progress import ProgressCallback
from privacy.audit.report_model import AuditReport
from privacy.errors import InvalidInputError, StoreBusyError
from privacy.model.timestamp import Clock, format_timestamp

if TYPE_CHECKING:
    import numpy as np


ATTEMPTS = 3
LONGER = 3
"""Every further attempt has so many times the time."""


@dataclass(frozen=True)
class BlackBox:
    """What a reviewer brings along.

    Args:
        deployment: what is attacked.
        sizes: how much is tried.
        clock: now, in ms since 1970 UTC.
        wait: rests so many seconds.
        coins: throws coins, from the operating system's entropy.
        run: names this campaign; of no other one.
        logs: folder of the deployment's logs, if the reviewer has it.
        store_url: the public plane's own address of the store, if the reviewer has it.
        secrets: the keys in use, which no log may hold.
    """

    deployment: Deployment
    sizes: CampaignScale
    clock: Clock
    wait: Callable[[float], object]
    coins: np.random.Generator
    run: str
    logs: Path | None = None
    store_url: str | None = field(default=None, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)

    def audit(self, progress: ProgressCallback) -> AuditReport:
        """Carry all attacks out.

        Raises:
            InvalidInputError: the deployment refuses what the keys should allow, or has no sandbox.
            StoreBusyError: it does not answer, or releases nothing.
        """
        started_ms = self.clock()
        claim = self._claim()
        sections = self._planted(claim, progress).run()
        ended_ms = self.clock()
        epsilons = ", ".join(f"ε {epsilon:g} at δ {delta:g}" for delta, epsilon in claim.epsilons.items())
        return AuditReport(
            title="Black box",
            claim=f"One engagement, over everything that is ever published of it: ρ = {claim.rho:g} "
            f"({epsilons}); no number about fewer than k = {claim.k} accounts.",
            facts=(
                ("policy", claim.version),
                ("run", self.run),
                ("rounds", str(self.sizes.rounds)),
                ("coins", f"{self.sizes.members * self.sizes.rounds:,}"),
                ("most right guesses of a coin", f"{claim.accuracy_ceiling:.1%}"),
            ),
            made_at=format_timestamp(ended_ms),
            seconds=(ended_ms - started_ms) / 1000,
            sections=tuple(sections),
        )

    def _planted(self, claim: Claim, progress: ProgressCallback) -> Campaign:
        """A campaign whose canaries stand before their first release; a slow deployment gets more time."""
        for attempt in range(ATTEMPTS):
            ground = CampaignContext(
                self.deployment,
                claim,
                self.sizes,
                f"{self.run}-{attempt}",
                self.coins,
                self.clock() + 1000 * self.sizes.lead_seconds * LONGER**attempt,
                progress,
            )
            watch = ReleaseMonitor(ground, self.clock)
            campaign = Campaign(ground, self._attacks(ground, watch), watch, self.clock, self.wait)
            if campaign.plant():
                return campaign
        raise StoreBusyError("the deployment is too slow for so many canaries: try --quick")

    def _claim(self) -> Claim:
        sandbox = document(self.deployment, "/v1/privacy")["sandbox"]
        if not sandbox:
            raise InvalidInputError("policy", "has no sandbox", "a policy with the table [sandbox]")
        return Claim.of_document(document(self.deployment, f"/v1/privacy?version={sandbox['version']}"))

    def _attacks(self, ground: CampaignContext, watch: ReleaseMonitor) -> list[Attack]:
        attacks: list[Attack] = [
            QueryVariationAttack(ground),
            SuppressionAttack(ground),
            watch,
            Membership(ground),
            Trackers(ground),
            Probing(ground),
            Reconstruction(ground),
            SideChannelAttack(ground, self.logs, self.secrets),
        ]
        return [*attacks, *([StoreAccess(self.store_url)] if self.store_url else [])]
