"""What a query asks for: about what, which numbers, and what they are divided by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from api.public.find.video_filter import VideoFilter
from api.public.kinds import FAVORITES, FOLLOWERS, LIKES, KindRoutes
from privacy.model.engagement import Reason, TargetType

MAX_TARGETS: Final = 1_000
MAX_ROWS: Final = 10_000
AUDIENCE: Final = "audience"
REASONS: Final = tuple(reason.label for reason in Reason)


class Subject(StrEnum):
    """What the rows are about."""

    VIDEOS = "videos"
    CREATORS = "creators"
    HASHTAGS = "hashtags"
    SOUNDS = "sounds"
    PLATFORM = "platform"


class Span(StrEnum):
    """A division of time."""

    EPOCH = "time:epoch"
    DAY = "time:day"
    WEEK = "time:week"


@dataclass(frozen=True)
class Metric:
    """A number that can be asked for.

    Args:
        name: its name in queries.
        routes: the kind of engagement; None for the audience.
        change: `change`, `gained`, `lost` or a reason of losses; None for what there is at a moment.
    """

    name: str
    routes: KindRoutes | None
    change: str | None = None


def _list_metrics() -> dict[str, Metric]:
    found = [Metric(AUDIENCE, None)]
    for routes in (LIKES, FAVORITES, FOLLOWERS):
        found.append(Metric(routes.noun, routes))
        found += [Metric(f"{routes.noun}_{part}", routes, part) for part in ("change", "gained", "lost")]
        found += [Metric(f"{routes.noun}_lost_{reason}", routes, reason) for reason in REASONS]
    return {metric.name: metric for metric in found}


METRICS: Final[Mapping[str, Metric]] = _list_metrics()
TARGETS_OF: Final[Mapping[Subject, str]] = {
    Subject.VIDEOS: "video",
    Subject.CREATORS: "creator",
    Subject.HASHTAGS: "hashtag",
    Subject.SOUNDS: "sound",
    Subject.PLATFORM: "platform",
}
"""The name of one of each subject, as `by` takes it."""
GROUPS: Final = (*TARGETS_OF.values(),)
SPANS: Final = tuple(span.value for span in Span)
TARGET_TYPES: Final[Mapping[Subject, TargetType]] = {
    Subject.VIDEOS: TargetType.VIDEO,
    Subject.CREATORS: TargetType.CREATOR,
}


@dataclass(frozen=True)
class Question:
    """A query that can be answered.

    Args:
        subject: what it is about.
        ids: ids of these; empty for videos by a filter, and for the platform.
        wanted: the filter of videos.
        metrics: the numbers.
        group: `by` of one target or of the creator of videos; None for the sum over all of them.
        span: `by` of time; None for now, or since the start.
        dimension: `by` of a breakdown.
        begin_ms, end_ms: the time that is asked for; None for no limit.
        order_by: a metric, and whether the largest comes first; None for the order of targets and time.
        limit: maximum number of rows.
        cursor: where the list of videos goes on.
        compare_to: None, `equal_age` or `previous_period`.
    """

    subject: Subject
    ids: tuple[str, ...]
    wanted: VideoFilter
    metrics: tuple[Metric, ...]
    group: str | None
    span: Span | None
    dimension: str | None
    begin_ms: int | None
    end_ms: int | None
    order_by: tuple[str, bool] | None
    limit: int
    cursor: str | None
    compare_to: str | None

    @property
    def kinds(self) -> tuple[KindRoutes, ...]:
        """The kinds of engagement that are asked for, each once."""
        return tuple(dict.fromkeys(metric.routes for metric in self.metrics if metric.routes))

    @property
    def is_of_changes(self) -> bool:
        """Whether it asks for changes, and not for what there is at a moment."""
        return self.metrics[0].change is not None

    @property
    def of_each(self) -> bool:
        """Whether rows are about one target each."""
        return self.group == TARGETS_OF[self.subject]
