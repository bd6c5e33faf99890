"""The ledger's public keys: a JSON Web Key Set (RFC 7517, RFC 8037), and what they verify."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from privacy.errors import SignatureError
from privacy.ledger.head import TreeHead, unverified_head
from privacy.ledger.jws import Jws, base64url, from_base64url, signing_input

ALGORITHM = "EdDSA"
HEAD_TYPE = "likewise-head"
RELEASE_TYPE = "likewise-release"
KEY_BYTES = 32

_Header = TypeVar("_Header", bound="HeadHeader")


class HeadHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Protected header of a signed tree head."""

    alg: str
    kid: str
    typ: str


class ReleaseHeader(HeadHeader, frozen=True):
    """Protected header of a release's signature: it also ties the release to its place in the ledger."""

    shard: int
    sequence: int
    entry_sha256: str


class _Jwk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class _Jwks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: list[_Jwk]


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 key that verifies.

    Args:
        raw: its 32 bytes.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise SignatureError(f"a public key has {len(self.raw)} bytes; exactly {KEY_BYTES}")

    @property
    def key_id(self) -> str:
        """Its thumbprint (RFC 7638): nobody can give another key this name."""
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(self.raw)}"}}'
        return base64url(sha256(members.encode()).digest())

    def jwk(self) -> dict[str, str]:
        """As a member of a key set."""
        jwk = _Jwk("OKP", "Ed25519", base64url(self.raw), self.key_id, ALGORITHM, "sig")
        plain: dict[str, str] = msgspec.to_builtins(jwk)
        return plain


@dataclass(frozen=True)
class PublicKeys:
    """Keys that verify, the one in force first."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def read(cls, document: bytes | str) -> PublicKeys:
        """Read a key set.

        Raises:
            SignatureError: it is none, or a key has not the id that follows from it.
        """
        try:
            jwks = msgspec.json.decode(document, type=_Jwks)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SignatureError("is no set of Ed25519 keys") from error
        keys = tuple(PublicKey(from_base64url(jwk.x)) for jwk in jwks.keys)
        for key, jwk in zip(keys, jwks.keys, strict=True):
            if key.jwk() != msgspec.to_builtins(jwk):
                raise SignatureError(f"key {jwk.kid} is not what its id says")
        return cls(keys)

    def jwks(self) -> bytes:
        """The key set as JSON."""
        return msgspec.json.encode({"keys": [key.jwk() for key in self.keys]})

    @property
    def key_ids(self) -> list[str]:
        """Their ids."""
        return [key.key_id for key in self.keys]

    def head(self, text: str) -> TreeHead:
        """A tree head whose signature holds.

        Raises:
            SignatureError: it does not.
        """
        jws = Jws.read(text)
        header = _decoded(jws.protected, HeadHeader)
        self._verify(header, HEAD_TYPE, jws, jws.payload)
        return unverified_head(text)

    def release(self, text: str, release: bytes, entry: bytes, place: tuple[int, int]) -> None:
        """Make sure that a detached signature holds for a release, its ledger entry and its place.

        Args:
            text: the signature.
            release: the document's bytes.
            entry: the ledger entry's bytes.
            place: shard and sequence of the entry.

        Raises:
            SignatureError: it does not.
        """
        jws = Jws.read(text)
        header = _decoded(jws.protected, ReleaseHeader)
        if jws.payload:
            raise SignatureError("is not detached")
        self._verify(header, RELEASE_TYPE, jws, release)
        if (header.shard, header.sequence) != place:
            raise SignatureError("is for another place in the ledger")
        if header.entry_sha256 != sha256(entry).hexdigest():
            raise SignatureError("is for another ledger entry")

    def _verify(self, header: HeadHeader, wanted_type: str, jws: Jws, payload: bytes) -> None:
        if (header.alg, header.typ) != (ALGORITHM, wanted_type):
            raise SignatureError(f"is not {ALGORITHM} over a {wanted_type}")
        key = next((key for key in self.keys if key.key_id == header.kid), None)
        if key is None:
            raise SignatureError(f"is by key {header.kid}, which is not known")
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(
                jws.signature, signing_input(jws.protected, payload)
            )
        except (InvalidSignature, ValueError) as error:
            raise SignatureError("does not fit what it stands beside") from error


def _decoded(raw: bytes, form: type[_Header]) -> _Header:
    try:
        return msgspec.json.decode(raw, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SignatureError("has a header of another form") from error
