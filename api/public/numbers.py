"""The one shape of every number: value, interval, status, reason, and when it was and will be released.

All members are always there. A withheld number is the same bytes whether nobody liked the video, too few did,
or the noise decided: there is nothing to compare.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, Protocol

import msgspec
from marshmallow import RAISE, Schema, fields
from marshmallow.validate import Length, OneOf

from privacy.gallery.reader import CurrentRelease
from privacy.model.documents import Figure
from privacy.model.timestamp import format_timestamp

BELOW_THRESHOLD = "below_threshold"
NOT_YET_RELEASED = "not_yet_released"
SPAN_BELOW_ONE_DAY = "span_below_one_day"
REASONS = (BELOW_THRESHOLD, NOT_YET_RELEASED, SPAN_BELOW_ONE_DAY)


class Number(msgspec.Struct, frozen=True):
    """A number as readers see it."""

    value: int | None
    ci95: tuple[int, int] | None
    status: Literal["published", "withheld"]
    reason: str | None
    epoch: int | None
    as_of: str | None
    next_release_at: str | None


class ReleaseLike(Protocol):
    """What a number needs to know of its release: the epoch and its times."""

    @property
    def epoch(self) -> int:
        """Number of the epoch."""

    @property
    def as_of_ms(self) -> int:
        """When it ended."""

    @property
    def next_release_at_ms(self) -> int | None:
        """When the next one ends."""


def number(figure: Figure | None, release: ReleaseLike, withheld: str = BELOW_THRESHOLD) -> Number:
    """A number of a release; without a figure it is withheld for the reason given."""
    value, interval = (None, None) if figure is None else (figure[0], (figure[1], figure[2]))
    return Number(
        value=value,
        ci95=interval,
        status="withheld" if figure is None else "published",
        reason=withheld if figure is None else None,
        epoch=release.epoch,
        as_of=_time(release.as_of_ms),
        next_release_at=_time(release.next_release_at_ms),
    )


def figure_number(figure: Figure | None, moment_ms: int, withheld: str) -> Number:
    """A number worked out from releases of several targets, as they stood at a moment."""
    value, interval = (None, None) if figure is None else (figure[0], (figure[1], figure[2]))
    return Number(
        value=value,
        ci95=interval,
        status="withheld" if figure is None else "published",
        reason=withheld if figure is None else None,
        epoch=None,
        as_of=_time(moment_ms),
        next_release_at=None,
    )


def number_of(standing: CurrentRelease, figure: Figure | None) -> Number:
    """A number of what stands now; before the first release it is not released yet."""
    if standing.release:
        return number(figure, standing.release)
    return Number(
        value=None,
        ci95=None,
        status="withheld",
        reason=NOT_YET_RELEASED,
        epoch=None,
        as_of=None,
        next_release_at=_time(standing.next_release_at_ms),
    )


@lru_cache(maxsize=4096)  # every number of a release, and every request for it, spells the same two times
def _time(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else format_timestamp(moment_ms)


class AnswerSchema(Schema):
    """Base of what the public plane answers: exactly these members."""

    class Meta:
        """Refuses unknown members."""

        unknown = RAISE


def required_field(field: type[fields.Field[Any]], description: str, **options: Any) -> Any:
    """A member that is always there."""
    return field(required=True, metadata={"description": description}, **options)


class NumberSchema(AnswerSchema):
    """A number. All members are always there; those that have nothing to say are null."""

    value = required_field(fields.Integer, "The estimate; null when withheld.", strict=True, allow_none=True)
    ci95 = fields.List(
        fields.Integer(strict=True),
        required=True,
        allow_none=True,
        validate=Length(equal=2),
        metadata={"description": "Lower and upper end of the 95 % interval; null when withheld."},
    )
    status = required_field(fields.String, "Whether it is shown.", validate=OneOf(("published", "withheld")))
    reason = required_field(
        fields.String,
        "Why it is withheld; null when published. `below_threshold`: too few accounts to show anything. "
        "`not_yet_released`: the first release is still to come, at `next_release_at`. "
        "`span_below_one_day`: a change is shown once it spans a day.",
        allow_none=True,
        validate=OneOf(REASONS),
    )
    epoch = required_field(
        fields.Integer,
        "Number of the release in the target's schedule; null before the first one, and for a number "
        "over several targets.",
        strict=True,
        allow_none=True,
    )
    as_of = required_field(
        fields.DateTime,
        "When the epoch ended, in UTC; of a number over several targets, its moment.",
        format="iso",
        allow_none=True,
    )
    next_release_at = required_field(
        fields.DateTime,
        "When the next release is due; nothing changes before. Null after the last one, and for a number "
        "over several targets.",
        format="iso",
        allow_none=True,
    )


PUBLISHED_EXAMPLE = {
    "value": 1284,
    "ci95": [1249, 1319],
    "status": "published",
    "reason": None,
    "epoch": 31,
    "as_of": "2026-05-05T12:00:00Z",
    "next_release_at": "2026-05-05T18:00:00Z",
}
WITHHELD_EXAMPLE = PUBLISHED_EXAMPLE | {
    "value": None,
    "ci95": None,
    "status": "withheld",
    "reason": BELOW_THRESHOLD,
}
