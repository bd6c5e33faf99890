"""The workers of the private plane, wired together: the relay, the release worker and the notary."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from privacy.errors import StoreError
from privacy.gallery.notary_desk import NotaryDesk
from privacy.gallery.publisher import Publisher
from privacy.ledger.key_file import load_signer
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.policy_book import policy_of
from privacy.release.notary import Notary
from privacy.release.outside import ReleasedOutside
from privacy.release.worker import ReleaseWorker
from privacy.store.acl import Room
from privacy.store.checks import check_server, require
from privacy.store.connect import connect
from privacy.store.erasure_mark import in_step
from privacy.store.header import StoreHeader
from privacy.store.users import NOTARY, PUBLISHER, RELAY, RELEASE
from privacy.tally.ledger_log import LedgerLog
from privacy.tally.relay import Relay
from privacy.tally.series import TallyShard

if TYPE_CHECKING:
    from pathlib import Path

    from redis import Redis

    from privacy.mechanism.entropy import EntropySource
    from privacy.model.engagement import Kind
    from privacy.model.timestamp import Clock
    from privacy.store.acl import AclUser
    from privacy.store.erasure_list import ErasureList
    from privacy.store.settings import StoreSettings


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


def fit_store(settings: StoreSettings, user: AclUser, clock: Clock) -> StoreHeader:
    """Make sure that the private room's store is there and fit, before a process starts to work on it.

    Raises:
        StoreError: it is not.
        StoreBusyError: it cannot answer now.
    """
    client = connect(settings, user)
    require(check_server(client, clock))
    return StoreHeader.read(client)


def make_relay(settings: StoreSettings, header: StoreHeader) -> Relay:
    """Wire a relay together; it writes to no other store than the header's."""
    return Relay(connect(settings, RELAY, greet=header.greet), header)


def make_release_workers(
    settings: StoreSettings,
    header: StoreHeader,
    erasures: ErasureList,
    entropy: EntropySource,
    clock: Clock,
) -> list[ReleaseWorker]:
    """Wire release workers together, one a target shard; they write to no other stores than these.

    While the store lacks erasures that are listed, its connections are refused: nothing is released. A tally
    that has forgotten releases releases nothing either.
    """
    client = connect(settings, RELEASE, greet=in_step(header.greet, erasures))
    header.of_gallery.verify(connect(settings, PUBLISHER))
    publisher = Publisher(connect(settings, PUBLISHER, greet=header.of_gallery.greet))
    calibrations = Calibrations(client)
    outside = ReleasedOutside(erasures.folder, header.store_id)
    return [
        ReleaseWorker([TallyShard(client, shard)], publisher, calibrations, entropy, clock, outside)
        for shard in range(header.target_shards)
    ]


def make_notary(settings: StoreSettings, header: StoreHeader, key_file: Path, clock: Clock) -> Notary:
    """Wire a notary together; it reads and writes no other stores than these."""
    return Notary(
        LedgerLog(connect(settings, NOTARY, Room.PRIVATE, greet=header.greet)),
        NotaryDesk(connect(settings, NOTARY, greet=header.of_gallery.greet)),
        partial(load_signer, key_file),
        header.target_shards,
        clock,
    )
