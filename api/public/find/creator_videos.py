"""`GET /v1/creators/{creator_id}/videos`: the videos of a creator with their likes, newest first."""

from marshmallow import fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import PageSchema, decode_name, encode_name, make_cursor_error
from api.public.access.readable import require_readable
from api.public.find.video_filter import VideoFilter
from api.public.kinds import CREATOR, FOLLOWERS, GONE_DOC, LIKES
from api.public.numbers import PUBLISHED_EXAMPLE
from api.public.release_cache import require_available
from api.public.response_fields import list_field, next_cursor_field
from api.public.services import PublicServices
from api.public.target_metadata import METADATA_MAX_AGE_SECONDS, VIDEOS

_LISTING = "creator_videos"


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
    wanted = VideoFilter(creator_id=creator_id)
    found = wanted.find(services.index, services.gallery, request.query["limit"], after)
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
    rows="videos",
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
