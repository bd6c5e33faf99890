"""All operations of the platform plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields
from marshmallow.validate import Regexp

from api.http import health
from api.http.idempotency import HEADER, KEY_PATTERN, KEY_RULE
from api.http.openapi import ProblemSchema
from api.http.operation import JSON, Body, Operation, Response
from api.http.problems import PROBLEM_JSON
from api.platform.answers import EventsAnswerSchema, VideoAnswerSchema, VideosAnswerSchema
from api.platform.batch import GZIP, MAX_BATCH_BYTES, MAX_ITEMS, NDJSON
from api.platform.events import post_events
from api.platform.fields import PublicId
from api.platform.sandbox import in_sandbox
from api.platform.schemas import EventSchema, VideoMetadataSchema, VideoToRegisterSchema
from api.platform.videos import post_videos, put_video
from privacy.model.engagement import Verdict

if TYPE_CHECKING:
    from api.platform.services import PlatformServices

MAX_VIDEO_BYTES = 64 * 1024

_VIDEO = {
    "posted_at": "2026-05-03T12:00:00Z",
    "creator_id": "c-12",
    "title": "Sourdough in 40 seconds",
    "hashtags": ["baking", "sourdough"],
    "duration_seconds": 40,
}
_EVENT = {
    "type": "like",
    "account_id": "a-2001",
    "video_id": "v-4711",
    "occurred_at": "2026-05-03T14:07:31Z",
    "profile": {"age_band": "25-34", "gender": "female", "region": "DE", "language": "de", "device": "ios"},
    "visibility": "public",
}
_BATCHES = f"""\
A JSON array, or NDJSON with one item a line (blank lines are passed over); up to {MAX_ITEMS:,} items and
{MAX_BATCH_BYTES // 1024**2} MiB, also when inflated from gzip. Each item has its own verdict.

With an `Idempotency-Key` header (1 to 255 visible ASCII characters) the same batch sent again gets the same
answer, with `Idempotency-Replayed: true`.
"""
_EVENT_VERDICTS = """\
| verdict | meaning |
|---|---|
| `counted` | the account stands in the counts now |
| `uncounted` | it does not: an unlike, or a like that is kept out or has used up all changes that count |
| `duplicate` | the same event was here before |
| `late` | a later event was here before, or the target is past its last release |
| `over_cap` | too many new likes of this account today; not stored |
| `dropped_child` | a child's; not stored |
| `closed` | the account was erased, or objects to analytics; not stored |
| `unknown_target` | the video or creator is not registered; not stored |
| `invalid` | it breaks a rule; not stored |
"""
_IN_USE = "The request with this Idempotency-Key is being carried out."
_OTHER_BODY = "This Idempotency-Key belongs to another request."


class PlatformVideoPathSchema(Schema):
    """Path arguments of everything about one video."""

    video_id = PublicId(required=True, metadata={"description": "Id of the video.", "example": "v-4711"})


class IdempotencyHeaderSchema(Schema):
    """Headers of everything that is carried out once for each Idempotency-Key."""

    idempotency_key = fields.String(
        data_key=HEADER,
        validate=Regexp(KEY_PATTERN),
        metadata={"description": f"{KEY_RULE}; see above.", "example": "batch-2026-05-03-0001"},
    )


def _problem(description: str) -> Response:
    return Response(description, ProblemSchema, media_type=PROBLEM_JSON)


def _batch_of(schema: type[Schema], example: dict[str, Any]) -> Body:
    return Body(schema, [example], MAX_BATCH_BYTES, media_types=(JSON, NDJSON), encodings=(GZIP,), many=True)


def _post_events() -> Operation[PlatformServices]:
    answer = {
        "received": 1,
        "verdicts": {verdict.value: int(verdict is Verdict.DUPLICATE) for verdict in Verdict},
        "not_counted": [{"index": 0, "verdict": "duplicate"}],
    }
    return Operation(
        method="POST",
        path="/v1/events",
        operation_id="post_events",
        summary="Events in",
        description="Takes likes, favourites, follows and their ends in and answers once they are on disk. "
        f"Send a batch again if no answer came: nothing is counted twice.\n\n{_BATCHES}\n{_EVENT_VERDICTS}",
        tag="platform",
        scope="ingest",
        handler=post_events,
        responses={
            200: Response("Every event has its verdict.", EventsAnswerSchema, answer),
            409: _problem(_IN_USE),
            422: _problem(_OTHER_BODY),
        },
        header_schema=IdempotencyHeaderSchema,
        body=_batch_of(EventSchema, _EVENT),
    )


def _put_video() -> Operation[PlatformServices]:
    def answer(verdict: str) -> dict[str, str]:
        return {"video_id": "v-4711", "verdict": verdict}

    return Operation(
        method="PUT",
        path="/v1/videos/{video_id}",
        operation_id="put_video",
        summary="Register a video",
        description="Registers a video, or replaces its public metadata. `posted_at` starts the schedule of "
        "its releases and never changes.",
        tag="platform",
        scope="ingest",
        handler=put_video,
        responses={
            200: Response("It was registered before.", VideoAnswerSchema, answer("updated")),
            201: Response("It is registered now.", VideoAnswerSchema, answer("created")),
            409: _problem("It is registered with another posted_at."),
        },
        path_schema=PlatformVideoPathSchema,
        body=Body(VideoMetadataSchema, _VIDEO, MAX_VIDEO_BYTES),
    )


def _post_videos() -> Operation[PlatformServices]:
    verdicts = {"created": 1, "updated": 0, "unchanged": 0, "conflict": 0, "invalid": 0}
    answer = {"received": 1, "verdicts": verdicts, "not_registered": []}
    return Operation(
        method="POST",
        path="/v1/videos",
        operation_id="post_videos",
        summary="Register many videos",
        description=f"Does for each what `PUT /v1/videos/{{video_id}}` does.\n\n{_BATCHES}",
        tag="platform",
        scope="ingest",
        handler=post_videos,
        responses={
            200: Response("Every video has its verdict.", VideosAnswerSchema, answer),
            409: _problem(_IN_USE),
            422: _problem(_OTHER_BODY),
        },
        header_schema=IdempotencyHeaderSchema,
        body=_batch_of(VideoToRegisterSchema, {"video_id": "v-4711", **_VIDEO}),
    )


def operations() -> tuple[Operation[PlatformServices], ...]:
    """The operations, in the order in which the docs show them."""
    post_events_, put_video_, post_videos_ = _post_events(), _put_video(), _post_videos()
    return (
        post_events_,
        put_video_,
        post_videos_,
        in_sandbox(post_events_, "Events of canaries in"),
        in_sandbox(put_video_, "Register a canary"),
        in_sandbox(post_videos_, "Register many canaries"),
        *health.operations(),
    )
