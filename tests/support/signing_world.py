"""Shared by the tests of the ledger: keys that protect nothing, and a signer over a world of releases."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any

from privacy.gallery.ledger_reader import LedgerReader
from privacy.ledger.head import TreeHead
from privacy.publishing.signature_writer import SignatureWriter
from privacy.signing.ledger_signer import LedgerSigner
from privacy.signing.signing_key import SigningKey
from privacy.store.keys import gallery_key, tally_key
from privacy.tally.ledger_log import LedgerLog
from tests.support.gallery import LEDGER_SHARDS, NOW_MS
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.release_world import ReleaseWorld, hours
from tests.support.stepped_redis import Hook, SteppedRedis


def counting_entropy() -> Callable[[int], bytes]:
    """Different bytes at each call, the same ones in each run: for keys that protect nothing."""
    numbers = count()
    return lambda size: sha256(b"test %d" % next(numbers)).digest()[:size]


COUNTING_ENTROPY = counting_entropy()


SIGNING_KEY = SigningKey(bytes(range(32)))


def sign_gallery(store: Store) -> None:
    """Signs what `tests.support.gallery` has published, as if a tally had written it."""
    for shard in range(LEDGER_SHARDS):
        entries = store.root.hgetall(gallery_key("ledger", shard))
        for number in range(len(entries)):
            store.root.rpush(tally_key(shard, "ledger"), entries[b"%d" % number])
    log, gallery = LedgerLog(store.signer), SignatureWriter(store.signer)
    LedgerSigner(log, gallery, lambda: SIGNING_KEY, LEDGER_SHARDS).run(NOW_MS)


def _send(send: Callable[[], Any]) -> Any:
    return send()


@dataclass
class SigningWorld:
    """Releases, and the key that signs them.

    Args:
        releases: the store and the time in it.
        key: the signing key in force.
    """

    releases: ReleaseWorld
    key: SigningKey = SIGNING_KEY

    def reset(self, epochs: int) -> None:
        """Empties the store and releases the given number of epochs of its five videos."""
        self.releases.reset()
        for _ in range(epochs):
            self.release_epoch()

    def release_epoch(self) -> None:
        """Releases the running epoch, and publishes it."""
        self.releases.like_everything()
        self.releases.now_ms += hours(1)
        self.releases.run_due()

    def signer(self, hook: Hook = _send) -> LedgerSigner:
        """Returns a signer whose store calls, to tally and gallery, pass through a hook."""
        client = SteppedRedis(self.releases.store.signer, hook)
        shards = HEADER.target_shards
        return LedgerSigner(
            LedgerLog(client),
            SignatureWriter(client),
            lambda: self.key,
            shards,
        )

    def sign(self, hook: Hook = _send) -> int:
        """Signs what is published, at the time of the world; returns the number of entries."""
        return self.signer(hook).run(self.releases.now_ms)

    @property
    def reader(self) -> LedgerReader:
        """A reader with the public plane's credentials."""
        return LedgerReader(self.releases.store.public)

    def head(self) -> TreeHead:
        """Returns the latest head, verified."""
        latest = self.reader.read_latest_head()
        assert latest
        return self.key.public_keys.verify_head(latest.jws)

    def records(self) -> dict[bytes, Any]:
        """Returns everything that a signer writes."""
        root = self.releases.store.root
        hashes = [
            raw(key) for family in ("g:tree:*", "g:signatures:*", "g:heads") for key in root.keys(family)
        ]
        written: dict[bytes, Any] = {key: root.hgetall(key) for key in hashes}
        return written | {b"g:jwks": root.get("g:jwks")}

    def busiest_shard(self) -> int:
        """Returns the shard with the longest chain."""
        root = self.releases.store.root
        return max(range(HEADER.target_shards), key=lambda shard: root.llen(tally_key(shard, "ledger")))

    def overwrite(self, shard: int, sequence: int, entry: bytes, *, gallery: bool = True) -> None:
        """Replaces an entry, as an attacker with write access to the store could."""
        root = self.releases.store.root
        root.lset(tally_key(shard, "ledger"), sequence, entry.decode())
        if gallery:
            root.hset(gallery_key("ledger", shard), str(sequence), entry)
