"""Numbers at a moment: totals and cells of breakdowns, now, by day, by week or by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from api.public.kinds import KindRoutes
from api.public.numbers import BELOW_THRESHOLD, NOT_YET_RELEASED, is_overdue
from api.public.query.question import Question, Span
from api.public.query.rows import Collector, Reading, RowKey
from api.public.services import PublicServices
from privacy.errors import InvalidInputError, StoreError
from privacy.gallery.ledger_reader import ReleaseName
from privacy.gallery.reader import CurrentRelease
from privacy.model.documents import (
    Figure,
    GuaranteeDocument,
    PointDocument,
    ReleaseDocument,
    TargetDocument,
    decode_release,
)
from privacy.model.timestamp import MS_PER_DAY

MAX_HISTORIES: Final = 200
"""Targets whose whole time series one query reads."""
MAX_RELEASES: Final = 2_000
"""Releases with all breakdowns that one query reads."""
MAX_SPANS: Final = 400
DEFAULT_SPANS: Final = {Span.DAY: 30, Span.WEEK: 12}
DAYS: Final = {Span.DAY: 1, Span.WEEK: 7}
_FIRST_MONDAY_MS: Final = 4 * MS_PER_DAY
_REST: Final = ""


class Moment(NamedTuple):
    """A moment of a target: the release that counted last by then; None before the first one.

    Args:
        epoch, begin_ms, end_ms: as in `RowKey`.
        release: the release, or its part in time series.
    """

    epoch: int | None
    begin_ms: int | None
    end_ms: int | None
    release: ReleaseDocument | PointDocument | None


def list_spans(question: Question, now_ms: int) -> list[tuple[int, int]]:
    """Return the days or weeks of a query, oldest first: begin and end in ms since 1970 UTC.

    Raises:
        InvalidInputError: they are too many.
    """
    if question.span not in DAYS:
        return []
    length_ms = DAYS[question.span] * MS_PER_DAY
    shift_ms = _FIRST_MONDAY_MS if question.span is Span.WEEK else 0
    end_ms = now_ms if question.end_ms is None else min(question.end_ms, now_ms)
    last = -(-(end_ms - shift_ms) // length_ms)
    first = last - DEFAULT_SPANS[question.span]
    if question.begin_ms is not None:
        first = (question.begin_ms - shift_ms) // length_ms
    if last - first > MAX_SPANS:
        raise InvalidInputError("from", f"asks for {last - first} spans", f"at most {MAX_SPANS}")
    return [
        (shift_ms + number * length_ms, shift_ms + (number + 1) * length_ms) for number in range(first, last)
    ]


@dataclass(frozen=True)
class MomentReader:
    """Reads numbers at moments.

    Args:
        services: the plane's.
        question: what is asked for: no changes, no audience.
        now_ms: the time.
    """

    services: PublicServices
    question: Question
    now_ms: int

    def collect(self, targets: Sequence[TargetDocument]) -> Collector:
        """Read the numbers of targets.

        Raises:
            InvalidInputError: the query reads too much, or the policies have no such breakdown.
            StoreError: the gallery does not answer or holds damage.
        """
        collector = Collector()
        for metric in self.question.metrics:
            assert metric.routes  # noqa: S101 - a question about moments has metrics of a kind only
            for target, moments in self._list_moments(metric.routes, targets):
                for moment in moments:
                    for cell, figure in self._find_figures(target, metric.routes, moment):
                        key = RowKey(
                            self._find_group(target),
                            moment.epoch,
                            moment.begin_ms,
                            moment.end_ms,
                            None,
                            cell,
                        )
                        collector.add(key, metric.name, self._make_reading(target, moment, figure))
        return collector

    def _find_group(self, target: TargetDocument) -> str | None:
        if self.question.group is None:
            return None
        return target.target_id if self.question.of_each else target.creator_id

    def _list_moments(
        self, routes: KindRoutes, targets: Sequence[TargetDocument]
    ) -> Iterator[tuple[TargetDocument, Sequence[Moment]]]:
        ids = [target.target_id for target in targets]
        question = self.question
        if question.span is None and question.end_ms is None and question.compare_to is None:
            found = self.services.gallery.read_current_releases(ids, routes.kind)
            for target, current in zip(targets, found, strict=True):
                yield target, [Moment(None, None, None, current.release if current else None)]
            return
        if len(targets) > MAX_HISTORIES:
            raise InvalidInputError(
                "by" if question.span else "to",
                f"needs the history of {len(targets)} targets",
                f"at most {MAX_HISTORIES} targets",
            )
        histories = self.services.gallery.read_histories(ids, routes.kind)
        series = [history.points if history else () for history in histories]
        moments = self._select(series)
        if question.dimension:
            moments = self._read_whole(targets, routes, moments)
        yield from zip(targets, moments, strict=True)

    def _select(self, series: Sequence[Sequence[PointDocument]]) -> list[list[Moment]]:
        question = self.question
        if question.compare_to == "equal_age":
            epoch = min((points[-1].epoch for points in series if points), default=None)
            return [[Moment(epoch, None, None, _at_epoch(points, epoch))] for points in series]
        if question.span is Span.EPOCH:
            first, last = question.begin_ms, question.end_ms
            return [
                [
                    Moment(point.epoch, None, None, point)
                    for point in points
                    if (first is None or point.as_of_ms > first) and (last is None or point.as_of_ms <= last)
                ]
                for points in series
            ]
        if question.span is None:
            return [[Moment(None, None, None, _at_time(points, question.end_ms))] for points in series]
        spans = list_spans(question, self.now_ms)
        return [[Moment(None, *span, _at_time(points, span[1])) for span in spans] for points in series]

    def _read_whole(
        self, targets: Sequence[TargetDocument], routes: KindRoutes, moments: Sequence[Sequence[Moment]]
    ) -> list[list[Moment]]:
        """Read the whole releases, whose parts in time series have no breakdowns."""
        label = routes.kind.label
        names = {
            ReleaseName(target.target_id, label, moment.release.epoch): moment.release
            for target, listed in zip(targets, moments, strict=True)
            for moment in listed
            if moment.release
        }
        if len(names) > MAX_RELEASES:
            raise InvalidInputError("by", f"needs {len(names):,} releases", f"at most {MAX_RELEASES:,}")
        whole = dict(zip(names, map(_decode, self.services.ledger.read_releases([*names])), strict=True))
        return [
            [
                moment._replace(release=whole[ReleaseName(target.target_id, label, moment.release.epoch)])
                if moment.release
                else moment
                for moment in listed
            ]
            for target, listed in zip(targets, moments, strict=True)
        ]

    def _find_figures(
        self, target: TargetDocument, routes: KindRoutes, moment: Moment
    ) -> Iterator[tuple[str | None, Figure | None]]:
        release, dimension = moment.release, self.question.dimension
        if dimension is None:
            yield None, release.total if release else None
            return
        if isinstance(release, ReleaseDocument):
            if dimension not in release.breakdowns:
                raise _make_unknown(dimension, routes, release.breakdowns)
            breakdown = release.breakdowns[dimension]
            yield from breakdown.cells.items()
            yield _REST, breakdown.other
            return
        cells = self._read_guarantee(target.policy_version)["dimensions"]
        if dimension not in cells:
            raise _make_unknown(dimension, routes, cells)
        yield from dict.fromkeys((*cells[dimension], _REST)).items()

    def _read_guarantee(self, version: str) -> GuaranteeDocument:
        guarantee = self.services.gallery.read_guarantee(version)
        if guarantee is None:
            raise StoreError(f"the gallery lacks the guarantee of policy {version}")
        return guarantee

    def _make_reading(self, target: TargetDocument, moment: Moment, figure: Figure | None) -> Reading:
        release = moment.release
        is_now = moment.epoch is None and moment.end_ms is None
        if release is None:
            following = CurrentRelease(target, None).next_release_at_ms
            return Reading(
                None,
                NOT_YET_RELEASED,
                next_ms=following,
                overdue=is_now and is_overdue(following, self.now_ms),
            )
        return Reading(
            figure,
            BELOW_THRESHOLD,
            release.epoch,
            release.as_of_ms,
            release.next_release_at_ms,
            is_now and is_overdue(release.next_release_at_ms, self.now_ms),
        )


def _at_time(points: Sequence[PointDocument], end_ms: int | None) -> PointDocument | None:
    return next((point for point in reversed(points) if end_ms is None or point.as_of_ms <= end_ms), None)


def _at_epoch(points: Sequence[PointDocument], epoch: int | None) -> PointDocument | None:
    return next((point for point in reversed(points) if epoch is not None and point.epoch <= epoch), None)


def _decode(raw: bytes | None) -> ReleaseDocument:
    release = None if raw is None else decode_release(raw)
    if not isinstance(release, ReleaseDocument):
        raise StoreError("the gallery lacks a release of a time series: publish it again")
    return release


def _make_unknown(dimension: str, routes: KindRoutes, known: Mapping[str, object]) -> InvalidInputError:
    return InvalidInputError(
        "by", f"has {dimension}, by which no {routes.noun} are broken down", ", ".join(known)
    )
