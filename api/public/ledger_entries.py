"""`GET /v1/privacy/ledger`: the record of every release, with its parameters and its privacy cost."""

import hashlib

import msgspec
from marshmallow import fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import PageSchema, decode_cursor, encode_cursor
from api.public.response_fields import (
    ResponseSchema,
    list_field,
    next_cursor_field,
    required_field,
    resume_cursor_field,
)
from api.public.services import PublicServices

_LISTING = "ledger"
_MAX_AGE_SECONDS = 1
_DIGEST_EXAMPLE = "5e0e2ae7f1e3b3c8f4b6d4a0d7f9b6a1c2d3e4f5061728394a5b6c7d8e9f0a1b"


class EntrySchema(ResponseSchema):
    """An entry, byte for byte as it was written; times are in ms since 1970 UTC."""

    shard = required_field(fields.Integer, "Number of the chain.", strict=True)
    sequence = required_field(fields.Integer, "Number of the entry in its chain, from 0.", strict=True)
    previous = required_field(fields.String, "SHA-256 of the previous entry; empty for the first one.")
    target_id = required_field(fields.String, "Id of the video or creator.")
    kind = required_field(fields.String, "Kind of engagement that was counted.")
    epoch = required_field(fields.Integer, "Number of the release.", strict=True)
    as_of_ms = required_field(fields.Integer, "When the epoch ended.", strict=True)
    policy_version = required_field(fields.String, "Version of the policy.")
    policy_digest = required_field(fields.String, "SHA-256 of the policy file.")
    rho = required_field(
        fields.String,
        "zCDP of one engagement of this kind over the target's whole schedule, without the reserve, exact.",
    )
    release_sha256 = required_field(fields.String, "SHA-256 of the release document.")


class LedgerLineSchema(ResponseSchema):
    """An entry and its hash."""

    sha256 = required_field(fields.String, "SHA-256 of the bytes of `entry` in this response.")
    entry = fields.Nested(EntrySchema, required=True)


class LedgerSchema(ResponseSchema):
    """A page of the ledger."""

    entries = list_field(
        fields.Nested(LedgerLineSchema), "Entries; those of one chain are in order, oldest first."
    )
    next_cursor = next_cursor_field()
    resume_cursor = resume_cursor_field()


class LedgerLine(msgspec.Struct, frozen=True):
    """An entry and its hash."""

    sha256: str
    entry: msgspec.Raw


class Ledger(msgspec.Struct, frozen=True):
    """A page of the ledger."""

    entries: list[LedgerLine]
    next_cursor: str | None
    resume_cursor: str | None


def get_ledger(services: PublicServices, request: Request) -> Response:
    """Returns one page of the ledger.

    Raises:
        InvalidInputError: the cursor does not belong to this list.
    """
    limit, shards = request.query["limit"], services.ledger.read_shards()
    positions = [0] * shards
    if "cursor" in request.query:
        positions = [*decode_cursor(_LISTING, shards, request.query["cursor"])]
    lines: list[LedgerLine] = []
    is_last = True
    for shard, start in enumerate(positions):
        room = limit - len(lines)
        entries = services.ledger.read_entries(shard, start, room + 1)  # one more says whether there is more
        lines += [LedgerLine(hashlib.sha256(it).hexdigest(), msgspec.Raw(it)) for it in entries[:room]]
        positions[shard] = start + min(len(entries), room)
        is_last = len(entries) <= room
        if not is_last:
            break
    cursor = encode_cursor(_LISTING, tuple(positions)) if shards else None
    document = Ledger(lines, None if is_last else cursor, cursor)
    return json_response(document, max_age_seconds=_MAX_AGE_SECONDS)


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/privacy/ledger",
    operation_id="get_ledger",
    summary="The privacy ledger",
    description="Every release ever made, in hash-chained entries: each entry names the SHA-256 of the "
    "previous one, so that removals and changes are detected. To follow it, keep the `resume_cursor` of the "
    "last page. For reviewers.",
    tag="public",
    scope="audit",
    handler=get_ledger,
    query_schema=PageSchema,
    responses={
        200: ResponseDoc(
            "One page.",
            LedgerSchema,
            {
                "entries": [
                    {
                        "sha256": _DIGEST_EXAMPLE,
                        "entry": {
                            "shard": 0,
                            "sequence": 0,
                            "previous": "",
                            "target_id": "v-4711",
                            "kind": "like",
                            "epoch": 0,
                            "as_of_ms": 1777813200000,
                            "policy_version": "2026-12-default",
                            "policy_digest": _DIGEST_EXAMPLE,
                            "rho": "0.08818",
                            "release_sha256": _DIGEST_EXAMPLE,
                        },
                    }
                ],
                "next_cursor": None,
                "resume_cursor": "bGVkZ2VyOjEuMC4w",
            },
        )
    },
)
