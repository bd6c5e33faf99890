"""`PUT /v1/videos/{video_id}` and `POST /v1/videos`: the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.http.arguments import load
from api.http.json_body import parse_json
from api.http.operation import Answer, Call, json_answer
from api.platform.batch import Batch
from api.platform.report import batch_report
from api.platform.schemas import VideoMetadataSchema, VideoToRegisterSchema, video_metadata
from privacy.errors import ConflictError, InvalidInputError
from privacy.tally.catalogue import Registration
from privacy.tally.target import TargetMetadata
from privacy.vault.time_bounds import TimeBounds

if TYPE_CHECKING:
    from api.platform.services import PlatformServices
    from privacy.policy import Intake

PASSED = (Registration.CREATED, Registration.UPDATED, Registration.UNCHANGED)


def put_video(services: PlatformServices, call: Call) -> Answer:
    """Register one video, or replace its metadata.

    Raises:
        InvalidInputError: the metadata breaks a rule.
        ConflictError: the video is registered with another `posted_at`.
    """
    loaded = load(VideoMetadataSchema(), parse_json(call.body))
    video = _checked(call.path["video_id"], loaded, services.intake, call.now_ms)
    registration = services.registry.register([video], call.now_ms)[0]
    if registration is Registration.CONFLICT:
        raise ConflictError("the video is registered with another posted_at, which never changes")
    status = 201 if registration is Registration.CREATED else 200
    return json_answer({"video_id": video.target_id, "verdict": registration.value}, status=status)


def post_videos(services: PlatformServices, call: Call) -> Answer:
    """Register many videos, or replace their metadata.

    Raises:
        InvalidInputError: the batch as a whole cannot be read; nothing was stored.
    """
    batch = Batch.of_call(call)

    def register() -> Answer:
        videos = [_read(item, services.intake, call.now_ms) for item in batch.items()]
        valid = [video for video in videos if isinstance(video, TargetMetadata)]
        registrations = iter(services.registry.register(valid, call.now_ms))
        outcomes = [next(registrations) if isinstance(video, TargetMetadata) else video for video in videos]
        return json_answer(batch_report(outcomes, Registration, PASSED, "not_registered"))

    return services.idempotency.once(call, f"POST /v1/videos {batch.media_type}", batch.raw, register)


def _read(item: bytes, intake: Intake, now_ms: int) -> TargetMetadata | InvalidInputError:
    try:
        loaded = load(VideoToRegisterSchema(), parse_json(item, "video"))
        return _checked(loaded.pop("video_id"), loaded, intake, now_ms)
    except InvalidInputError as error:
        return error


def _checked(video_id: str, loaded: dict[str, Any], intake: Intake, now_ms: int) -> TargetMetadata:
    video = video_metadata(video_id, loaded)
    TimeBounds.at(now_ms, intake).check("posted_at", video.starts_at_ms)
    return video
