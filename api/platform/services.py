"""What the handlers of the platform plane work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from api.http.flask_app import Gateway
from api.http.idempotency import Idempotency
from api.platform.event_decoder import EventDecoder
from privacy.catalogue.catalogue import Catalogue, Registration, TargetMetadata
from privacy.intake.admission import Outcome
from privacy.intake.event_columns import EventColumns
from privacy.moderation.accounts import AccountModeration
from privacy.moderation.advisories import Advisories
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.jobs import Jobs
from privacy.moderation.resync import ResyncService
from privacy.moderation.rights import DataSubjectRights
from privacy.policy.policy import IntakePolicy
from privacy.vault.blocks import EngagementBlocks
from privacy.vault.shards import PseudonymKeys


@dataclass(frozen=True)
class Moderation:
    """Trust & safety, wired together.

    Args:
        accounts: restricts, bans, reinstates, deletes.
        jobs: long work.
        targets: taken down and restored.
        marks: single engagements.
        repair: from the platform's own list.
        advisories: for staff.
        trail: what staff did.
        keys: of the pseudonyms.
    """

    accounts: AccountModeration
    jobs: Jobs
    targets: Catalogue
    marks: EngagementBlocks
    repair: ResyncService
    advisories: Advisories
    trail: AuditTrail
    keys: PseudonymKeys


class Door(Protocol):
    """Takes events in: `privacy.intake.admission.AdmissionControl`."""

    def admit(self, events: EventColumns, now_ms: int) -> list[Outcome]:
        """Judge a batch and store what passes."""


class Registry(Protocol):
    """Registers targets: `privacy.catalogue.catalogue.Catalogue`."""

    def register(self, targets: Sequence[TargetMetadata], now_ms: int) -> list[Registration]:
        """Register targets or update their metadata."""


@dataclass(frozen=True)
class PlatformServices:
    """The platform plane, wired together in its app.

    Args:
        edge: what every request passes.
        door: of the vault.
        registry: of targets.
        intake: bounds on times.
        idempotency: answers kept for requests that are sent again.
        moderation: trust & safety.
        rights: of people.
        sandbox: the same for the sandbox; None where the policy in force has none.
        decoder: of events.
    """

    gateway: Gateway
    door: Door
    registry: Registry
    intake: IntakePolicy
    idempotency: Idempotency
    moderation: Moderation
    rights: DataSubjectRights
    sandbox: PlatformServices | None = None
    decoder: EventDecoder = field(default_factory=EventDecoder)
