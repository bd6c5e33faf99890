"""The ledger's public keys: a JSON Web Key Set (RFC 7517, RFC 8037), and the signatures that they verify."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final, Literal, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from privacy.errors import SignatureError
from privacy.ledger.head import TreeHead

ALGORITHM: Final = "EdDSA"
"""The name of RFC 8037, which every verifier knows; `Ed25519` is that of RFC 9864. Both are accepted."""
HEAD_TYPE: Final = "likewise-head"
RELEASE_TYPE: Final = "likewise-release"

_ALGORITHMS: Final = ("EdDSA", "Ed25519")
_Header = TypeVar("_Header", bound="HeadHeader")


class _Registry(jws.JWSRegistry):
    """Knows one signature scheme, Ed25519, by both of its names."""

    algorithms = dict.fromkeys(_ALGORITHMS, jws.JWSRegistry.algorithms["Ed25519"])
    max_payload_length = 1 << 20
    """In base64url: a head over the largest number of shards has some 140,000 characters."""


# Headers are checked here, by type, more strictly than joserfc does.
REGISTRY: Final = _Registry(algorithms=_ALGORITHMS, strict_check_header=False)


class HeadHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Protected header of a signed tree head."""

    alg: str
    kid: str
    typ: str


class ReleaseHeader(HeadHeader, frozen=True):
    """Protected header of a release's signature: it also ties the release to its position in the ledger."""

    shard: int
    sequence: int
    entry_sha256: str


class _Jwk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    alg: Literal["EdDSA", "Ed25519"]
    use: Literal["sig"]


class _Jwks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: list[_Jwk]


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 key that verifies.

    Args:
        x: its 32 bytes as in a JWK, in base64url.
    """

    x: str

    def __post_init__(self) -> None:
        try:
            _ = self.key
        except (JoseError, ValueError) as error:
            raise SignatureError("a public key is not 32 bytes in base64url") from error

    @cached_property
    def key(self) -> OKPKey:
        """The key in the form that joserfc verifies with."""
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": self.x})

    @cached_property
    def key_id(self) -> str:
        """Its thumbprint (RFC 7638): the id follows from the key, so no other key can have it."""
        return self.key.thumbprint()

    def jwk(self) -> dict[str, str]:
        """Returns the key as a member of a key set."""
        jwk: dict[str, str] = msgspec.to_builtins(
            _Jwk("OKP", "Ed25519", self.x, self.key_id, ALGORITHM, "sig")
        )
        return jwk


@dataclass(frozen=True)
class PublicKeys:
    """Keys that verify, the one in force first."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def from_jwks(cls, document: bytes | str) -> PublicKeys:
        """Reads a key set.

        Raises:
            SignatureError: it is not a set of Ed25519 keys, or a key's id is not its thumbprint.
        """
        try:
            jwks = msgspec.json.decode(document, type=_Jwks)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise SignatureError(f"is not a set of Ed25519 keys: {error}") from error
        keys = tuple(PublicKey(jwk.x) for jwk in jwks.keys)
        for key, jwk in zip(keys, jwks.keys, strict=True):
            if key.key_id != jwk.kid:
                raise SignatureError(f"has a key under the id {jwk.kid}, whose own id is {key.key_id}")
        return cls(keys)

    def to_jwks(self) -> bytes:
        """Returns the key set as JSON."""
        return msgspec.json.encode({"keys": [key.jwk() for key in self.keys]})

    @cached_property
    def key_ids(self) -> list[str]:
        """The ids of the keys, in order."""
        return [key.key_id for key in self.keys]

    def verify_head(self, text: str) -> TreeHead:
        """Verifies the JWS of a tree head and returns the head.

        Raises:
            SignatureError: the signature does not hold.
        """
        signed = _extract(text)
        self._verify(signed, _parse_header(signed, HeadHeader), HEAD_TYPE)
        try:
            return msgspec.json.decode(signed.payload, type=TreeHead)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise SignatureError("is over a payload that is not a tree head") from error

    def verify_release(self, text: str, release: bytes, entry: bytes, position: tuple[int, int]) -> None:
        """Verifies the detached JWS of a release, its ledger entry and its position.

        Args:
            text: the signature.
            release: the document's bytes.
            entry: the ledger entry's bytes.
            position: shard and sequence of the entry.

        Raises:
            SignatureError: the signature does not hold.
        """
        if ".." not in text:
            raise SignatureError("is not detached")
        signed = _extract(text, release)
        header = _parse_header(signed, ReleaseHeader)
        self._verify(signed, header, RELEASE_TYPE)
        if (header.shard, header.sequence) != position:
            raise SignatureError("is for another position in the ledger")
        if header.entry_sha256 != sha256(entry).hexdigest():
            raise SignatureError("is for another ledger entry")

    def _verify(self, signed: jws.CompactSignature, header: HeadHeader, expected_type: str) -> None:
        if header.alg not in _ALGORITHMS:
            raise SignatureError(f"has the algorithm {header.alg}; must be {' or '.join(_ALGORITHMS)}")
        if header.typ != expected_type:
            raise SignatureError(f"has the type {header.typ}; must be {expected_type}")
        key = self._keys_by_id.get(header.kid)
        if key is None:
            raise SignatureError(f"is by key {header.kid}, which is not known")
        try:
            valid = jws.validate_compact(signed, key, registry=REGISTRY)
        except (JoseError, ValueError) as error:
            raise SignatureError(f"cannot be verified: {error}") from error
        if not valid:
            raise SignatureError("does not match the signed bytes")

    @cached_property
    def _keys_by_id(self) -> dict[str, OKPKey]:
        return {key.key_id: key.key for key in self.keys}


def _extract(text: str, detached: bytes | None = None) -> jws.CompactSignature:
    """Takes a compact JWS apart; proves nothing."""
    try:
        return jws.extract_compact(text.encode(), detached, REGISTRY)
    except (
        JoseError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:  # TypeError: some malformed headers
        raise SignatureError("is not a compact JWS") from error


def _parse_header(signed: jws.CompactSignature, form: type[_Header]) -> _Header:
    try:
        return msgspec.convert(signed.headers(), type=form)
    except msgspec.ValidationError as error:
        raise SignatureError(f"has an invalid protected header: {error}") from error
