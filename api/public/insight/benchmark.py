"""`GET /v1/videos/{video_id}/benchmark`: where a video stands among others of the same age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from marshmallow import ValidationError, fields

from api.http.arguments import Identifier
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.rate_limit import count_requests
from api.public.access.readable import require_readable_target
from api.public.audience_routes import HashtagArgument
from api.public.find.video_filter import VideoFilter
from api.public.kinds import GONE_DOC, LIKES, VIDEO
from api.public.numbers import (
    BELOW_THRESHOLD,
    NOT_YET_RELEASED,
    PUBLISHED_EXAMPLE,
    make_current_number,
    number_field,
)
from api.public.query.operation import HISTORIES_PER_REQUEST
from api.public.response_fields import ResponseSchema, required_field
from api.public.services import PublicServices
from api.public.target_metadata import METADATA_MAX_AGE_SECONDS
from privacy.errors import InvalidInputError
from privacy.gallery.reader import CurrentRelease, History
from privacy.model.documents import Figure, PointDocument
from privacy.model.identifier import IDENTIFIER_PATTERN

MAX_PEERS: Final = 200
MIN_PEERS: Final = 5
"""Fewer say nothing about a place among them."""
_PERCENT: Final = 100
_CREATOR: Final = "creator"
_RULE: Final = "creator, hashtag:NAME or sound:ID"


class Comparison(NamedTuple):
    """How others compare with a number, by intervals that meet or do not.

    Args:
        below: they are smaller, by intervals that do not meet.
        tied: their intervals meet.
        above: they are larger.
    """

    below: int
    tied: int
    above: int

    @property
    def percentile(self) -> tuple[float, float, float]:
        """Percent of the others that are smaller: half of the ties, none of them, all of them."""
        every = self.below + self.tied + self.above
        ends = (self.below + self.tied / 2, self.below, self.below + self.tied)
        value, low, high = (_PERCENT * end / every for end in ends)
        return value, low, high


def compare(own: Figure, others: Sequence[Figure]) -> Comparison:
    """Compare a number with others: two are told apart where their 95 % intervals do not meet."""
    below = sum(high < own[1] for _, _, high in others)
    above = sum(low > own[2] for _, low, _ in others)
    return Comparison(below, len(others) - below - above, above)


class AmongField(fields.String):
    """What a video is compared with, loaded as a pair: the sort, and its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        sort, _, name = super()._deserialize(value, attr, data, **options).partition(":")
        if sort == _CREATOR and not name:
            return sort, ""
        if sort == "hashtag" and name:
            return sort, HashtagArgument().deserialize(name, attr, data)
        if sort == "sound" and name:
            return sort, Identifier().deserialize(name, attr, data)
        raise ValidationError(f"is no group of videos; {_RULE}")


_QUERY_SCHEMA: Final = ResponseSchema.from_dict(
    {
        "among": AmongField(
            metadata={
                "pattern": f"^(creator|hashtag:[^ #]+|sound:{IDENTIFIER_PATTERN})$",
                "description": f"The videos to compare with: {_RULE}; by default those of its creator.",
                "example": "hashtag:baking",
            },
        )
    },
    name="BenchmarkQuery",
)


def get_benchmark(services: PublicServices, request: Request) -> Response:
    """Returns the place of a video.

    Raises:
        NotFoundError, GoneError: there is no such video, or it was taken down.
        InvalidInputError: it has no creator.
    """
    video_id = request.path[VIDEO.id_name]
    require_readable_target(services.gallery, request.key, VIDEO.target_type, video_id)
    current = services.cache.get(video_id, LIKES.kind)
    release = current.release
    wanted = _make_filter(current, request.query.get("among", (_CREATOR, "")), request.now_ms)
    request.charge(count_requests(min(services.index.count(wanted.videos), MAX_PEERS), HISTORIES_PER_REQUEST))
    found = wanted.find(services.index, services.gallery, MAX_PEERS + 1)
    peers = [video.target for video in (found.videos if found else ()) if video.target.target_id != video_id]
    peers = peers[:MAX_PEERS]
    histories = services.gallery.read_histories([peer.target_id for peer in peers], LIKES.kind)
    age_ms = _find_age_ms(current)
    points = [_at_age(history, age_ms) for history in histories if history]
    reached = [point for point in points if point]
    shown = [point.total for point in reached if point.total]
    document = {
        VIDEO.id_name: video_id,
        LIKES.noun: make_current_number(current, release.total if release else None, request.now_ms),
        "peers": len(peers),
        "covered": len(shown),
        "withheld": len(reached) - len(shown),
        "younger": len(peers) - len(reached),
        **_state_place(current, shown),
    }
    return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)


def _make_filter(current: CurrentRelease, among: tuple[str, str], now_ms: int) -> VideoFilter:
    """Returns the filter of videos that are at least as old as this one is at its current release."""
    sort, name = among
    old_enough_ms = now_ms - _find_age_ms(current)
    if sort == "hashtag":
        return VideoFilter(hashtag=name, posted_before_ms=old_enough_ms)
    if sort == "sound":
        return VideoFilter(sound_id=name, posted_before_ms=old_enough_ms)
    if current.target.creator_id is None:
        raise InvalidInputError("among", "is creator, and the video has none", "hashtag:NAME or sound:ID")
    return VideoFilter(creator_id=current.target.creator_id, posted_before_ms=old_enough_ms)


def _find_age_ms(current: CurrentRelease) -> int:
    """Returns how old a video is at its current release; 0 before the first one."""
    return current.release.as_of_ms - current.target.starts_at_ms if current.release else 0


def _at_age(history: History, age_ms: int) -> PointDocument | None:
    """Returns the release of a video at an age: policies may number their epochs otherwise."""
    end_ms = history.target.starts_at_ms + age_ms
    return next((point for point in history.points if point.as_of_ms == end_ms), None)


def _state_place(current: CurrentRelease, shown: Sequence[Figure]) -> Mapping[str, Any]:
    own = current.release.total if current.release else None
    status: Literal["published", "withheld"] = "withheld"
    place: dict[str, Any] = {"percentile": None, "percentile_range": None}
    withheld = BELOW_THRESHOLD if current.release else NOT_YET_RELEASED
    reason = withheld if own is None else "too_few_videos" if len(shown) < MIN_PEERS else None
    if own is not None and reason is None:
        value, low, high = compare(own, shown).percentile
        status, place = (
            "published",
            {"percentile": round(value, 1), "percentile_range": [round(low, 1), round(high, 1)]},
        )
    return {**place, "status": status, "reason": reason}


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path=f"{VIDEO.path}/benchmark",
    operation_id="get_benchmark",
    summary="Where a video stands among others",
    description=f"Its likes as a percentile among up to {MAX_PEERS} others of its creator, a "
    "hashtag or a sound, those that were posted last, each at the age that the video has reached now. It is "
    "made of published totals alone. Two videos are told apart where their intervals do not meet; "
    "`percentile_range` counts all that cannot be told apart as larger, and as smaller. Videos whose total "
    "is withheld at that age are not compared; most of them have fewer likes than any that is shown.",
    tag="public",
    scope="read",
    limited="checked",
    handler=get_benchmark,
    path_schema=VIDEO.make_path_schema(),
    query_schema=_QUERY_SCHEMA,
    responses={
        200: ResponseDoc(
            "The place.",
            VIDEO.make_response_schema(
                "Benchmark",
                {
                    LIKES.noun: number_field("Its likes now."),
                    "percentile": required_field(
                        fields.Float, "Percent of the compared videos with fewer likes.", allow_none=True
                    ),
                    "percentile_range": fields.List(
                        fields.Float(),
                        required=True,
                        allow_none=True,
                        metadata={"description": "What it is at least, and at most."},
                    ),
                    "status": required_field(fields.String, "`published` or `withheld`."),
                    "reason": required_field(
                        fields.String,
                        "`below_threshold` or `not_yet_released`: as its own total. `too_few_videos`: fewer "
                        f"than {MIN_PEERS} are shown at that age. Null when published.",
                        allow_none=True,
                    ),
                    "peers": required_field(fields.Integer, "How many other videos were looked at."),
                    "covered": required_field(fields.Integer, "How many are compared."),
                    "withheld": required_field(fields.Integer, "How many are withheld at that age."),
                    "younger": required_field(fields.Integer, "How many have no release of that age."),
                },
            ),
            {
                VIDEO.id_name: VIDEO.example_id,
                LIKES.noun: PUBLISHED_EXAMPLE,
                "percentile": 82.5,
                "percentile_range": [80.0, 85.0],
                "status": "published",
                "reason": None,
                "peers": 57,
                "covered": 40,
                "withheld": 9,
                "younger": 8,
            },
        ),
        410: GONE_DOC,
    },
)
