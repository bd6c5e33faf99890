"""`GET /v1/releases`: every release of every target since a cursor, each exactly once."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from marshmallow import Schema, fields
from marshmallow.validate import Range
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from api.http.arguments import PlainInteger
from api.http.operation import JSON, NDJSON, Operation, Request, Response, ResponseDoc
from api.http.pagination import decode_cursor, encode_cursor
from api.http.rate_limit import count_requests
from api.public.response_fields import (
    ResponseSchema,
    list_field,
    next_cursor_field,
    required_field,
    resume_cursor_field,
)
from api.public.services import PublicServices
from privacy.gallery.ledger_reader import ReleaseName
from privacy.gallery.release_feed import FeedPosition, read_feed
from privacy.model.audience import Scope
from privacy.model.documents import LedgerEntry
from privacy.model.engagement import Kind, TargetType

MAX_FEED_RELEASES: Final = 2_000
RELEASES_PER_REQUEST: Final = 1_000
"""A page counts as one request for each so many releases of its limit."""
LATEST: Final = "latest"
EXPIRED: Final = "expired"
"""Why a canary's release is missing, a week after its last one."""
_LISTING: Final = "releases"
_MAX_AGE_SECONDS: Final = 1
_KINDS: Final = {kind.label: kind for kind in Kind}


class FeedQuerySchema(Schema):
    """The page of the feed."""

    after = fields.String(
        metadata={
            "description": "`cursor` of a release, or `resume_cursor`; the first release if absent. "
            f"`{LATEST}` leads behind all that is there now: for who wants what comes next, and not what was."
        }
    )
    limit = PlainInteger(
        load_default=100,
        validate=Range(1, MAX_FEED_RELEASES, error=f"is out of range; 1 to {MAX_FEED_RELEASES}"),
        metadata={"description": f"Maximum number of releases, 1 to {MAX_FEED_RELEASES}."},
    )


class FeedReleaseSchema(ResponseSchema):
    """A release in the feed."""

    cursor = required_field(fields.String, "Leads to what comes after this release.")
    target_id = required_field(fields.String, "Id of the video or creator; of an audience, what it is about.")
    kind = required_field(fields.String, "Kind of engagement, or of audience, that was counted.")
    epoch = required_field(
        fields.Integer, "Number of the release; of an audience, of its period.", strict=True
    )
    sha256 = required_field(fields.String, "SHA-256 of the bytes of `release` in this response.")
    release = fields.Dict(
        required=True,
        allow_none=True,
        metadata={
            "description": "The release as it was written: figures are `[value, low, high]`, or null when "
            "withheld. Null for what must not be shown now."
        },
    )
    gone = required_field(
        fields.String,
        f"Why `release` is null: the reason of the takedown, or `{EXPIRED}` for the sandbox. Otherwise null.",
        allow_none=True,
    )


class FeedSchema(ResponseSchema):
    """A page of the feed."""

    releases = list_field(fields.Nested(FeedReleaseSchema), "Releases, in the order of the feed.")
    next_cursor = next_cursor_field()
    resume_cursor = resume_cursor_field()


class FeedRelease(msgspec.Struct, frozen=True):
    """A release in the feed."""

    cursor: str
    target_id: str
    kind: str
    epoch: int
    sha256: str
    release: msgspec.Raw | None
    gone: str | None


class Feed(msgspec.Struct, frozen=True):
    """A page of the feed."""

    releases: list[FeedRelease]
    next_cursor: str | None
    resume_cursor: str | None


def get_releases(services: PublicServices, request: Request) -> Response:
    """Returns the releases after a cursor.

    Raises:
        InvalidInputError: the cursor does not belong to this list.
        StoreError: the gallery does not answer or holds damage.
    """
    shards = services.ledger.read_shards()
    after: Sequence[int] = [0] * shards
    if request.query.get("after") == LATEST:
        head = services.ledger.read_latest_head()
        sizes = {tree.shard: tree.size for tree in head.head.trees} if head else {}
        after = [sizes.get(shard, 0) for shard in range(shards)]
    elif "after" in request.query:
        after = decode_cursor(_LISTING, shards, request.query["after"], "after")
    request.charge(count_requests(request.query["limit"], RELEASES_PER_REQUEST))
    page = read_feed(services.ledger, after, request.query["limit"])
    releases = list(_make_releases(services, page.found))
    accept = parse_accept_header(request.headers.get("Accept"), MIMEAccept)
    vary = {"Vary": "Accept"}
    if accept.best_match((JSON, NDJSON), JSON) == NDJSON:
        lines = msgspec.json.Encoder().encode_lines(releases)
        return Response(lines, media_type=NDJSON, max_age_seconds=_MAX_AGE_SECONDS, headers=vary)
    resume = encode_cursor(_LISTING, page.end) if shards else None
    document = msgspec.json.encode(Feed(releases, None if page.is_last else resume, resume))
    return Response(document, max_age_seconds=_MAX_AGE_SECONDS, headers=vary)


def _make_releases(services: PublicServices, found: Sequence[FeedPosition]) -> Iterator[FeedRelease]:
    entries = [each.entry for each in found]
    documents = services.ledger.read_releases(list(map(ReleaseName.from_entry, entries)))
    taken_down = _read_taken_down(services, entries)
    for each, entry, document in zip(found, entries, documents, strict=True):
        shown_with = _shown_with(entry.kind)
        gone = taken_down.get((shown_with, entry.target_id)) if shown_with else None
        if document is None:
            gone = gone or EXPIRED
        yield FeedRelease(
            encode_cursor(_LISTING, each.end),
            entry.target_id,
            entry.kind,
            entry.epoch,
            entry.release_sha256,
            None if gone or document is None else msgspec.Raw(document),
            gone,
        )


def _shown_with(kind: str) -> TargetType | None:
    """Returns the type of target whose takedown hides a release; None for one that stays."""
    if kind in _KINDS:
        return _KINDS[kind].target_type
    return TargetType.CREATOR if kind.startswith(f"{Scope.CREATOR.value}-") else None


def _read_taken_down(
    services: PublicServices, entries: Sequence[LedgerEntry]
) -> dict[tuple[TargetType | None, str], str]:
    """Reads why targets are hidden now; a canary whose metadata has expired is hidden, too."""
    hidden: dict[tuple[TargetType | None, str], str] = {}
    for target_type in TargetType:
        ids = list(dict.fromkeys(it.target_id for it in entries if _shown_with(it.kind) is target_type))
        targets = services.gallery.read_targets(ids, target_type.value) if ids else []
        for target_id, target in zip(ids, targets, strict=True):
            reason = target.taken_down if target else EXPIRED
            if reason is not None:
                hidden[target_type, target_id] = reason
    return hidden


_DIGEST_EXAMPLE: Final = "5e0e2ae7f1e3b3c8f4b6d4a0d7f9b6a1c2d3e4f5061728394a5b6c7d8e9f0a1b"
_CURSOR_EXAMPLE: Final = encode_cursor(_LISTING, (1, 0, 0))

OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/releases",
    operation_id="get_releases",
    summary="All releases since a cursor",
    description="Every release of every video, creator and audience, each exactly once, also while releases "
    "appear. To follow them, keep the `resume_cursor` of a page, or the `cursor` of the last release that "
    "you have stored. The releases of one target and kind come in the order of their epochs. With "
    "`Accept: application/x-ndjson` there is one release per line, and no line when there is nothing new.",
    tag="public",
    scope="read",
    handler=get_releases,
    query_schema=FeedQuerySchema,
    responses={
        200: ResponseDoc(
            "A page.",
            FeedSchema,
            {
                "releases": [
                    {
                        "cursor": _CURSOR_EXAMPLE,
                        "target_id": "v-4711",
                        "kind": "like",
                        "epoch": 0,
                        "sha256": _DIGEST_EXAMPLE,
                        "release": None,
                        "gone": "legal",
                    }
                ],
                "next_cursor": None,
                "resume_cursor": _CURSOR_EXAMPLE,
            },
            line=FeedReleaseSchema,
        )
    },
)
