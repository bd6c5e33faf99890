"""`GET /v1/privacy/ledger/proof`: proves that an entry is in the ledger, and that the ledger only grew."""

from collections.abc import Sequence
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError, fields, validates_schema

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.ledger_heads import read_latest_tree
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.ledger.merkle import Span, complete_nodes, join_hashes
from privacy.ledger.proofs import consistency_spans, inclusion_spans

_FIXED_MAX_AGE_SECONDS = 300
"""A proof for a given tree never changes; one for the latest tree changes as soon as the tree has grown."""
_LATEST_MAX_AGE_SECONDS = 1
_PROOF_RULE = "exactly one of `sequence` (inclusion) and `from_size` (consistency)"
_ROOT_EXAMPLE = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


class ProofQuerySchema(Schema):
    """The statement to prove."""

    shard = PlainInteger(required=True, metadata={"description": "Number of the chain.", "example": 0})
    sequence = PlainInteger(
        metadata={"description": "For inclusion: number of the entry, below `tree_size`.", "example": 4}
    )
    from_size = PlainInteger(
        metadata={
            "description": "For consistency: number of entries in the older tree, from 1 to `tree_size`."
        }
    )
    tree_size = PlainInteger(
        metadata={"description": "Number of entries in the tree; by default that of the latest signed head."}
    )

    @validates_schema
    def require_one_proof(self, data: dict[str, Any], **_options: Any) -> None:
        """Requires exactly one of the two."""
        if ("sequence" in data) == ("from_size" in data):
            raise ValidationError(f"asks for both proofs or for none; {_PROOF_RULE}", "sequence")


class ProofSchema(ResponseSchema):
    """A proof as in RFC 9162, sections 2.1.3 and 2.1.4; hashes in hex."""

    shard = required_field(fields.Integer, "Number of the chain.", strict=True)
    sequence = required_field(
        fields.Integer, "Number of the entry; null for consistency.", strict=True, allow_none=True
    )
    from_size = required_field(
        fields.Integer,
        "Number of entries in the older tree; null for inclusion.",
        strict=True,
        allow_none=True,
    )
    from_root = required_field(fields.String, "Root of the older tree; null for inclusion.", allow_none=True)
    tree_size = required_field(fields.Integer, "Number of entries in the tree.", strict=True)
    root = required_field(fields.String, "Root of the tree; compare it with a signed head.")
    path = list_field(fields.String(), "Hashes of the nodes, in the order of the RFC.")


class Proof(msgspec.Struct, frozen=True):
    """A proof."""

    shard: int
    sequence: int | None
    from_size: int | None
    from_root: str | None
    tree_size: int
    root: str
    path: list[str]


def get_ledger_proof(services: PublicServices, request: Request) -> Response:
    """Returns a proof about a signed tree.

    Raises:
        InvalidInputError: the shard, size or entry is not signed yet.
    """
    shard, sequence = request.query["shard"], request.query.get("sequence")
    signed = read_latest_tree(services.ledger, shard)
    size = request.query.get("tree_size", signed.size)
    _check("tree_size", size, 1, signed.size)
    if sequence is not None:
        _check("sequence", sequence, 0, size - 1)
        root, *path = _read_hashes(services, shard, [Span(0, size), *inclusion_spans(sequence, size)])
        proof = Proof(shard, sequence, None, None, size, root, path)
    else:
        old_size = request.query["from_size"]
        _check("from_size", old_size, 1, size)
        spans = [Span(0, size), Span(0, old_size), *consistency_spans(old_size, size)]
        root, old_root, *path = _read_hashes(services, shard, spans)
        proof = Proof(shard, None, old_size, old_root, size, root, path)
    return json_response(
        proof,
        max_age_seconds=_FIXED_MAX_AGE_SECONDS if "tree_size" in request.query else _LATEST_MAX_AGE_SECONDS,
    )


def _check(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInputError(field, f"is {value}", f"from {low} to {high}")


def _read_hashes(services: PublicServices, shard: int, spans: Sequence[Span]) -> list[str]:
    """Returns the hashes of nodes in hex, from one read of the complete nodes below them."""
    parts = [complete_nodes(span) for span in spans]
    complete = sorted({node for nodes in parts for node in nodes})
    hashes = dict(zip(complete, services.ledger.read_nodes(shard, complete), strict=True))
    return [join_hashes([hashes[node] for node in nodes]).hex() for nodes in parts]


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/privacy/ledger/proof",
    operation_id="get_ledger_proof",
    summary="Proofs about the ledger",
    description="An inclusion proof shows that an entry is in the tree of a signed head. A consistency "
    "proof shows that a tree begins with an older one, so that nothing was removed, changed or inserted. "
    "Leaves are `SHA-256(0x00 ‖ entry)` and nodes `SHA-256(0x01 ‖ left ‖ right)`, as in RFC 9162. For "
    "reviewers.",
    tag="public",
    scope="audit",
    limited="open",
    handler=get_ledger_proof,
    query_schema=ProofQuerySchema,
    responses={
        200: ResponseDoc(
            "A proof.",
            ProofSchema,
            {
                "shard": 0,
                "sequence": 4,
                "from_size": None,
                "from_root": None,
                "tree_size": 8,
                "root": _ROOT_EXAMPLE,
                "path": [
                    "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            },
        )
    },
)
