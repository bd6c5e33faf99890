"""The members of a query: parameters of a GET, and the JSON body of a POST."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from marshmallow import RAISE, ValidationError, fields
from marshmallow.validate import OneOf, Range

from api.http.arguments import Moment, NameList, PlainInteger
from api.public.audience_routes import MAX_HASHTAG_CHARACTERS
from api.public.find.video_filter import VideoFilterSchema
from api.public.kinds import LIKES
from api.public.query.question import GROUPS, MAX_ROWS, MAX_TARGETS, METRICS, SPANS, Subject
from privacy.errors import InvalidInputError
from privacy.model.identifier import check_identifier


def _one_of(names: Sequence[str], what: str) -> Callable[[str], str]:
    def parse(name: str) -> str:
        if name not in names:
            raise ValidationError(f"has {name[:40]!r}, which is no {what}; any of {', '.join(names)}")
        return name

    return parse


def _parse_target(name: str) -> str:
    if not 0 < len(name) <= MAX_HASHTAG_CHARACTERS or not name.isprintable():
        raise ValidationError("has an id that is empty, too long or not printable; ids or hashtags")
    return name


def _parse_by(name: str) -> str:
    if name in SPANS or name in GROUPS:
        return name
    try:
        return check_identifier("by", name)
    except InvalidInputError as error:
        raise ValidationError(f"{error.message}; a dimension, {', '.join((*SPANS, *GROUPS))}") from error


class _MembersSchema(VideoFilterSchema):
    """The members whose names may be those of attributes."""

    class Meta:
        """Refuses unknown members."""

        unknown = RAISE

    subject = fields.String(
        load_default=Subject.VIDEOS.value,
        validate=OneOf([one.value for one in Subject], error=f"is no subject; one of {', '.join(Subject)}"),
        metadata={"description": "What the rows are about."},
    )
    ids = NameList(
        MAX_TARGETS,
        _parse_target,
        metadata={"description": f"Up to {MAX_TARGETS:,} ids; of hashtags, the hashtags themselves."},
    )
    metrics = NameList(
        len(METRICS),
        _one_of([*METRICS], "metric"),
        load_default=(LIKES.noun,),
        metadata={
            "description": "Numbers of each row: `likes` and `favorites` of videos, `followers` of creators, "
            "each also as `…_change`, `…_gained`, `…_lost` and `…_lost_<reason>`; `audience` of anything but "
            "videos. Changes and what there is at a moment are asked for apart.",
            "example": ["likes"],
        },
    )
    by = NameList(
        3,
        _parse_by,
        min_items=0,
        load_default=(),
        metadata={
            "description": "What rows are divided by: one of the subject (`video`, `creator`, …) or the "
            "`creator` of videos, one dimension, and one of `time:day`, `time:week` and `time:epoch`. "
            "Without one of the subject, numbers are sums over all of them.",
            "example": ["video"],
        },
    )
    order_by = fields.String(
        metadata={"description": "A metric; with a `-` in front, the largest first. Withheld ones come last."}
    )
    limit = PlainInteger(
        load_default=1_000,
        validate=Range(1, MAX_ROWS, error=f"is out of range; 1 to {MAX_ROWS}"),
        metadata={"description": f"Maximum number of rows, 1 to {MAX_ROWS:,}."},
    )
    cursor = fields.String(metadata={"description": "`next_cursor` of the previous answer."})
    compare_to = fields.String(
        validate=OneOf(
            ("equal_age", "previous_period"),
            error="is no comparison; equal_age or previous_period",
        ),
        metadata={
            "description": "`equal_age`: the numbers of all targets at the last epoch that each of them has "
            "reached. `previous_period`: with changes from `from` to `to`, those of the period of the same "
            "length before, too."
        },
    )


QuerySchema: Final = _MembersSchema.from_dict(
    {
        "from": Moment(
            metadata={"description": "Only what ends after this time; of changes, what begins then."}
        ),
        "to": Moment(metadata={"description": "Only what ends at this time or before."}),
    },
    name="Query",
)
EXAMPLE: Final = {"subject": "videos", "ids": ["v-4711"], "metrics": ["likes"], "by": ["video"]}
