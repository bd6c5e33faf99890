"""`GET /v1/hashtags/{hashtag}` and `GET /v1/sounds/{sound_id}`: what is public of one of them."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import fields

from api.http.openapi import problem_doc
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.audience_routes import SCOPE_ROUTES, ScopeRoutes
from api.public.find.video_filter import VideoFilter
from api.public.kinds import LIKES
from api.public.numbers import PUBLISHED_EXAMPLE
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from api.public.target_metadata import METADATA_MAX_AGE_SECONDS, VIDEOS
from privacy.errors import NotFoundError
from privacy.model.audience import Scope

LATEST_VIDEOS: Final = 12


def make_group_operation(routes: ScopeRoutes) -> Operation[PublicServices]:
    """Returns the operation that reads what is public of a hashtag or a sound."""
    word, id_name = routes.scope.value, str(routes.id_name)

    def get_group(services: PublicServices, request: Request) -> Response:
        name = request.path[id_name]
        is_hashtag = routes.scope is Scope.HASHTAG
        wanted = VideoFilter(hashtag=name) if is_hashtag else VideoFilter(sound_id=name)
        videos = services.index.count(wanted.videos) if name else 0
        if not videos:
            raise NotFoundError(f"there is no video with this {word}")
        found = wanted.find(services.index, services.gallery, LATEST_VIDEOS)
        written = services.index.read_first_spelling(name) if is_hashtag else name
        document = {
            id_name: written,
            "videos": videos,
            "latest": [VIDEOS.describe(video, request.now_ms) for video in (found.videos if found else ())],
        }
        return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)

    return Operation(
        method="GET",
        path=routes.path.removesuffix("/audience"),
        operation_id=f"get_{word}",
        summary=f"A {word}",
        description=f"How many videos ever had the {word}, and some of them. "
        f"`GET /v1/videos?{id_name}=…` lists all that have it now, `GET {routes.path}` says how many "
        "accounts they reached.",
        tag="public",
        scope="read",
        handler=get_group,
        path_schema=routes.make_path_schema(),
        responses={
            200: ResponseDoc(
                f"The {word}.",
                ResponseSchema.from_dict(_make_members(routes), name=word.capitalize()),
                {
                    id_name: routes.example_id,
                    "videos": 3120,
                    "latest": [{**VIDEOS.example, LIKES.noun: PUBLISHED_EXAMPLE}],
                },
            ),
            404: problem_doc(f"No video ever had this {word}."),
        },
    )


def _make_members(routes: ScopeRoutes) -> dict[str, Any]:
    name = "The hashtag as it was first written." if routes.scope is Scope.HASHTAG else "Id of the sound."
    return {
        str(routes.id_name): required_field(fields.String, name),
        "videos": required_field(
            fields.Integer, "How many videos ever had it, whether they are shown or not.", strict=True
        ),
        "latest": list_field(
            fields.Nested(VIDEOS.described_schema),
            f"Of the {LATEST_VIDEOS} that were posted last, those that still have it and are shown.",
        ),
    }


OPERATIONS: Final = tuple(
    make_group_operation(routes) for routes in SCOPE_ROUTES if routes.scope in (Scope.HASHTAG, Scope.SOUND)
)
