"""`GET /v1/creators/{creator_id}/videos`: the videos of a creator with their likes, newest first."""

from typing import NamedTuple

from marshmallow import fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import PageSchema, decode_name, encode_name, make_cursor_error
from api.public.access.readable import require_readable
from api.public.kinds import CREATOR, FOLLOWERS, GONE_DOC, LIKES
from api.public.numbers import PUBLISHED_EXAMPLE
from api.public.release_cache import require_available
from api.public.response_fields import list_field, next_cursor_field
from api.public.services import PublicServices
from api.public.target_metadata import METADATA_MAX_AGE_SECONDS, VIDEOS
from privacy.gallery.reader import CurrentRelease, GalleryReader

_LISTING = "creator_videos"


class FoundVideos(NamedTuple):
    """One page of the videos of a creator.

    Args:
        videos: those that are shown now, newest first.
        last: id of the last video that was looked at, shown or not; None at the end of the list.
    """

    videos: list[CurrentRelease]
    last: str | None


def find_creator_videos(
    gallery: GalleryReader, creator_id: str, after: str | None, limit: int
) -> FoundVideos | None:
    """Finds videos that name a creator now and are not taken down, each with its current release of likes.

    A video keeps its place in the list for good, so each one that was there when the first page was read is
    met exactly once. A page has fewer videos than the limit where some were taken down or given away.

    Args:
        gallery: where they are read.
        creator_id: the creator.
        after: id of the last video of the page before; None for the first page.
        limit: how many videos are looked at.

    Returns:
        The page; None if the list has no video `after`.
    """
    ids = gallery.read_creator_videos_after(creator_id, after, limit + 1)
    if ids is None:
        return None
    looked_at = ids[:limit]
    videos = [
        video
        for video in gallery.read_current_releases(looked_at, LIKES.kind)
        if video and video.target.creator_id == creator_id and video.target.taken_down is None
    ]
    return FoundVideos(videos, looked_at[-1] if len(ids) > limit else None)


def get_creator_videos(services: PublicServices, request: Request) -> Response:
    """Returns one page of the videos of a creator.

    Raises:
        NotFoundError: there is no such creator.
        GoneError: the creator was taken down.
        InvalidInputError: the cursor does not belong to this list.
    """
    creator_id = request.path[CREATOR.id_name]
    require_readable(request.key, creator_id)
    creator = services.gallery.read_current_release(creator_id, FOLLOWERS.kind)
    require_available(creator, creator_id, FOLLOWERS.kind)
    cursor = request.query.get("cursor")
    after = None if cursor is None else decode_name(_LISTING, cursor)
    found = find_creator_videos(services.gallery, creator_id, after, request.query["limit"])
    if found is None:
        raise make_cursor_error()
    document = {
        CREATOR.id_name: creator_id,
        "videos": [VIDEOS.describe(video, request.now_ms) for video in found.videos],
        "next_cursor": None if found.last is None else encode_name(_LISTING, found.last),
    }
    return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path=f"{CREATOR.path}/videos",
    operation_id="get_creator_videos",
    summary="The videos of a creator with their likes",
    description="Metadata and totals of the videos of a creator, the one that was posted last first. A video "
    "that is posted while you read on does not come; each that was there when you began comes once. Videos "
    "that were taken down or have another creator by now are left out, so a page may be shorter than "
    "`limit`: only a `next_cursor` of null says that it is the last one.",
    tag="public",
    scope="read",
    limited="checked",
    handler=get_creator_videos,
    path_schema=CREATOR.make_path_schema(),
    query_schema=PageSchema,
    responses={
        200: ResponseDoc(
            "One page.",
            CREATOR.make_response_schema(
                "CreatorVideos",
                {
                    "videos": list_field(fields.Nested(VIDEOS.described_schema), "Newest first."),
                    "next_cursor": next_cursor_field(),
                },
            ),
            {
                CREATOR.id_name: CREATOR.example_id,
                "videos": [{**VIDEOS.example, LIKES.noun: PUBLISHED_EXAMPLE}],
                "next_cursor": None,
            },
        ),
        410: GONE_DOC,
    },
)
