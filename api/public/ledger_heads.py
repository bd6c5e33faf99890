"""`GET /v1/privacy/ledger/heads` and `/.well-known/jwks.json`: signed tree heads and the public keys."""

from typing import Final

import msgspec
from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.gallery.ledger_reader import LedgerReader
from privacy.ledger.head import ShardTree, SignedHead

JWK_SET_JSON: Final = "application/jwk-set+json"
_HEADS_MAX_AGE_SECONDS: Final = 1
_KEYS_MAX_AGE_SECONDS: Final = 60
_MAX_HEADS: Final = 100
_NO_KEYS: Final = b'{"keys":[]}'


class HeadsQuerySchema(Schema):
    """The number of heads."""

    limit = PlainInteger(
        load_default=1,
        validate=Range(1, _MAX_HEADS),
        metadata={"description": f"Number of heads to return, latest first, from 1 to {_MAX_HEADS}."},
    )


class TreeSchema(ResponseSchema):
    """The tree over one chain."""

    shard = required_field(fields.Integer, "Number of the chain.", strict=True)
    size = required_field(fields.Integer, "Number of entries.", strict=True)
    root = required_field(fields.String, "Root of the tree in hex (RFC 9162).")


class HeadSchema(ResponseSchema):
    """The whole ledger at one moment."""

    sequence = required_field(fields.Integer, "Number of the head, from 0.", strict=True)
    at_ms = required_field(
        fields.Integer, "When it was signed, in ms since 1970 UTC: a whole second.", strict=True
    )
    previous = required_field(
        fields.String, "SHA-256 of the `jws` of the previous head; empty for the first one."
    )
    keys = list_field(fields.String(), "Ids of all keys that may have signed.")
    trees = fields.List(fields.Nested(TreeSchema), required=True)


class SignedHeadSchema(ResponseSchema):
    """A signed tree head."""

    jws = required_field(fields.String, "The signed head: a compact JWS (RFC 7515) whose payload is `head`.")
    head = fields.Nested(HeadSchema, required=True)


class HeadsSchema(ResponseSchema):
    """Signed tree heads."""

    heads = list_field(fields.Nested(SignedHeadSchema), "Latest first.")


class JwkSchema(ResponseSchema):
    """A public key (RFC 8037)."""

    kty = required_field(fields.String, "Key type: OKP.")
    crv = required_field(fields.String, "Curve: Ed25519.")
    x = required_field(fields.String, "The key in base64url.")
    kid = required_field(fields.String, "Id of the key: its thumbprint (RFC 7638).")
    alg = required_field(fields.String, "Algorithm: EdDSA.")
    use = required_field(fields.String, "Use: sig.")


class JwksSchema(ResponseSchema):
    """Public keys (RFC 7517)."""

    keys = fields.List(fields.Nested(JwkSchema), required=True)


class Heads(msgspec.Struct, frozen=True):
    """Signed tree heads."""

    heads: list[SignedHead]


def read_latest_tree(ledger: LedgerReader, shard: int) -> ShardTree:
    """Reads the tree of a shard in the latest signed head.

    Raises:
        InvalidInputError: the shard does not exist, or none of its entries is signed yet.
        StoreError: the gallery does not answer or holds damage.
    """
    latest = ledger.read_latest_head()
    tree = latest.head.tree(shard) if latest else None
    if tree is None or not tree.size:
        raise InvalidInputError(
            "shard", f"{shard} has no signed entries", "a shard with entries in the latest head"
        )
    return tree


def get_heads(services: PublicServices, request: Request) -> Response:
    """Returns the latest heads."""
    limit = request.query["limit"]
    if limit == 1:
        latest = services.ledger.read_latest_head()
        heads = [] if latest is None else [latest]
    else:
        heads = services.ledger.read_heads()[: -limit - 1 : -1]
    return json_response(Heads(heads), max_age_seconds=_HEADS_MAX_AGE_SECONDS)


def get_jwks(services: PublicServices, request: Request) -> Response:  # noqa: ARG001 - a handler's signature
    """Returns the public keys."""
    jwks = services.ledger.read_jwks() or _NO_KEYS
    return Response(jwks, media_type=JWK_SET_JSON, max_age_seconds=_KEYS_MAX_AGE_SECONDS)


_KEY_ID_EXAMPLE: Final = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
_HEAD_EXAMPLE: Final = {
    "sequence": 0,
    "at_ms": 1777813201000,
    "previous": "",
    "keys": [_KEY_ID_EXAMPLE],
    "trees": [
        {
            "shard": 0,
            "size": 8,
            "root": "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        }
    ],
}

HEADS: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/privacy/ledger/heads",
    operation_id="get_ledger_heads",
    summary="Signed tree heads",
    description="Size and Merkle root of each chain of the ledger, signed with Ed25519. Keep one: "
    "`GET /v1/privacy/ledger/proof` proves that any later head continues it. For reviewers.",
    tag="public",
    scope="audit",
    limited="open",
    handler=get_heads,
    query_schema=HeadsQuerySchema,
    responses={
        200: ResponseDoc(
            "The latest heads.",
            HeadsSchema,
            {"heads": [{"jws": "eyJhbGciOiJFZERTQSJ9.eyJzZXF1ZW5jZSI6MH0.c2ln", "head": _HEAD_EXAMPLE}]},
        )
    },
)
JWKS: Operation[PublicServices] = Operation(
    method="GET",
    path="/.well-known/jwks.json",
    operation_id="get_jwks",
    summary="Public keys of the ledger",
    description="The Ed25519 keys that verify releases and tree heads, the one in force first. Rotated keys "
    "stay in the set, so that their signatures can be verified. Needs no API key.",
    tag="public",
    scope=None,
    handler=get_jwks,
    responses={
        200: ResponseDoc(
            "The keys.",
            JwksSchema,
            {
                "keys": [
                    {
                        "kty": "OKP",
                        "crv": "Ed25519",
                        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                        "kid": _KEY_ID_EXAMPLE,
                        "alg": "EdDSA",
                        "use": "sig",
                    }
                ]
            },
            media_type=JWK_SET_JSON,
        )
    },
)
OPERATIONS: tuple[Operation[PublicServices], ...] = (HEADS, JWKS)
