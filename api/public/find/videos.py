"""`GET /v1/videos`: videos by their ids or by what they have in common, sorted by time or by a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import fields
from marshmallow.validate import OneOf, Range

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import decode_name, encode_name, make_cursor_error
from api.http.rate_limit import count_requests
from api.public.access.readable import require_readable_list
from api.public.find.video_filter import FILTER_NAMES, VideoFilter, VideoFilterSchema, make_filter
from api.public.kinds import FAVORITES, LIKES, VIDEO
from api.public.numbers import PUBLISHED_EXAMPLE, SPAN_BELOW_ONE_DAY, NumberSchema, make_current_number
from api.public.response_fields import ResponseSchema, list_field, next_cursor_field, required_field
from api.public.services import PublicServices
from api.public.target_metadata import METADATA_MAX_AGE_SECONDS, VIDEOS, make_ids_field
from api.public.timeseries import to_daily_rate
from privacy.errors import InvalidInputError
from privacy.gallery.reader import CurrentRelease

_LISTING: Final = "videos"
_POSTED: Final = "posted"
_CHANGE: Final = "likes_change_per_day"
SORTS: Final = (_POSTED, LIKES.noun, FAVORITES.noun, _CHANGE)
MAX_VIDEOS: Final = 1_000
"""Videos that one request looks at: so many are on a page, or compared by a number."""
VIDEOS_PER_REQUEST: Final = 100
"""A list counts as one request for each so many videos."""


class VideosQuerySchema(VideoFilterSchema):
    """The query of `GET /v1/videos`: ids, or a filter."""

    ids = make_ids_field(VIDEO.example_id)
    sort = fields.String(
        load_default=_POSTED,
        validate=OneOf(SORTS, error=f"is no order; one of {', '.join(SORTS)}"),
        metadata={
            "description": "`posted`: the last one first, in pages. By a number: the largest first, withheld "
            f"ones last; of the {MAX_VIDEOS:,} videos that were posted last, all at one moment, so without "
            "pages. `likes_change_per_day` is that of the last day."
        },
    )
    cursor = fields.String(metadata={"description": "`next_cursor` of the previous page."})
    limit = PlainInteger(
        load_default=100,
        validate=Range(1, MAX_VIDEOS, error=f"is out of range; 1 to {MAX_VIDEOS}"),
        metadata={"description": f"Maximum number of videos, 1 to {MAX_VIDEOS}."},
    )


class ListedVideoSchema(VIDEOS.described_schema):  # type: ignore[name-defined,misc] # made from VideoSchema
    """A video of a list, with the number by which it was sorted."""

    favorites = fields.Nested(NumberSchema, metadata={"description": "With `sort=favorites`."})
    likes_change_per_day = fields.Nested(
        NumberSchema, metadata={"description": "With `sort=likes_change_per_day`."}
    )


class ComparedSchema(ResponseSchema):
    """Which videos were compared by a number."""

    videos = required_field(fields.Integer, "How many videos that are asked for were compared.", strict=True)
    complete = required_field(fields.Boolean, "Whether these are all; otherwise those that were posted last.")


class VideosSchema(ResponseSchema):
    """Several videos."""

    videos = list_field(fields.Nested(ListedVideoSchema), "By id, or in the order that was asked for.")
    gone = list_field(fields.String(), "Those of `ids` that were taken down, ordered.")
    # The attribute `unknown` of a schema is its rule about unknown members.
    unknown_ids = list_field(
        fields.String(), "Those of `ids` that are not those of a video, ordered.", data_key="unknown"
    )
    next_cursor = next_cursor_field()
    compared = fields.Nested(
        ComparedSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Of a list that is sorted by a number; null for any other."},
    )


def get_videos(services: PublicServices, request: Request) -> Response:
    """Returns videos by id or by a filter.

    Raises:
        InvalidInputError: ids come with a filter, or the cursor does not belong to this list.
        Forbidden: a limited reader asks for a list that is not that of a creator it reads.
        StoreError: the gallery does not answer or holds damage.
    """
    query = request.query
    if "ids" in query:
        _refuse_others(query)
        found = VIDEOS.read_list(services, request)
    else:
        wanted = make_filter(query)
        require_readable_list(request.key, wanted.creator_id)
        read = _read_page if query["sort"] == _POSTED else _read_sorted
        found = {"gone": [], "unknown": [], **read(services, request, wanted)}
    document = {"next_cursor": None, "compared": None, **found}
    return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)


def _refuse_others(query: Mapping[str, Any]) -> None:
    for name in (*FILTER_NAMES, "cursor"):
        if name in query:
            raise InvalidInputError(name, "comes with ids", "ids, or a filter with a cursor")


def _read_page(services: PublicServices, request: Request, wanted: VideoFilter) -> dict[str, Any]:
    request.charge(count_requests(request.query["limit"], VIDEOS_PER_REQUEST))
    cursor = request.query.get("cursor")
    after = None if cursor is None else decode_name(_LISTING, cursor)
    found = wanted.find(services.index, services.gallery, request.query["limit"], after)
    if found is None:
        raise make_cursor_error()
    return {
        "videos": [VIDEOS.describe(video, request.now_ms) for video in found.videos],
        "next_cursor": None if found.last is None else encode_name(_LISTING, found.last),
    }


def _read_sorted(services: PublicServices, request: Request, wanted: VideoFilter) -> dict[str, Any]:
    if "cursor" in request.query:
        raise InvalidInputError("cursor", "comes with a number in sort", "sort=posted, or no cursor")
    compared = min(services.index.count(wanted.videos), MAX_VIDEOS)
    request.charge(count_requests(compared, VIDEOS_PER_REQUEST))
    found = wanted.find(services.index, services.gallery, MAX_VIDEOS)
    videos = found.videos if found else []
    by = request.query["sort"]
    numbers = _read_numbers(services, by, videos, request.now_ms)
    # Stable: videos with the same number, and those without, stay in the order of their posting.
    places = sorted(range(len(videos)), key=lambda place: _sort_key(numbers[place]))
    return {
        "videos": [
            VIDEOS.describe(videos[place], request.now_ms) | {by: numbers[place]}
            for place in places[: request.query["limit"]]
        ],
        "compared": {"videos": len(videos), "complete": found is None or found.last is None},
    }


def _read_numbers(
    services: PublicServices, by: str, videos: Sequence[CurrentRelease], now_ms: int
) -> list[Any]:
    if by == FAVORITES.noun:
        ids = [video.target.target_id for video in videos]
        found = services.gallery.read_current_releases(ids, FAVORITES.kind)
        # What has no favourites, as under a policy without them, has no release either.
        videos = [other or video for other, video in zip(found, videos, strict=True)]
    return [_make_number(by, video, now_ms) for video in videos]


def _make_number(by: str, video: CurrentRelease, now_ms: int) -> Any:
    release = video.release
    if release is None:
        return make_current_number(video, None, now_ms)
    if by != _CHANGE:
        return make_current_number(video, release.total, now_ms)
    if not release.change_span_seconds:
        return make_current_number(video, None, now_ms, SPAN_BELOW_ONE_DAY)
    change = to_daily_rate(release.change, release.change_span_seconds)
    return make_current_number(video, change, now_ms)


def _sort_key(number: Any) -> tuple[bool, int]:
    return number.value is None, -(number.value or 0)


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path=f"/v1/{VIDEO.plural}",
    operation_id="get_videos",
    summary="Several videos with their likes",
    description="Metadata and totals of up to 100 videos by their `ids`, or of all videos that a filter "
    "names: `creator_id`, `hashtag`, `sound_id`, `posted_after`, `posted_before`; without any, of all. A "
    "list by time is read in pages: a video that is posted while you read on does not come; each one that "
    "was there when you began comes once. Videos that were taken down or changed are left out, so a page may "
    "be shorter than `limit`: only a `next_cursor` of null says that it is the last one. A key that is "
    "limited to creators names one of them in `creator_id`; other videos do not exist for it. A request "
    "counts as one for each 100 of its `limit`, or of the videos that it compares.",
    tag="public",
    scope="read",
    rows="videos",
    limited="checked",
    handler=get_videos,
    query_schema=VideosQuerySchema,
    responses={
        200: ResponseDoc(
            "The videos.",
            VideosSchema,
            {
                "videos": [{**VIDEOS.example, LIKES.noun: PUBLISHED_EXAMPLE}],
                "gone": [],
                "unknown": [],
                "next_cursor": None,
                "compared": None,
            },
        )
    },
)
