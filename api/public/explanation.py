"""Explains what happened to a count, from published numbers alone: in sentences, with codes and numbers."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, get_args

import msgspec

from api.public.change_spans import CLEAR_HALF_WIDTHS, ChangeSpan
from api.public.kinds import KindRoutes
from privacy.model.documents import Figure
from privacy.model.timestamp import format_timestamp

_EVEN: Final = 2
"""Largest difference of the two half-widths of an interval that is given by a single one."""
Code = Literal["grew", "gained", "lost", "fell", "fell_unexplained"]
CODES: Final[tuple[str, ...]] = get_args(Code)

_PREDICATES: Final = {
    "unliked": "were taken back by the people who gave them",
    "inauthentic": "were removed as inauthentic",
    "account": "were removed because their accounts were restricted, banned, deleted or erased, or their "
    "owners objected",
    "policy": "were removed under a rule of the platform",
    "correction": "were removed when the platform corrected its own records",
}


class Sentence(msgspec.Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """A sentence, for tools that say it in their own words, too.

    Args:
        code: what it says.
        text: the sentence in English.
        begin: when what it is about begins.
        end: when that ends.
        reason: of a loss; None for other sentences.
        numbers: value, and ends of the 95 % interval, by name.
    """

    code: Code
    text: str
    begin: str
    end: str
    reason: str | None
    numbers: dict[str, Figure]


def explain(routes: KindRoutes, whole: ChangeSpan, spans: Sequence[ChangeSpan]) -> list[Sentence]:
    """Explains what happened, first in total, then every loss and every fall of each span.

    Where nothing is clear of the noise, there is nothing to say.

    Args:
        routes: the kind that is counted.
        whole: the span from the start to the current release.
        spans: shorter spans, newest first.
    """
    if whole.change is None:
        return []
    sentences = [_describe_whole(routes, whole), *_describe_losses(routes.noun, whole, "In that time")]
    for span in spans:
        when = f"Between {_format_time(span.since_ms)} and {_format_time(span.point.as_of_ms)}"
        losses = [*_describe_losses(routes.noun, span, when)]
        sentences += [*_describe_fall(routes.noun, span, when, explained=bool(losses)), *losses]
    return sentences


def _describe_whole(routes: KindRoutes, whole: ChangeSpan) -> Sentence:
    start, end = _format_time(whole.since_ms), _format_time(whole.point.as_of_ms)
    change, gained = whole.change or (0, 0, 0), whole.gained
    left = _format_figure(change)
    if gained is None or gained == change:
        text = f"From {start} to {end} the {routes.noun} of this {routes.target.word} came to {left}."
        return _make("grew", text, whole, {"left": change})
    what = _format_figure(gained, routes.noun)
    net = ", less losses that are too few to show," if whole.netted_in_gained else ","
    text = f"From {start} to {end} this {routes.target.word} gained {what}{net} of which {left} are left."
    return _make("gained", text, whole, {"gained": gained, "left": change})


def _describe_losses(noun: str, span: ChangeSpan, when: str) -> Iterator[Sentence]:
    for reason, figure in span.lost.items():
        if figure and figure[0] > 0 and figure[0] >= CLEAR_HALF_WIDTHS * (figure[2] - figure[0]):
            text = f"{when} {_format_figure(figure, noun)} {_PREDICATES[reason]}."
            yield _make("lost", text, span, {"lost": figure}, reason)


def _describe_fall(noun: str, span: ChangeSpan, when: str, *, explained: bool) -> Iterator[Sentence]:
    change = span.change
    if change is None or change[0] >= 0 or -change[0] < CLEAR_HALF_WIDTHS * (change[0] - change[1]):
        return
    fall = (-change[0], -change[2], -change[1])
    text = f"{when} the {noun} fell by {_format_figure(fall)}."
    if explained:
        yield _make("fell", text, span, {"fell": fall})
        return
    yield _make(
        "fell_unexplained", f"{text} The reasons are each too small to be shown.", span, {"fell": fall}
    )


def _make(
    code: Code, text: str, span: ChangeSpan, numbers: dict[str, Figure], reason: str | None = None
) -> Sentence:
    begin, end = format_timestamp(span.since_ms), format_timestamp(span.point.as_of_ms)
    return Sentence(code, text, begin, end, reason, numbers)


def _format_figure(figure: Figure, noun: str = "") -> str:
    value, low, high = figure
    below, above = value - low, high - value
    interval = f"±{max(below, above):,}" if abs(below - above) <= _EVEN else f"{low:,} to {high:,}"
    return f"about {value:,}{noun and ' '}{noun} ({interval})"


def _format_time(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
