"""The ledger's signing key: signs releases and tree heads. The public plane must not import this."""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from privacy.errors import StoreError
from privacy.ledger.head import TreeHead
from privacy.signing.jwks import (
    ALGORITHM,
    HEAD_TYPE,
    REGISTRY,
    RELEASE_TYPE,
    HeadHeader,
    PublicKey,
    PublicKeys,
    ReleaseHeader,
)

SECRET_BYTES = 32


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key that signs, and the public keys of those that signed before it.

    Ed25519 is deterministic: signing the same bytes again gives the same signature.

    Args:
        secret: 32 random bytes.
        former: public keys of earlier signing keys, newest first; their signatures stay valid.
    """

    secret: bytes = field(repr=False)
    former: tuple[PublicKey, ...] = ()

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES:
            raise StoreError(f"ledger key: has {len(self.secret)} bytes; must have exactly {SECRET_BYTES}")

    @cached_property
    def public_keys(self) -> PublicKeys:
        """The keys that verify everything ever signed."""
        return PublicKeys((PublicKey(str(self._key["x"])), *self.former))

    def sign_head(self, head: TreeHead) -> str:
        """Signs a tree head; the JWS contains it as its payload."""
        header = HeadHeader(ALGORITHM, self._key_id, HEAD_TYPE)
        return self._sign(header, msgspec.json.encode(head))

    def sign_release(self, release: bytes, entry: bytes, position: tuple[int, int]) -> str:
        """Signs a release for its position, shard and sequence, in the ledger; the JWS is detached."""
        header = ReleaseHeader(ALGORITHM, self._key_id, RELEASE_TYPE, *position, sha256(entry).hexdigest())
        return jws.detach_content(self._sign(header, release))

    def _sign(self, header: HeadHeader, payload: bytes) -> str:
        return jws.serialize_compact(msgspec.to_builtins(header), payload, self._key, registry=REGISTRY)

    @cached_property
    def _key(self) -> OKPKey:
        return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(self.secret))

    @cached_property
    def _key_id(self) -> str:
        return self.public_keys.key_ids[0]
