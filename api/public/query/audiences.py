"""Audiences: how many different accounts were reached, by period. They are never added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from api.public.audience_routes import DeclaredPeriod, read_periods
from api.public.numbers import BELOW_THRESHOLD
from api.public.query.question import AUDIENCE, Question, Span, Subject
from api.public.query.rows import Collector, Reading, RowKey
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.model.audience import PLATFORM_ID, Scope
from privacy.model.documents import CURRENT_VERSION, AudienceDocument, BreakdownFigures, Figure
from privacy.model.timestamp import SECONDS_PER_DAY

MAX_AUDIENCES: Final = 200
_SCOPES: Final = {
    Subject.CREATORS: Scope.CREATOR,
    Subject.HASHTAGS: Scope.HASHTAG,
    Subject.SOUNDS: Scope.SOUND,
    Subject.PLATFORM: Scope.PLATFORM,
}
_DAYS: Final = {Span.DAY: 1, Span.WEEK: 7}
_NOTHING: Final = BreakdownFigures(cells={}, other=None)
_REST: Final = ""


def collect_audiences(services: PublicServices, question: Question) -> Collector:
    """Read audiences: without time, the latest period of each length; by time, every one in that time.

    Raises:
        InvalidInputError: the query reads too much, or no audience has such a length or breakdown.
        NotFoundError: the policy in force measures no such audiences.
        StoreError: the gallery does not answer or holds damage.
    """
    names = question.ids or (PLATFORM_ID,)
    if len(names) > MAX_AUDIENCES:
        raise InvalidInputError("ids", f"list {len(names)}", f"at most {MAX_AUDIENCES} with audiences")
    collector = Collector()
    for name in names:
        declared = read_periods(services, _SCOPES[question.subject], CURRENT_VERSION, name)
        for period in _select(declared, question):
            documents = services.gallery.read_audience(name, period.kind)
            for document in _limit(documents, question):
                for cell, figure in _find_figures(document, period, question.dimension):
                    key = RowKey(
                        name, document.epoch, document.starts_at_ms, document.as_of_ms, period.period, cell
                    )
                    reading = Reading(figure, BELOW_THRESHOLD, document.epoch, document.as_of_ms)
                    collector.add(key, AUDIENCE, reading)
    return collector


def _select(declared: Sequence[DeclaredPeriod], question: Question) -> list[DeclaredPeriod]:
    found = [
        period
        for period in declared
        if (period.has_total if question.dimension is None else question.dimension in period.breakdowns)
        and (question.span not in _DAYS or period.every_seconds == _DAYS[question.span] * SECONDS_PER_DAY)
    ]
    if not found:
        known = "; ".join(f"{one.period}: {', '.join(one.breakdowns) or 'total'}" for one in declared)
        raise InvalidInputError("by", "names a length or breakdown that is not measured", known)
    return found


def _limit(documents: Sequence[AudienceDocument], question: Question) -> Sequence[AudienceDocument]:
    begin_ms, end_ms = question.begin_ms, question.end_ms
    found = [
        document
        for document in documents
        if (begin_ms is None or document.as_of_ms > begin_ms)
        and (end_ms is None or document.as_of_ms <= end_ms)
    ]
    return found if question.span or begin_ms is not None else found[-1:]


def _find_figures(
    document: AudienceDocument, period: DeclaredPeriod, dimension: str | None
) -> Iterator[tuple[str | None, Figure | None]]:
    if dimension is None:
        yield None, document.total
        return
    breakdown = document.breakdowns.get(dimension, _NOTHING)
    for cell in period.breakdowns[dimension]:
        yield cell, breakdown.cells.get(cell)
    yield _REST, breakdown.other
