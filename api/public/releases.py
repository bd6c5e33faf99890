"""`GET /v1/releases/{kind}/{target_id}/{epoch}`: a release as it was written, with its signature."""

from typing import Final

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from api.http.arguments import Identifier, PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc
from api.public.services import PublicServices
from privacy.errors import NotFoundError
from privacy.gallery.ledger_reader import ReleaseName
from privacy.model.engagement import Kind

SIGNATURE_HEADER: Final = "Likewise-Signature"
_MAX_AGE_SECONDS: Final = 300
_KINDS: Final = {kind.label: kind for kind in Kind}


class ReleasePathSchema(Schema):
    """The release."""

    kind = fields.String(
        required=True,
        validate=OneOf(list(_KINDS)),
        metadata={"description": "Kind of engagement that was counted.", "example": "like"},
    )
    target_id = Identifier(
        required=True, metadata={"description": "Id of the video or creator.", "example": "v-4711"}
    )
    epoch = PlainInteger(required=True, metadata={"description": "Number of the release.", "example": 0})


def get_release(services: PublicServices, request: Request) -> Response:
    """Returns the exact bytes of a release.

    Raises:
        NotFoundError: there is no such release, or it is not signed yet.
    """
    name = ReleaseName(request.path["target_id"], request.path["kind"], int(request.path["epoch"]))
    services.cache.get(name.target_id, _KINDS[name.kind])
    (release,), (signature,) = services.ledger.read_releases([name]), services.ledger.read_signatures([name])
    if release is None or signature is None:
        raise NotFoundError(f"there is no signed release: {name}")
    return Response(release, max_age_seconds=_MAX_AGE_SECONDS, headers={SIGNATURE_HEADER: signature})


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/releases/{kind}/{target_id}/{epoch}",
    operation_id="get_release",
    summary="A release with its signature",
    description="The document with all numbers of one target at one epoch, byte for byte as it was "
    f"written. The header `{SIGNATURE_HEADER}` is a detached JWS (RFC 7515, appendix F) over these bytes "
    "by a key of `/.well-known/jwks.json`; its protected header names the release's position in the "
    "ledger and the hash of its entry. Figures are `[value, low, high]`, or null when withheld. Hours of "
    "day are in UTC.",
    tag="public",
    scope="audit",
    handler=get_release,
    path_schema=ReleasePathSchema,
    responses={200: ResponseDoc("The release, signed.", headers=(SIGNATURE_HEADER,))},
)
