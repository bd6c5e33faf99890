"""Makes a question of the members of a query, and says which do not fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.public.find.video_filter import FILTER_NAMES, make_filter
from api.public.kinds import FAVORITES, LIKES
from api.public.query.question import GROUPS, METRICS, SPANS, TARGETS_OF, Question, Span, Subject
from privacy.errors import InvalidInputError
from privacy.model.identifier import check_identifier
from privacy.model.spelling import spelling_key


def make_question(loaded: Mapping[str, Any]) -> Question:
    """Return the query that was loaded with `QuerySchema`.

    Raises:
        InvalidInputError: its members do not fit together.
    """
    subject = Subject(loaded["subject"])
    metrics = tuple(METRICS[name] for name in loaded["metrics"])
    group, span, dimension = _divide(subject, loaded["by"])
    question = Question(
        subject=subject,
        ids=_parse_ids(subject, loaded),
        wanted=make_filter(loaded),
        metrics=metrics,
        group=group,
        span=span,
        dimension=dimension,
        begin_ms=loaded.get("from"),
        end_ms=loaded.get("to"),
        order_by=_parse_order(loaded.get("order_by"), loaded["metrics"]),
        limit=loaded["limit"],
        cursor=loaded.get("cursor"),
        compare_to=loaded.get("compare_to"),
    )
    _check_metrics(question)
    _check_time(question)
    return question


def _parse_ids(subject: Subject, loaded: Mapping[str, Any]) -> tuple[str, ...]:
    ids: tuple[str, ...] = loaded.get("ids", ())
    filters = [name for name in FILTER_NAMES if name in loaded]
    if filters and (ids or subject is not Subject.VIDEOS):
        raise InvalidInputError(filters[0], "does not go with ids or this subject", "a filter of videos")
    if not ids and subject in (Subject.CREATORS, Subject.HASHTAGS, Subject.SOUNDS):
        raise InvalidInputError("ids", "are missing", f"ids of {subject.value}")
    if ids and subject is Subject.PLATFORM:
        raise InvalidInputError("ids", "name something on the platform", "none")
    if subject is Subject.HASHTAGS:
        spelled = tuple(dict.fromkeys(spelling_key(name).lstrip("#") for name in ids))
        if "" in spelled:
            raise InvalidInputError("ids", "have a hashtag without a character", "hashtags")
        return spelled
    return tuple(check_identifier("ids", name) for name in ids)


def _divide(subject: Subject, by: Sequence[str]) -> tuple[str | None, Span | None, str | None]:
    groups = [name for name in by if name in GROUPS]
    spans = [name for name in by if name in SPANS]
    others = [name for name in by if name not in (*GROUPS, *SPANS)]
    if max(len(groups), len(spans), len(others)) > 1:
        raise InvalidInputError("by", "has two of one sort", "one of the subject, one dimension and one time")
    own = TARGETS_OF[subject]
    allowed = (own, "creator") if subject is Subject.VIDEOS else (own,)
    if groups and groups[0] not in allowed:
        raise InvalidInputError("by", f"has {groups[0]}", f"of {subject.value}: {' or '.join(allowed)}")
    is_whole = subject in (Subject.VIDEOS, Subject.CREATORS)
    group = groups[0] if groups else None if is_whole else own
    return group, Span(spans[0]) if spans else None, others[0] if others else None


def _parse_order(text: str | None, metrics: Sequence[str]) -> tuple[str, bool] | None:
    if text is None:
        return None
    name = text.removeprefix("-")
    if name not in metrics:
        raise InvalidInputError("order_by", f"is {text[:40]!r}", f"one of {', '.join(metrics)}")
    return name, text != name


def _check_metrics(question: Question) -> None:
    of_videos = {LIKES, FAVORITES}
    for metric in question.metrics:
        is_audience = metric.routes is None
        fits = (
            question.subject is not Subject.VIDEOS
            if is_audience
            else question.subject is (Subject.VIDEOS if metric.routes in of_videos else Subject.CREATORS)
        )
        if not fits:
            raise InvalidInputError("metrics", f"has {metric.name}", f"metrics of {question.subject.value}")
        if (metric.routes is None, metric.change is None) != (
            question.metrics[0].routes is None,
            question.metrics[0].change is None,
        ):
            raise InvalidInputError(
                "metrics", "mixes what cannot be in one row", "audience, changes, or what there is"
            )


def _check_time(question: Question) -> None:
    begin_ms, end_ms = question.begin_ms, question.end_ms
    if begin_ms is not None and end_ms is not None and end_ms <= begin_ms:
        raise InvalidInputError("to", "is not after `from`", "a later time")
    if begin_ms is not None and not question.is_of_changes and question.span is None and question.kinds:
        raise InvalidInputError("from", "begins no span", "a time in `by`, or `to` alone for a moment")
    if question.is_of_changes and question.dimension:
        raise InvalidInputError("by", f"has {question.dimension}", "no dimension with changes")
    if question.is_of_changes and question.span is Span.EPOCH:
        raise InvalidInputError("by", "has time:epoch", "time:day or time:week with changes")
    needs_each = question.is_of_changes and (question.span or begin_ms is not None or end_ms is not None)
    if needs_each and not question.of_each:
        raise InvalidInputError(
            "by", "has no single target", f"{TARGETS_OF[question.subject]}: spans of several do not coincide"
        )
    is_bounded = begin_ms is not None and end_ms is not None
    if question.compare_to == "previous_period" and not (
        question.is_of_changes and is_bounded and question.span is None
    ):
        raise InvalidInputError("compare_to", "has no period", "changes by target with `from` and `to`")
    if question.compare_to == "equal_age" and (
        question.is_of_changes or question.span or question.metrics[0].routes is None
    ):
        raise InvalidInputError("compare_to", "has no age", "numbers at a moment, without changes and time")
