"""The privacy ledger: what was released, when, how, at which cost; every entry names the one before."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from privacy.gallery.documents import LedgerEntry

if TYPE_CHECKING:
    from privacy.policy import Policy
    from privacy.release.engine import Release


@dataclass(frozen=True)
class LedgerHead:
    """The end of one shard's chain.

    Args:
        shard: number of the target shard.
        length: entries so far.
        digest: SHA-256 of the last entry in hex; empty before the first.
    """

    shard: int
    length: int
    digest: str

    def append(self, release: Release, policy: Policy) -> tuple[bytes, LedgerHead]:
        """The entry of a release, and the head after it.

        The cost is the same whatever the data were: it is that of the target's whole schedule, which is the
        same at every epoch of it. Nothing in an entry depends on what was withheld.
        """
        document = release.document
        entry = LedgerEntry(
            shard=self.shard,
            sequence=self.length,
            previous=self.digest,
            target_id=document.target_id,
            kind=document.kind,
            epoch=document.epoch,
            as_of_ms=document.as_of_ms,
            cut_at_ms=document.cut_at_ms,
            policy_version=policy.version,
            policy_digest=policy.digest,
            rho=_spent(release, policy),
            release_sha256=sha256(release.encoded).hexdigest(),
        )
        encoded = msgspec.json.encode(entry)
        return encoded, LedgerHead(self.shard, self.length + 1, sha256(encoded).hexdigest())


def _spent(release: Release, policy: Policy) -> str:
    budget = next(budget for kind, budget in policy.budgets.items() if kind.label == release.document.kind)
    spent = budget.rho - budget.reserve
    return str(Decimal(spent.numerator) / Decimal(spent.denominator))
