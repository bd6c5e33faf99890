"""The release worker and the ledger signer, wired together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from privacy.errors import StoreError
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Kind
from privacy.model.timestamp import Clock
from privacy.policy.registry import policy_of
from privacy.publishing.publisher import Publisher
from privacy.publishing.signature_writer import SignatureWriter
from privacy.release.worker import ReleaseWorker
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import caught_up
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.signing.ledger_signer import LedgerSigner
from privacy.signing.signing_key_file import load_signing_key
from privacy.store.acl import Room
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import StoreSettings
from privacy.store.users import PUBLISHER, RELEASE, SIGNER
from privacy.tally.series import LedgerLog, TallyShard

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True)
class Calibrations:
    """The mechanism of every policy that a store knows: also of one that is enrolled later.

    Args:
        client: may read the store's policies.
    """

    client: Redis
    _known: dict[tuple[str, Kind], Calibration] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, version: str, kind: Kind) -> Calibration:
        """The mechanism of a policy version and kind.

        Raises:
            PolicyError: the policy asks for what the mechanism cannot give.
            StoreError: the store does not know the version.
            StoreBusyError: the store did not answer.
        """
        if (version, kind) not in self._known:
            policy = policy_of(self.client, version)
            if policy is None:
                raise StoreError(f"a target is bound to the policy {version}, which the store does not know")
            self._known[version, kind] = calibrate(policy, kind)
        return self._known[version, kind]


def make_release_workers(
    settings: StoreSettings,
    header: StoreHeader,
    erasures: ErasureLog,
    entropy: EntropySource,
    clock: Clock,
) -> list[ReleaseWorker]:
    """Wire release workers together, one a target shard; they write to no other stores than these.

    While the store lacks erasures that are listed, its connections are refused: nothing is released. A tally
    that has forgotten releases releases nothing either.
    """
    client = connect(settings, RELEASE, greet=caught_up(header.greet, erasures))
    header.of_gallery.verify(connect(settings, PUBLISHER))
    publisher = Publisher(connect(settings, PUBLISHER, greet=header.of_gallery.greet))
    calibrations = Calibrations(client)
    watermark = ReleaseWatermark(erasures.folder, header.store_id)
    return [
        ReleaseWorker([TallyShard(client, shard)], publisher, calibrations, entropy, clock, watermark)
        for shard in range(header.target_shards)
    ]


def make_ledger_signer(
    settings: StoreSettings, header: StoreHeader, key_file: Path, clock: Clock
) -> LedgerSigner:
    """Wire a ledger signer together; it reads and writes no other stores than these."""
    return LedgerSigner(
        LedgerLog(connect(settings, SIGNER, Room.PRIVATE, greet=header.greet)),
        SignatureWriter(connect(settings, SIGNER, greet=header.of_gallery.greet)),
        partial(load_signing_key, key_file),
        header.target_shards,
        clock,
    )
