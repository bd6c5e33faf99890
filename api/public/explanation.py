"""Explains in plain sentences what happened to a count, from published numbers alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from api.public.change_spans import ChangeSpan
from api.public.kinds import KindRoutes
from privacy.model.documents import Figure

MIN_HALF_WIDTHS: Final = 2
"""Upper half-widths of its interval that a loss must reach to be mentioned: about four deviations, so
that noise alone makes a sentence once in some 20,000 numbers. The lower half is longer for a number that is
shown just above its threshold, and says nothing about how noisy it is."""
_EVEN: Final = 2
"""Largest difference of the two half-widths of an interval that is given by a single one."""

_PREDICATES: Final = {
    "unliked": "were taken back by the people who gave them",
    "inauthentic": "were removed as inauthentic",
    "account": "were removed because their accounts were restricted, banned, deleted or erased, or their "
    "owners objected",
    "policy": "were removed under a rule of the platform",
    "correction": "were removed when the platform corrected its own records",
}


def explain(routes: KindRoutes, whole: ChangeSpan, spans: Sequence[ChangeSpan]) -> list[str]:
    """Explains what happened, first in total, then the losses of each span.

    Args:
        routes: the kind that is counted.
        whole: the span from the start to the current release.
        spans: shorter spans, newest first.
    """
    if whole.change is None or whole.gained is None:
        few = f"The {routes.noun} of this {routes.target.word} are too few to say anything about them."
        return [few]
    start, end = _format_time(whole.since_ms), _format_time(whole.point.as_of_ms)
    gained, left = _format_figure(whole.gained, routes.noun), _format_figure(whole.change)
    sentences = [
        f"From {start} to {end} this {routes.target.word} gained {gained}, of which {left} are left."
    ]
    sentences += _describe_losses(routes.noun, whole, "In that time")
    if whole.netted_in_gained:
        others = ", ".join(whole.netted_in_gained)
        sentences.append(
            f"Losses for other reasons ({others}), if any, are too small to show; they are deducted from the "
            "number gained."
        )
    for span in spans:
        when = f"Between {_format_time(span.since_ms)} and {_format_time(span.point.as_of_ms)}"
        sentences += _describe_losses(routes.noun, span, when)
    return sentences


def _describe_losses(noun: str, span: ChangeSpan, when: str) -> list[str]:
    return [
        f"{when} {_format_figure(figure, noun)} {_PREDICATES[reason]}."
        for reason, figure in span.lost.items()
        if figure and figure[0] >= MIN_HALF_WIDTHS * (figure[2] - figure[0]) and figure[0] > 0
    ]


def _format_figure(figure: Figure, noun: str = "") -> str:
    value, low, high = figure
    below, above = value - low, high - value
    interval = f"±{max(below, above):,}" if abs(below - above) <= _EVEN else f"{low:,} to {high:,}"
    return f"about {value:,}{noun and ' '}{noun} ({interval})"


def _format_time(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
