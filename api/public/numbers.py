"""The one shape of every number: value, interval, status, reason, and when it was and will be released.

All members are always present. A withheld number is the same bytes whether no one liked the video, too few
did, or the noise decided: there is nothing to compare.
"""

from functools import lru_cache
from typing import Any, Final, Literal

import msgspec
from marshmallow import fields
from marshmallow.validate import Length, OneOf

from api.public.response_fields import ResponseSchema, required_field
from privacy.gallery.reader import CurrentRelease
from privacy.model.documents import AudienceDocument, Figure, PointDocument, ReleaseDocument
from privacy.model.timestamp import format_timestamp

BELOW_THRESHOLD: Final = "below_threshold"
NOT_YET_RELEASED: Final = "not_yet_released"
SPAN_BELOW_ONE_DAY: Final = "span_below_one_day"
NOT_MODELLED: Final = "not_modelled"
NETTED_BELOW_ZERO: Final = "netted_below_zero"
OVERDUE_AFTER_MS: Final = 10_000
"""Time after `next_release_at` from which a release that is not there is overdue: releases are copied within
seconds, and readers' caches are a second old at most by then."""
REASONS: Final = (BELOW_THRESHOLD, NOT_YET_RELEASED, SPAN_BELOW_ONE_DAY, NOT_MODELLED, NETTED_BELOW_ZERO)


class Number(msgspec.Struct, frozen=True):
    """A number as readers see it."""

    value: int | None
    ci95: tuple[int, int] | None
    status: Literal["published", "withheld"]
    reason: str | None
    epoch: int | None
    as_of: str | None
    next_release_at: str | None
    overdue: bool


def is_overdue(next_release_at_ms: int | None, now_ms: int) -> bool:
    """Returns whether the release after the current one should be visible by now.

    It follows from public times alone, so that it is the same for all targets of one schedule.
    """
    return next_release_at_ms is not None and now_ms >= next_release_at_ms + OVERDUE_AFTER_MS


def make_number(
    figure: Figure | None,
    release: ReleaseDocument | PointDocument,
    reason: str = BELOW_THRESHOLD,
    *,
    overdue: bool = False,
) -> Number:
    """Returns a number of a release; without a figure it is withheld for the given reason.

    Args:
        figure: the number with its interval.
        release: the release; if it is not the current one, it is not overdue.
        reason: why there is no figure.
        overdue: whether a newer release should be visible by now.
    """
    times = (release.as_of_ms, release.next_release_at_ms)
    return _make(figure, reason, release.epoch, times, overdue=overdue)


def make_current_number(
    current: CurrentRelease, figure: Figure | None, now_ms: int, reason: str = BELOW_THRESHOLD
) -> Number:
    """Returns a number of the current release; before the first release it is not released yet."""
    overdue = is_overdue(current.next_release_at_ms, now_ms)
    if current.release:
        return make_number(figure, current.release, reason, overdue=overdue)
    return _make(None, NOT_YET_RELEASED, None, (None, current.next_release_at_ms), overdue=overdue)


def make_audience_number(figure: Figure | None, audience: AudienceDocument) -> Number:
    """Returns a number of a period, which is final: no newer release replaces it."""
    return _make(figure, BELOW_THRESHOLD, audience.epoch, (audience.as_of_ms, None), overdue=False)


def make_combined_number(figure: Figure | None, moment_ms: int, reason: str, *, overdue: bool) -> Number:
    """Returns a number computed from releases of several targets that were current at a moment."""
    return _make(figure, reason, None, (moment_ms, None), overdue=overdue)


def _make(
    figure: Figure | None,
    reason: str,
    epoch: int | None,
    times: tuple[int | None, int | None],
    *,
    overdue: bool,
) -> Number:
    as_of_ms, next_ms = times
    value, low, high = figure or (None, 0, 0)
    return Number(
        value=value,
        ci95=None if figure is None else (low, high),
        status="withheld" if figure is None else "published",
        reason=reason if figure is None else None,
        epoch=epoch,
        as_of=_format(as_of_ms),
        next_release_at=_format(next_ms),
        overdue=overdue,
    )


@lru_cache(maxsize=4096)  # all numbers of a release have the same two times
def _format(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else format_timestamp(moment_ms)


class NumberSchema(ResponseSchema):
    """A number. All members are always present; those without a value are null."""

    value = required_field(fields.Integer, "The estimate; null when withheld.", strict=True, allow_none=True)
    ci95 = fields.List(
        fields.Integer(strict=True),
        required=True,
        allow_none=True,
        validate=Length(equal=2),
        metadata={
            "description": "Lower and upper bound of the 95 % interval; null when withheld. It takes into "
            "account that numbers are shown only from a threshold on: among the numbers that are shown, it "
            "contains the exact one in 95 % of cases, whatever that is. Just above the threshold it reaches "
            "much further down than up, at most to the k accounts that are certain. `value` is not corrected."
        },
    )
    status = required_field(
        fields.String, "Whether the number is shown.", validate=OneOf(("published", "withheld"))
    )
    reason = required_field(
        fields.String,
        "Why the number is withheld; null when published. `below_threshold`: too few accounts, or too few to "
        "be sure of it through the noise; `threshold_by_epoch` of `GET /v1/privacy` has the thresholds. "
        "`not_yet_released`: the first release is visible at `next_release_at`. "
        "`span_below_one_day`: a change is shown once it spans a day or more. "
        "`not_modelled`: the total is shown, but there is no smoothed one, since the target was registered "
        "after its first epoch, the count took a leap that the model does not know, or the release was made "
        "before smoothed totals existed. `netted_below_zero`: losses that are too few to show clearly exceed "
        "the gains; `change` says by how much.",
        allow_none=True,
        validate=OneOf(REASONS),
    )
    epoch = required_field(
        fields.Integer,
        "Number of the release in the target's schedule; null before the first one and for a number over "
        "several targets.",
        strict=True,
        allow_none=True,
    )
    as_of = required_field(
        fields.DateTime,
        "When the epoch ended, in UTC: what was taken in before that is counted, and nothing else. For a "
        "number over several targets, the moment that it describes.",
        format="iso",
        allow_none=True,
    )
    next_release_at = required_field(
        fields.DateTime,
        "When the next release becomes visible, in UTC; the number does not change before. Null after the "
        "last release and for a number over several targets.",
        format="iso",
        allow_none=True,
    )
    overdue = required_field(
        fields.Boolean,
        "True if a newer release should be visible by now. The number is right as of `as_of`.",
        truthy={True},
        falsy={False},
    )


def number_field(description: str) -> fields.Nested:
    """Returns a field that holds a number in every response."""
    return fields.Nested(NumberSchema, required=True, metadata={"description": description})


PUBLISHED_EXAMPLE: Final[dict[str, Any]] = {
    "value": 1284,
    "ci95": [1260, 1308],
    "status": "published",
    "reason": None,
    "epoch": 27,
    "as_of": "2026-05-05T12:00:00Z",
    "next_release_at": "2026-05-05T18:02:00Z",
    "overdue": False,
}
WITHHELD_EXAMPLE = PUBLISHED_EXAMPLE | {
    "value": None,
    "ci95": None,
    "status": "withheld",
    "reason": BELOW_THRESHOLD,
}
