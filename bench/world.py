"""Vault, tally and gallery wired in one process, on a real Redis of their own, with a million likes in it."""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from privacy.gallery.publisher import Publisher
from privacy.model.change import GAINED
from privacy.model.engagement import Kind, Series
from privacy.store.header import StoreHeader
from privacy.tally.catalogue import Catalogue
from privacy.tally.relay import Relay
from privacy.tally.video import VideoMetadata
from privacy.vault.pseudonym import KEY_BYTES, Pseudonymiser
from privacy.vault.vault import Vault
from tests.support.redis_server import Store, clients, server_with_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privacy.policy import Policy
    from privacy.vault.vault import Entry

ACCOUNTS: Final = 20_000
VIDEOS: Final = 2_000
ENGAGEMENTS: Final = 1_000_000
POSTED_AT_MS: Final = 1_760_000_000_000
BATCH: Final = 1_000
_BATCHES_A_DRAIN: Final = 50
_MS_AN_EPOCH: Final = 3_600_000


@dataclass(frozen=True)
class World:
    """A store with registered videos.

    Args:
        store: the server and its clients.
        header: shard counts.
        vault: takes engagements.
        relay: moves them on.
        publisher: writes the gallery.
        series: series number of each video.
        joint_cells: of the policy.
    """

    store: Store
    header: StoreHeader
    vault: Vault
    relay: Relay
    publisher: Publisher
    series: tuple[int, ...]
    joint_cells: int

    def likes(self) -> Iterator[list[Entry]]:
        """A million likes, no account likes a video twice, in batches.

        Each video gets 500 from accounts spread evenly, in uniformly random joint cells and at random times
        within the first epoch. Neither the uniformity nor the seed matters to what is measured: sizes and
        times of work.
        """
        generator = random.Random(1)
        for first in range(0, ENGAGEMENTS, BATCH):
            yield [
                (
                    account_name(number % ACCOUNTS),
                    self.series[(number // ACCOUNTS * 37 + number % ACCOUNTS * 7) % VIDEOS],
                    POSTED_AT_MS + generator.randrange(_MS_AN_EPOCH),
                    GAINED,
                    generator.randrange(self.joint_cells),
                )
                for number in range(first, first + BATCH)
            ]

    def fill(self) -> None:
        """Take the million likes in and count them."""
        with self.store.without_fsync():
            for number, batch in enumerate(self.likes()):
                self.vault.record(batch, POSTED_AT_MS)
                if number % _BATCHES_A_DRAIN == 0:
                    self.relay.drain()
            self.relay.drain()

    def used_memory(self) -> int:
        """Bytes that Redis has allocated."""
        return int(self.store.root.info("memory")["used_memory"])


@contextmanager
def world(policy: Policy) -> Iterator[World]:
    """Start a Redis with the product's own configuration and register the videos."""
    with (
        TemporaryDirectory(prefix="likewise-bench-") as folder,
        server_with_root(Path(folder)) as server,
        clients(server) as store,
    ):
        header = StoreHeader.create_or_verify(store.admin, os.urandom)
        publisher = Publisher(store.publisher)
        catalogue = Catalogue(store.platform, header.target_shards, policy, publisher.publish_targets)
        names = [video_name(number) for number in range(VIDEOS)]
        catalogue.register([VideoMetadata(name, POSTED_AT_MS) for name in names], POSTED_AT_MS)
        targets = catalogue.lookup(names)
        yield World(
            store=store,
            header=header,
            vault=Vault(
                store.platform,
                Pseudonymiser(os.urandom(KEY_BYTES)),
                header.account_shards,
                policy.flip_cap,
                policy.daily_cap,
            ),
            relay=Relay(store.relay, header),
            publisher=publisher,
            series=tuple(Series(targets[name].number, Kind.LIKE).number for name in names),
            joint_cells=policy.domain.size,
        )


def account_name(number: int) -> str:
    """Id of an account."""
    return f"account-{number:05d}"


def video_name(number: int) -> str:
    """Id of a video."""
    return f"video-{number:04d}"
