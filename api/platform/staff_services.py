"""Trust & safety and the rights of people, wired together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from api.platform.moderation.services import Moderation
from privacy.moderation.accounts import AccountModeration
from privacy.moderation.advisories import Advisories
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.jobs import Jobs
from privacy.moderation.receipts import Receipts
from privacy.moderation.rights import Rights
from privacy.moderation.truth import Repair
from privacy.moderation.unfinished import UnfinishedWork
from privacy.store.erasure_mark import ErasureMark
from privacy.vault.erasure import Erasure
from privacy.vault.marks import Marks
from privacy.vault.resync import Resync
from privacy.vault.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

    from privacy.policy_book import PolicyBook
    from privacy.store.erasure_list import ErasureList
    from privacy.tally.catalogue import Catalogue
    from privacy.vault.vault import Vault


class StaffServices(NamedTuple):
    """What staff can do.

    Args:
        moderation: trust & safety.
        rights: of people.
    """

    moderation: Moderation
    rights: Rights


def staff_services(
    vault: Vault,
    catalogue: Catalogue,
    book: PolicyBook,
    erasures: ErasureList,
    entropy: Callable[[int], bytes],
) -> StaffServices:
    """Wire them together.

    Args:
        vault: with the platform plane's credentials.
        catalogue: of targets.
        book: the store's policies.
        erasures: the list of erasures, outside of the store.
        entropy: answers so many bytes of the operating system's CSPRNG.
    """
    shards, caps, retention = vault.shards, vault.caps, book.current.retention
    client, keys = shards.client, shards.keys
    settlement = Settlement(shards, caps)
    trail, unfinished, advisories = AuditTrail(client), UnfinishedWork(client), Advisories(client)
    moderation = Moderation(
        accounts=AccountModeration(settlement, keys, trail, unfinished, retention.deleted_account_seconds),
        jobs=Jobs(client, shards.count, retention.job_seconds),
        targets=catalogue,
        marks=Marks(shards, caps),
        repair=Repair(book, catalogue, Resync(vault)),
        advisories=advisories,
        trail=trail,
        keys=keys,
    )
    rights = Rights(
        client=client,
        settlement=settlement,
        erasure=Erasure(shards, ErasureMark(client, erasures)),
        keys=keys,
        trail=trail,
        unfinished=unfinished,
        receipts=Receipts(client, entropy, retention.audit_trail_seconds, retention.backup_seconds),
        advisories=advisories,
        closed_seconds=book.closed_seconds,
    )
    return StaffServices(moderation, rights)
