"""What the handlers of trust & safety work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privacy.moderation.accounts import AccountModeration
    from privacy.moderation.advisories import Advisories
    from privacy.moderation.audit_trail import AuditTrail
    from privacy.moderation.jobs import Jobs
    from privacy.moderation.truth import Repair
    from privacy.tally.catalogue import Catalogue
    from privacy.vault.marks import Marks
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
    marks: Marks
    repair: Repair
    advisories: Advisories
    trail: AuditTrail
    keys: PseudonymKeys
