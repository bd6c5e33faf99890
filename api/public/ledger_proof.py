"""`GET /v1/privacy/ledger/proof`: that an entry is in the ledger, and that the ledger only ever grew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError, fields, validates_schema

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.ledger_heads import latest_tree
from api.public.numbers import AnswerSchema, required_field
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.ledger.merkle import Span, complete_nodes, joined
from privacy.ledger.proofs import consistency_spans, inclusion_spans

_STANDING_SECONDS = 300
"""A proof stands for ever; one for the latest tree is another one as soon as the tree has grown."""
_MAX_DELAY_SECONDS = 1
_WHAT_RULE = "exactly one of `sequence` (inclusion) and `from_size` (consistency)"
_ROOT_EXAMPLE = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


class ProofQuerySchema(Schema):
    """What is to be proved."""

    shard = PlainInteger(required=True, metadata={"description": "Number of the chain.", "example": 0})
    sequence = PlainInteger(
        metadata={"description": "Inclusion: number of the entry, below `tree_size`.", "example": 4}
    )
    from_size = PlainInteger(
        metadata={"description": "Consistency: entries of the older tree, from 1 to `tree_size`."}
    )
    tree_size = PlainInteger(
        metadata={"description": "Entries of the tree; those of the latest signed head if absent."}
    )

    @validates_schema
    def one_question(self, data: dict[str, Any], **_options: Any) -> None:
        """Exactly one of the two is asked for."""
        if ("sequence" in data) == ("from_size" in data):
            raise ValidationError(f"asks for both proofs, or none; {_WHAT_RULE}", "sequence")


class ProofSchema(AnswerSchema):
    """A proof as in RFC 9162, sections 2.1.3 and 2.1.4; hashes in hex."""

    shard = required_field(fields.Integer, "Number of the chain.", strict=True)
    sequence = required_field(
        fields.Integer, "The entry; null for consistency.", strict=True, allow_none=True
    )
    from_size = required_field(
        fields.Integer, "Entries of the older tree; null for inclusion.", strict=True, allow_none=True
    )
    from_root = required_field(fields.String, "Root of the older tree; null for inclusion.", allow_none=True)
    tree_size = required_field(fields.Integer, "Entries of the tree.", strict=True)
    root = required_field(fields.String, "Root of the tree: compare it with a signed head.")
    path = fields.List(
        fields.String(), required=True, metadata={"description": "The nodes, in the order of the RFC."}
    )


class Proof(msgspec.Struct, frozen=True):
    """A proof."""

    shard: int
    sequence: int | None
    from_size: int | None
    from_root: str | None
    tree_size: int
    root: str
    path: list[str]


def get_ledger_proof(services: PublicServices, call: Request) -> Response:
    """Answer a proof about a signed tree.

    Raises:
        InvalidInputError: there is no such shard, size or entry yet.
    """
    shard, sequence = call.query["shard"], call.query.get("sequence")
    signed = latest_tree(services.ledger, shard)
    size = call.query.get("tree_size", signed.size)
    _check("tree_size", size, 1, signed.size)
    if sequence is not None:
        _check("sequence", sequence, 0, size - 1)
        root, *path = _hashes(services, shard, [Span(0, size), *inclusion_spans(sequence, size)])
        proof = Proof(shard, sequence, None, None, size, root, path)
    else:
        old_size = call.query["from_size"]
        _check("from_size", old_size, 1, size)
        spans = [Span(0, size), Span(0, old_size), *consistency_spans(old_size, size)]
        root, old_root, *path = _hashes(services, shard, spans)
        proof = Proof(shard, None, old_size, old_root, size, root, path)
    return json_response(
        proof, max_age_seconds=_STANDING_SECONDS if "tree_size" in call.query else _MAX_DELAY_SECONDS
    )


def _check(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInputError(field, f"is {value}", f"from {least} to {most}")


def _hashes(services: PublicServices, shard: int, spans: Sequence[Span]) -> list[str]:
    """Hashes of nodes, in hex, from one reading of the complete nodes that they are made of."""
    made_of = [complete_nodes(span) for span in spans]
    wanted = sorted({node for nodes in made_of for node in nodes})
    found = dict(zip(wanted, services.ledger.nodes(shard, wanted), strict=True))
    return [joined([found[node] for node in nodes]).hex() for nodes in made_of]


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/privacy/ledger/proof",
    operation_id="get_ledger_proof",
    summary="Proofs about the ledger",
    description="Inclusion: that an entry stands in the tree of a signed head. Consistency: that a tree "
    "begins with an older one, so that nothing was taken out, changed or put in between. Leaves are "
    "`SHA-256(0x00 ‖ entry)`, nodes `SHA-256(0x01 ‖ left ‖ right)`, as in RFC 9162. For reviewers.",
    tag="public",
    scope="audit",
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
