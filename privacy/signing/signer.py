"""The notary's key: signs releases and tree heads. Nothing of the public plane may import this."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.errors import StoreError
from privacy.ledger.head import TreeHead
from privacy.ledger.jws import Jws, signing_input
from privacy.signing.jwks import (
    ALGORITHM,
    HEAD_TYPE,
    KEY_BYTES,
    RELEASE_TYPE,
    HeadHeader,
    PublicKey,
    PublicKeys,
    ReleaseHeader,
)


@dataclass(frozen=True)
class Signer:
    """An Ed25519 key that signs, and those that signed before it.

    Ed25519 is deterministic: signing again makes the same bytes.

    Args:
        secret: 32 random bytes.
        former: public keys of earlier ones, newest first; what they signed stays valid.
    """

    secret: bytes = field(repr=False)
    former: tuple[PublicKey, ...] = ()

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise StoreError(f"ledger key: has {len(self.secret)} bytes; exactly {KEY_BYTES}")

    @cached_property
    def public_keys(self) -> PublicKeys:
        """What verifies everything that was ever signed."""
        return PublicKeys((PublicKey(self._key.public_key().public_bytes_raw()), *self.former))

    def sign_head(self, head: TreeHead) -> str:
        """Sign a tree head; attached."""
        header = HeadHeader(ALGORITHM, self._key_id, HEAD_TYPE)
        return self._sign(header, msgspec.json.encode(head), detached=False)

    def sign_release(self, release: bytes, entry: bytes, place: tuple[int, int]) -> str:
        """Sign a release for its place, shard and sequence, in the ledger; detached."""
        header = ReleaseHeader(ALGORITHM, self._key_id, RELEASE_TYPE, *place, sha256(entry).hexdigest())
        return self._sign(header, release, detached=True)

    def _sign(self, header: HeadHeader, payload: bytes, *, detached: bool) -> str:
        protected = msgspec.json.encode(header)
        signature = self._key.sign(signing_input(protected, payload))
        return Jws(protected, b"" if detached else payload, signature).text()

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret)

    @cached_property
    def _key_id(self) -> str:
        return self.public_keys.key_ids[0]
