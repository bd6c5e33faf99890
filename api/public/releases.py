"""`GET /v1/releases/{kind}/{target_id}/{epoch}`: a release as it was written, with its signature."""

from typing import Final

from marshmallow import Schema, fields
from marshmallow.validate import Length, Regexp

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc
from api.public.access.readable import require_readable, require_readable_target
from api.public.release_cache import require_available
from api.public.services import PublicServices
from privacy.errors import InvalidInputError, NotFoundError
from privacy.gallery.ledger_reader import ReleaseName
from privacy.model.audience import Scope
from privacy.model.engagement import Kind
from privacy.model.identifier import check_identifier

SIGNATURE_HEADER: Final = "Likewise-Signature"
_MAX_AGE_SECONDS: Final = 300
_KINDS: Final = {kind.label: kind for kind in Kind}
_AUDIENCE_KIND: Final = f"(?:{'|'.join(scope.value for scope in Scope)})-p[a-z0-9]+-[a-z0-9.-]+"
"""As `privacy.model.audience.audience_kind` writes them."""
_MAX_NAME_CHARACTERS: Final = 400


class ReleasePathSchema(Schema):
    """The release."""

    kind = fields.String(
        required=True,
        validate=Regexp(f"^(?:{'|'.join(_KINDS)}|{_AUDIENCE_KIND})$", error="is no kind of release"),
        metadata={
            "description": "Kind of engagement that was counted; of an audience, its kind in the ledger.",
            "example": "like",
        },
    )
    target_id = fields.String(
        required=True,
        validate=Length(1, _MAX_NAME_CHARACTERS, error="is no name of a target"),
        metadata={
            "description": "Id of the video or creator; of an audience, its scope.",
            "example": "v-4711",
        },
    )
    epoch = PlainInteger(required=True, metadata={"description": "Number of the release.", "example": 0})


def get_release(services: PublicServices, request: Request) -> Response:
    """Returns the exact bytes of a release.

    Raises:
        NotFoundError: there is no such release, or it is not signed yet.
        GoneError: the target was taken down.
        Forbidden: the caller does not read the target.
    """
    name = ReleaseName(request.path["target_id"], request.path["kind"], int(request.path["epoch"]))
    if name.kind in _KINDS:
        kind = _KINDS[name.kind]
        target_id = _require_identifier(name.target_id)
        require_readable_target(services.gallery, request.key, kind.target_type, target_id)
        services.cache.get(target_id, kind)
    elif name.kind.startswith(f"{Scope.CREATOR.value}-"):
        require_readable(request.key, name.target_id)
        current = services.gallery.read_current_release(name.target_id, Kind.FOLLOW)
        require_available(current, name.target_id, Kind.FOLLOW)
    else:
        require_readable(request.key, None)
    (release,), (signature,) = services.ledger.read_releases([name]), services.ledger.read_signatures([name])
    if release is None or signature is None:
        raise NotFoundError(f"there is no signed release: {name}")
    return Response(release, max_age_seconds=_MAX_AGE_SECONDS, headers={SIGNATURE_HEADER: signature})


def _require_identifier(target_id: str) -> str:
    """Returns the id of a video or creator; unlike a hashtag, it is an identifier."""
    try:
        return check_identifier("target_id", target_id)
    except InvalidInputError as error:
        raise NotFoundError("there is no such target") from error


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/releases/{kind}/{target_id}/{epoch}",
    operation_id="get_release",
    summary="A release with its signature",
    description="The document with all numbers of one target at one epoch, or of one audience and period, "
    f"byte for byte as it was written. The header `{SIGNATURE_HEADER}` is a detached JWS (RFC 7515, appendix "
    "F) over these bytes by a key of `/.well-known/jwks.json`; its protected header names the release's "
    "position in the ledger and the hash of its entry. Figures are `[value, low, high]`, or null when "
    "withheld. Hours of day are in UTC.",
    tag="public",
    scope="audit",
    limited="checked",
    handler=get_release,
    path_schema=ReleasePathSchema,
    responses={200: ResponseDoc("The release, signed.", headers=(SIGNATURE_HEADER,))},
)
