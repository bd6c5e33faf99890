"""`POST /v1/rights/erasures` and `…/children` erase an account; `GET …/erasures/{receipt_id}` verifies."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Regexp

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.platform.services import PlatformServices
from api.platform.staff import AccountActionSchema, OrderOperation, actor_of, once
from privacy.model.timestamp import format_timestamp
from privacy.moderation.receipts import Receipt
from privacy.moderation.rights import DataSubjectRequest, ErasureReason

_RECEIPT_ID = "0123456789abcdef" * 2
_ERASED = {
    "erased_at": "2026-05-03T12:00:00Z",
    "engagements": 431,
    "counted": 420,
    "backups_gone_by": "2026-06-02T12:00:00Z",
}
_ANSWER = {"receipt_id": _RECEIPT_ID, "closed_until": "2029-05-04T12:00:00Z", **_ERASED}
_ORDER = {"account_id": "a-2001", "note": "request 2026/117"}
_ERASURE = """\
Every engagement of the account is gone when this answers; what was counted leaves the counts with the next
epochs, reason
`account`. What remains is a keyed tombstone of 8 bytes: until `closed_until` it keeps late and replayed
events out, since an
engagement that came back would change a count more often than the noise covers. The store's log is
rewritten after that, and
backups are gone by `backups_gone_by`. Earlier releases stand: they are noisy numbers, and name nobody.

`receipt_id` is shown this once, for the person. Only its SHA-256 is kept, so it proves the erasure and
identifies nobody."""
_CHILD = """\
For an account that is found to be a child's: erased like `POST /v1/rights/erasures`, and written down as
what it was. Events
that say `under-13` themselves are dropped at the door and need no call."""


class _ErasedSchema(Schema):
    erased_at = fields.DateTime(required=True, metadata={"description": "When."})
    engagements = fields.Integer(required=True, metadata={"description": "How many were held."})
    counted = fields.Integer(required=True, metadata={"description": "How many of them were counted."})
    backups_gone_by = fields.DateTime(
        required=True, metadata={"description": "When the last backup that may hold any of it is gone."}
    )


class ReceiptSchema(_ErasedSchema):
    """What a receipt proves."""


class ErasureAnswerSchema(_ErasedSchema):
    """A receipt, and what it proves."""

    receipt_id = fields.String(required=True, metadata={"description": "For the person; shown this once."})
    closed_until = fields.DateTime(
        required=True, metadata={"description": "Until then nothing of the account is taken in."}
    )


class ReceiptPathSchema(Schema):
    """Path arguments of a receipt."""

    receipt_id = fields.String(
        required=True,
        validate=Regexp("^[0-9a-f]{32}$", error="is no receipt; 32 hexadecimal digits"),
        metadata={"description": "The id of a receipt.", "example": _RECEIPT_ID},
    )


def _post(reason: ErasureReason, path: str, services: PlatformServices, call: Request) -> Response:
    def act(order: dict[str, Any]) -> Response:
        request = DataSubjectRequest(order["account_id"], actor_of(call), order["note"])
        outcome = services.rights.erase(request, reason, call.now_ms)
        return json_response(
            {
                "receipt_id": outcome.receipt_id,
                "closed_until": format_timestamp(outcome.closed_until_ms),
                **_proof(outcome.receipt),
            }
        )

    return once(services, call, f"POST {path}", AccountActionSchema, act)


def get_receipt(services: PlatformServices, call: Request) -> Response:
    """Verify a receipt.

    Raises:
        NotFoundError: no such receipt was given, or its time is over.
    """
    return json_response(_proof(services.rights.receipts.verify(call.path["receipt_id"])))


def _proof(receipt: Receipt) -> dict[str, Any]:
    return {
        "erased_at": format_timestamp(receipt.erased_at_ms),
        "engagements": receipt.engagements,
        "counted": receipt.counted,
        "backups_gone_by": format_timestamp(receipt.backups_until_ms),
    }


def operations() -> tuple[Operation[PlatformServices], ...]:
    """Describe the operations."""
    erasures, children = "/v1/rights/erasures", "/v1/rights/children"
    return (
        OrderOperation(
            erasures,
            "post_erasure",
            "privacy",
            "Erase an account",
            _ERASURE,
            partial(_post, ErasureReason.REQUESTED, erasures),
            (AccountActionSchema, _ORDER),
            (ErasureAnswerSchema, _ANSWER),
        ).described(),
        Operation(
            method="GET",
            path="/v1/rights/erasures/{receipt_id}",
            operation_id="get_erasure",
            summary="Verify a receipt",
            description="What a receipt proves. It says nothing about whose it is.",
            tag="platform",
            scope="privacy",
            handler=get_receipt,
            responses={200: ResponseDoc("It was given, and this is what it proves.", ReceiptSchema, _ERASED)},
            path_schema=ReceiptPathSchema,
        ),
        OrderOperation(
            children,
            "post_child",
            "privacy",
            "Erase a child's account",
            _CHILD,
            partial(_post, ErasureReason.CHILD, children),
            (AccountActionSchema, {**_ORDER, "note": "age found by review 88"}),
            (ErasureAnswerSchema, _ANSWER),
        ).described(),
    )
