"""`POST /v1/rights/erasures` and `…/children` erase an account; `GET …/erasures/{receipt_id}` verifies it."""

from functools import partial
from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Regexp

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.platform.services import PlatformServices
from api.platform.staff import AccountActionSchema, StaffOperation, actor_of, run_idempotent
from privacy.model.timestamp import format_timestamp
from privacy.moderation.receipts import Receipt
from privacy.moderation.rights import DataSubjectRequest, ErasureReason

ERASURES, CHILDREN = "/v1/rights/erasures", "/v1/rights/children"
_RECEIPT_ID = "0123456789abcdef" * 2
_ERASED = {
    "erased_at": "2026-05-03T12:00:00Z",
    "engagements": 431,
    "counted": 420,
    "backups_gone_by": "2026-06-02T12:00:00Z",
}
_RESPONSE = {"receipt_id": _RECEIPT_ID, "closed_until": "2029-05-04T12:00:00Z", **_ERASED}
_EXAMPLE = {"account_id": "a-2001", "note": "request 2026/117"}
_ERASURE = """\
Every register of the account is gone when this responds; engagements that were counted leave the counts \
with the next epochs, reason `account`. A keyed tombstone of 8 bytes remains: until `closed_until` it keeps \
late and replayed events out, since an engagement that came back would change a count more often than the \
noise covers. The store's log is then rewritten, and backups are gone by `backups_gone_by`. Earlier \
releases remain: they are noisy numbers and name no one.

`receipt_id` is shown only once, for the person. Only its SHA-256 is stored, so it proves the erasure and \
identifies no one."""
_CHILD = """\
For an account that turns out to be a child's: erases it like `POST /v1/rights/erasures`, and records that \
reason. Events with the age band `under-13` are dropped on arrival and need no call."""


class _ErasedSchema(Schema):
    erased_at = fields.DateTime(required=True, metadata={"description": "Time of the erasure."})
    engagements = fields.Integer(
        required=True, metadata={"description": "Number of engagements that were stored."}
    )
    counted = fields.Integer(required=True, metadata={"description": "Number of them that were counted."})
    backups_gone_by = fields.DateTime(
        required=True,
        metadata={"description": "Time by which the last backup that may contain any of it is gone."},
    )


class ReceiptSchema(_ErasedSchema):
    """The facts that a receipt proves."""


class ErasureResultSchema(_ErasedSchema):
    """A receipt, and what it proves."""

    receipt_id = fields.String(required=True, metadata={"description": "For the person; shown only once."})
    closed_until = fields.DateTime(
        required=True, metadata={"description": "Until then, no event of the account is taken in."}
    )


class ReceiptPathSchema(Schema):
    """Path arguments of a receipt."""

    receipt_id = fields.String(
        required=True,
        validate=Regexp("^[0-9a-f]{32}$", error="is not a receipt id; 32 hexadecimal digits"),
        metadata={"description": "Id of the receipt.", "example": _RECEIPT_ID},
    )


def _post(reason: ErasureReason, path: str, services: PlatformServices, request: Request) -> Response:
    def act(action: dict[str, Any]) -> Response:
        subject_request = DataSubjectRequest(action["account_id"], actor_of(request), action["note"])
        outcome = services.rights.erase(subject_request, reason, request.now_ms)
        return json_response(
            {
                "receipt_id": outcome.receipt_id,
                "closed_until": format_timestamp(outcome.closed_until_ms),
                **_to_document(outcome.receipt),
            }
        )

    return run_idempotent(services, request, path, AccountActionSchema, act)


def get_receipt(services: PlatformServices, request: Request) -> Response:
    """Verify a receipt.

    Raises:
        NotFoundError: the receipt does not exist, or has expired.
    """
    return json_response(_to_document(services.rights.receipts.verify(request.path["receipt_id"])))


def _to_document(receipt: Receipt) -> dict[str, Any]:
    return {
        "erased_at": format_timestamp(receipt.erased_at_ms),
        "engagements": receipt.engagements,
        "counted": receipt.counted,
        "backups_gone_by": format_timestamp(receipt.backups_until_ms),
    }


OPERATIONS = (
    StaffOperation(
        ERASURES,
        "post_erasure",
        "privacy",
        "Erase an account",
        _ERASURE,
        partial(_post, ErasureReason.REQUESTED, ERASURES),
        (AccountActionSchema, _EXAMPLE),
        (ErasureResultSchema, _RESPONSE),
    ).build(),
    Operation(
        method="GET",
        path=f"{ERASURES}/{{receipt_id}}",
        operation_id="get_erasure",
        summary="Verify a receipt",
        description="Returns what a receipt proves. It does not say whose it is.",
        tag="platform",
        scope="privacy",
        handler=get_receipt,
        responses={
            200: ResponseDoc("The receipt is valid, and this is what it proves.", ReceiptSchema, _ERASED)
        },
        path_schema=ReceiptPathSchema,
    ),
    StaffOperation(
        CHILDREN,
        "post_child",
        "privacy",
        "Erase a child's account",
        _CHILD,
        partial(_post, ErasureReason.CHILD, CHILDREN),
        (AccountActionSchema, {**_EXAMPLE, "note": "age found by review 88"}),
        (ErasureResultSchema, _RESPONSE),
    ).build(),
)
