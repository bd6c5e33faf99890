"""The dependencies of the platform plane's handlers."""

from __future__ import annotations

from dataclasses import dataclass

from api.http.flask_app import Gateway
from api.http.idempotency import Idempotency
from api.platform.event_decoder import EventDecoder
from privacy.catalogue.catalogue import Catalogue
from privacy.intake.admission import AdmissionControl
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
    """Trust & safety.

    Args:
        accounts: restricts, bans, reinstates and deletes accounts.
        jobs: runs long work.
        catalogue: takes targets down and restores them.
        blocks: blocks single engagements.
        resync: repairs accounts from the platform's own list.
        advisories: reports suspicious activity to staff.
        trail: records staff actions.
        keys: the pseudonym keys.
    """

    accounts: AccountModeration
    jobs: Jobs
    catalogue: Catalogue
    blocks: EngagementBlocks
    resync: ResyncService
    advisories: Advisories
    trail: AuditTrail
    keys: PseudonymKeys


@dataclass(frozen=True)
class PlatformServices:
    """The platform plane, wired together in its app.

    Args:
        gateway: checks every request.
        admission: takes in events.
        history: takes in events from before Likewise was there.
        catalogue: registers targets.
        intake: bounds on times.
        idempotency: keeps responses for repeated requests.
        moderation: trust & safety.
        rights: data-subject rights.
        decoder: decodes events.
        sandbox: the same services for the sandbox; None if the policy in force has none.
    """

    gateway: Gateway
    admission: AdmissionControl
    history: AdmissionControl
    catalogue: Catalogue
    intake: IntakePolicy
    idempotency: Idempotency
    moderation: Moderation
    rights: DataSubjectRights
    decoder: EventDecoder
    sandbox: PlatformServices | None = None
