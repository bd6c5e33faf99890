"""Tests whether targets with no likes and with too few likes differ in form or timing of the answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.context import TargetAttack
from privacy.audit.black_box.deployment import Canary, CanaryEvent, Reply
from privacy.audit.black_box.guess_statistics import FALSE_ALARM, equal_times_p_value
from privacy.audit.black_box.published import OK
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section

NONE, FEW, SHOWN = 0, 1, 2
_CASES = ("never liked", "withheld", "published")
_SHOWN_LIKES = 400
_ATTEMPTS = 3
"""Comparisons per read: `max-age` may differ once between two requests, a real difference always does."""
_OF_ANY_REQUEST = frozenset({"date", "ratelimit", "ratelimit-policy", "etag", "age"})
"""Headers that differ between any two requests, or depend on the id in the body."""


@dataclass
class SuppressionAttack(TargetAttack):
    """The attacks, on three targets with ids of equal length: without likes, with k−1, with many.

    Args:
        context: of the campaign.
    """

    key = "suppression-and-timing"
    title = "Suppressed numbers and the time of answers"

    def create_targets(self) -> list[Canary]:
        """Creates the targets."""
        return [self.context.single_release_canary(f"mute-{number}") for number in (NONE, FEW, SHOWN)]

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns likes of two of the targets."""
        few = likes_of_sybils(self.context, "mute-few", [self.targets[FEW]], self.context.claim.k - 1)
        many = likes_of_sybils(self.context, "mute-many", [self.targets[SHOWN]], _SHOWN_LIKES)
        return [*few, *many]

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Compares the answers, then their times."""
        return [self._evaluate_responses(), self._evaluate_times()]

    def _evaluate_responses(self) -> Section:
        dimensions = self.context.claim.values
        suffixes = ["", "/likes", "/likes/timeseries", *(f"/likes/breakdowns/{name}" for name in dimensions)]
        differing = [
            suffix or "/"
            for suffix in suffixes
            if not any(self._same_responses(suffix) for _ in range(_ATTEMPTS))
        ]
        finding = Finding(
            what=f"{len(suffixes)} answers for no likes and for k−1 likes",
            required="equal status, headers and bytes, except for the id",
            found=f"{len(differing)} differ" + "".join(f"; {suffix}" for suffix in differing[:3]),
            passed=not differing,
        )
        return Section(
            key="suppression",
            title="The same answer for no likes and for withheld numbers",
            tried="Every read of a target without likes and of one with k−1 likes, with ids of equal length.",
            breaks="Status, headers, size or any byte except the id differs.",
            confidence="Certain: bytes are compared. False alarms are impossible.",
            findings=(finding,),
        )

    def _same_responses(self, suffix: str) -> bool:
        read = self.context.deployment.read
        return (
            len({_normalise(read(_read_path(target, suffix)), target) for target in self.targets[:SHOWN]})
            == 1
        )

    def _evaluate_times(self) -> Section:
        seconds = self._measure_times()
        p_value = equal_times_p_value(seconds[NONE], seconds[FEW])
        unknown = equal_times_p_value(seconds[FEW], seconds[SHOWN])
        finding = Finding(
            what="response time of never liked and of withheld",
            required=f"equal times are not rejected (p ≥ {FALSE_ALARM:g})",
            found=f"p = {p_value:.3g}; medians {_format_medians(seconds)}. For comparison, withheld and "
            f"published, which differ openly: p = {unknown:.3g}",
            passed=p_value >= FALSE_ALARM,
        )
        return Section(
            key="timing",
            title="Timing of never liked, withheld and published",
            tried=f"{seconds.shape[1]:,} requests of each kind on one connection, in blocks of three in "
            "random order.",
            breaks="The response times of never liked and withheld differ.",
            confidence="Wilcoxon's signed-rank test within blocks: equal times fail with a probability of "
            f"{FALSE_ALARM:g}.",
            findings=(finding,),
            plots=(_plot_times(seconds),),
        )

    def _measure_times(self) -> NDArray[np.float64]:
        blocks, read = self.context.scale.timings, self.context.deployment.read
        seconds = np.empty((len(_CASES), blocks))
        for block in range(blocks):
            self.context.progress("timing", block + 1, blocks)
            for kind in self.context.coins.permutation(len(_CASES)):
                reply = read(_read_path(self.targets[kind], "/likes"))
                seconds[kind, block] = reply.seconds if reply.status == OK else np.nan
        return seconds


def _read_path(target: Canary, suffix: str) -> str:
    return f"/v1/videos/{target.public_id}{suffix}"


def _normalise(reply: Reply, target: Canary) -> tuple[object, ...]:
    """Returns everything in an answer except the id and headers that differ between any two requests."""
    headers = {name: value for name, value in reply.headers.items() if name not in _OF_ANY_REQUEST}
    return reply.status, tuple(sorted(headers.items())), reply.body.replace(target.public_id.encode(), b"")


def _format_medians(seconds: NDArray[np.float64]) -> str:
    middle = np.median(seconds, axis=1) * 1e6
    return ", ".join(f"{kind} {value:.0f} µs" for kind, value in zip(_CASES, middle, strict=True))


def _plot_times(seconds: NDArray[np.float64]) -> ComparisonPlot:
    quarter, middle, most = np.quantile(seconds, (0.25, 0.5, 0.75), axis=1) * 1e6
    rows = [
        Comparison(kind, float(quarter[index]), float(middle[index]), float(most[index]), float(middle[FEW]))
        for index, kind in enumerate(_CASES)
    ]
    return ComparisonPlot("Response time, quartiles", "µs", "median of withheld", tuple(rows))
