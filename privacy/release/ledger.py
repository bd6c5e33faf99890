"""The privacy ledger: records each release, its time, policy and cost; every entry names the previous one."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

import msgspec

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.audience_accounting import AudienceCalibration
from privacy.model.documents import LedgerEntry
from privacy.policy.policy import Policy
from privacy.release.audiences import NewAudience
from privacy.release.engine import NewRelease


class LedgerHead(msgspec.Struct, frozen=True, gc=False):
    """The end of one shard's chain.

    Args:
        shard: number of the target shard.
        length: number of entries so far.
        digest: SHA-256 of the last entry in hex; empty before the first.
    """

    shard: int
    length: int
    digest: str

    def append(self, release: NewRelease, calibration: Calibration) -> tuple[bytes, LedgerHead]:
        """Return the encoded entry of a release and the head after it.

        The cost does not depend on the data: it is the cost of the target's whole schedule, which is the same
        at every epoch. Nothing in an entry depends on what was withheld.
        """
        policy, kind = calibration.policy, calibration.kind
        return self._append(release, kind.label, policy, policy.budgets[kind].spent)

    def append_audience(
        self, release: NewAudience, calibration: AudienceCalibration
    ) -> tuple[bytes, LedgerHead]:
        """Return the encoded entry of an audience and the head after it.

        The cost is that of all its numbers together, each of which is drawn once.
        """
        rho = calibration.period.rho
        cost = str(Decimal(rho.numerator) / Decimal(rho.denominator))
        return self._append(release, calibration.kind, calibration.policy, cost)

    def _append(
        self, release: NewRelease | NewAudience, kind: str, policy: Policy, rho: str
    ) -> tuple[bytes, LedgerHead]:
        state = release.due.state
        entry = LedgerEntry(
            shard=self.shard,
            sequence=self.length,
            previous=self.digest,
            target_id=state.target_id,
            kind=kind,
            epoch=state.epoch,
            as_of_ms=release.as_of_ms,
            policy_version=policy.version,
            policy_digest=policy.digest,
            rho=rho,
            release_sha256=sha256(release.encoded).hexdigest(),
        )
        encoded = msgspec.json.encode(entry)
        return encoded, LedgerHead(self.shard, self.length + 1, sha256(encoded).hexdigest())
