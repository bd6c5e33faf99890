"""`GET /v1/access`: what the credential of this request may read, for whoever was given one."""

from typing import Final

from marshmallow import fields
from marshmallow.validate import OneOf
from werkzeug.exceptions import Unauthorized

from api.http.caller import CREDENTIALS
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from privacy.model.timestamp import format_timestamp


class AccessSchema(ResponseSchema):
    """What a credential may read."""

    credential = required_field(
        fields.String, "An API key, a share link, or an access token.", validate=OneOf(CREDENTIALS)
    )
    scopes = list_field(fields.String(), "Its scopes, ordered.")
    creators = fields.List(
        fields.String(),
        required=True,
        allow_none=True,
        metadata={"description": "Ids of the creators that it reads, ordered; null for all."},
    )
    requests_per_minute = required_field(fields.Integer, "Its rate limit.", strict=True)
    expires_at = required_field(fields.DateTime, "When it expires, in UTC.", format="iso")


def get_access(_services: PublicServices, request: Request) -> Response:
    """Returns what the caller may read.

    Raises:
        Unauthorized: there is no caller.
    """
    caller = request.key
    if caller is None:
        raise Unauthorized
    return json_response(
        {
            "credential": caller.credential,
            "scopes": sorted(caller.scopes),
            "creators": None if caller.creators is None else sorted(caller.creators),
            "requests_per_minute": caller.requests_per_minute,
            "expires_at": format_timestamp(caller.expires_at_ms),
        }
    )


OPERATION: Final[Operation[PublicServices]] = Operation(
    method="GET",
    path="/v1/access",
    operation_id="get_access",
    summary="What this credential may read",
    description="Says of the API key, share link or access token of the request what it may read, and until "
    "when. A page asks this when somebody signs in.",
    tag="public",
    scope="read",
    limited="open",
    handler=get_access,
    responses={
        200: ResponseDoc(
            "What it may read.",
            AccessSchema,
            {
                "credential": "share",
                "scopes": ["read"],
                "creators": ["c-12"],
                "requests_per_minute": 120,
                "expires_at": "2026-06-03T12:00:00Z",
            },
        )
    },
)
