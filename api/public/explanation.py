"""Says in plain sentences what happened to a count: made from published numbers, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from api.public.change_spans import ChangeSpan
from api.public.kinds import KindRoutes
from privacy.model.documents import Figure

CLEAR: Final = 2
"""A loss of a span is told when it is at least so many half-widths of its interval: about four deviations, so
that noise alone makes a sentence once in some 20,000 numbers."""

_WENT: Final = {
    "unliked": "were taken back by the people themselves",
    "inauthentic": "were removed as inauthentic",
    "account": "went because their accounts were restricted, banned, deleted or erased",
    "policy": "were removed under a rule of the platform",
    "correction": "were removed when the platform corrected its own records",
}


def explain(spelling: KindRoutes, whole: ChangeSpan, spans: Sequence[ChangeSpan]) -> list[str]:
    """Tell what happened, first as a whole, then what went in each span.

    Args:
        spelling: what is counted.
        whole: from the start to the current release.
        spans: newest first.
    """
    if whole.change is None or whole.gained is None:
        few = (
            f"The {spelling.noun} of this {spelling.target.word} are too few to say anything about them now."
        )
        return [few]
    start, end = _time(whole.since_ms), _time(whole.point.as_of_ms)
    gained, left = _about(whole.gained, spelling.noun), _about(whole.change)
    sentences = [
        f"From {start} to {end} this {spelling.target.word} gained {gained}, of which {left} are left."
    ]
    sentences += _losses(spelling.noun, whole, "In that time")
    if whole.netted_in_gained:
        others = ", ".join(whole.netted_in_gained)
        sentences.append(
            f"What went for other reasons ({others}), if anything, is too little to be shown: it has been "
            "taken off what was gained."
        )
    for span in spans:
        when = f"Between {_time(span.since_ms)} and {_time(span.point.as_of_ms)}"
        sentences += _losses(spelling.noun, span, when)
    return sentences


def _losses(noun: str, span: ChangeSpan, when: str) -> list[str]:
    return [
        f"{when} {_about(figure, noun)} {_WENT[reason]}."
        for reason, figure in span.lost.items()
        if figure and figure[0] >= CLEAR * _half_width(figure) and figure[0] > 0
    ]


def _half_width(figure: Figure) -> int:
    value, low, high = figure
    return max(value - low, high - value)


def _about(figure: Figure, noun: str = "") -> str:
    return f"about {figure[0]:,}{noun and ' '}{noun} (±{_half_width(figure):,})"


def _time(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
