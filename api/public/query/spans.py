"""Changes: what was gained, and lost for which reason, since the start, in a period, by day or by week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from api.public.change_spans import ChangeSpan, iterate_spans, span_since_start
from api.public.numbers import BELOW_THRESHOLD, NOT_YET_RELEASED, is_overdue
from api.public.query.moments import MAX_HISTORIES, list_spans
from api.public.query.question import Metric, Question
from api.public.query.rows import Collector, Reading, RowKey
from api.public.query.sums import sum_dependent, sum_independent
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.gallery.reader import CurrentRelease, History
from privacy.model.documents import Figure, PointDocument, TargetDocument

CHANGE, GAINED, LOST = "change", "gained", "lost"


@dataclass(frozen=True)
class SpanReader:
    """Reads changes.

    Args:
        services: the plane's.
        question: what is asked for: changes.
        now_ms: the time.
    """

    services: PublicServices
    question: Question
    now_ms: int

    def collect(self, targets: Sequence[TargetDocument], question: Question | None = None) -> Collector:
        """Read the changes of targets.

        Args:
            targets: videos or creators.
            question: another one of the same kind, instead of the reader's own.

        Raises:
            InvalidInputError: the query reads too much.
            StoreError: the gallery does not answer or holds damage.
        """
        asked = question or self.question
        if len(targets) > MAX_HISTORIES:
            raise InvalidInputError(
                "metrics", f"need the history of {len(targets)} targets", f"at most {MAX_HISTORIES} targets"
            )
        collector = Collector()
        ids = [target.target_id for target in targets]
        for routes in asked.kinds:
            histories = self.services.gallery.read_histories(ids, routes.kind)
            for target, history in zip(targets, histories, strict=True):
                for key, spans in self._list(asked, target, history):
                    for metric in asked.metrics:
                        if metric.routes is routes:
                            collector.add(key, metric.name, self._read(metric, target, spans, history))
        return collector

    def _list(
        self, asked: Question, target: TargetDocument, history: History | None
    ) -> Iterator[tuple[RowKey, Sequence[ChangeSpan]]]:
        points = history.points if history else ()
        group = None
        if asked.group is not None:
            group = target.target_id if asked.of_each else target.creator_id
        if asked.span is None and asked.begin_ms is None and asked.end_ms is None:
            yield RowKey(group), [span_since_start(points[-1], target.starts_at_ms)] if points else []
            return
        spans = [*iterate_spans(points, points[-1].epoch, target.starts_at_ms)][::-1] if points else []
        if asked.span is None:
            within = [span for span in spans if _is_within(span, asked.begin_ms, asked.end_ms)]
            begin_ms = within[0].since_ms if within else asked.begin_ms
            end_ms = within[-1].point.as_of_ms if within else asked.end_ms
            yield RowKey(group, None, begin_ms, end_ms), within
            return
        for begin_ms, end_ms in list_spans(asked, self.now_ms):
            yield (
                RowKey(group, None, begin_ms, end_ms),
                [span for span in spans if begin_ms < span.point.as_of_ms <= end_ms],
            )

    def _read(
        self, metric: Metric, target: TargetDocument, spans: Sequence[ChangeSpan], history: History | None
    ) -> Reading:
        points: Sequence[PointDocument] = history.points if history else ()
        if not points:
            following = CurrentRelease(target, None).next_release_at_ms
            return Reading(
                None, NOT_YET_RELEASED, next_ms=following, overdue=is_overdue(following, self.now_ms)
            )
        figures = [_find_figure(span, str(metric.change)) for span in spans]
        shown = [figure for figure in figures if figure is not None]
        latest = spans[-1].point if spans else points[-1]
        return Reading(
            sum_dependent(shown) if spans and len(shown) == len(figures) else None,
            BELOW_THRESHOLD,
            latest.epoch,
            latest.as_of_ms,
            latest.next_release_at_ms,
            latest is points[-1] and is_overdue(latest.next_release_at_ms, self.now_ms),
        )


def _is_within(span: ChangeSpan, begin_ms: int | None, end_ms: int | None) -> bool:
    """Returns whether a span lies in a period as a whole."""
    return (begin_ms is None or span.since_ms >= begin_ms) and (
        end_ms is None or span.point.as_of_ms <= end_ms
    )


def _find_figure(span: ChangeSpan, change: str) -> Figure | None:
    if change == CHANGE:
        return span.change
    if change == GAINED:
        return span.gained
    if change != LOST:
        return span.lost[change]
    shown = [figure for figure in span.lost.values() if figure is not None]
    return sum_independent(shown) if shown else None
