"""Concludes from hits of output sets of single streams: lower bounds on ε, and the support of the noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from privacy.audit.confidence import JOINT_ALPHA, Hits, epsilon_lower_bound, estimate_epsilon
from privacy.audit.exact_gaussian import FAR_HITS, HalfLine
from privacy.audit.neighbouring_streams import NeighbouringStreams
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section

REACH: Final = 0.9
"""A bound below this share of the claim has too little power to detect a claim that is 10 % too small."""
FAR_ALPHA: Final = 1e-6
"""Each bound on ε of a far tail is wrong with at most this probability."""
ALL: Final = "total and breakdowns"


@dataclass(frozen=True)
class StreamHits:
    """Hits of the output sets on one dataset.

    Args:
        best: of each statistic's half-line, and of the joint one, shape (statistics + 1,).
        far: of each far tail, rare without the groups and rare with them, shape (tails, 2).
        releases: number of releases.
    """

    best: NDArray[np.int64]
    far: NDArray[np.int64]
    releases: int

    @classmethod
    def of_batch(cls, streams: NeighbouringStreams, measured: NDArray[np.float64]) -> Self:
        """Counts the hits of measurements, shape (releases, statistics, steps)."""
        directions = streams.shifts / np.linalg.norm(streams.shifts, axis=1)[:, None]
        of_all = streams.shifts[:-1] / np.linalg.norm(streams.shifts[:-1])
        thresholds = np.array([half_line.threshold for half_line in streams.half_lines])
        single = (np.einsum("rst,st->rs", measured, directions) >= thresholds).sum(axis=0)
        joint = np.einsum("rst,st->r", measured[:, :-1], of_all) >= streams.joint_half_line.threshold
        far = np.array([tail.hits(measured) for tail in streams.far_tails], np.int64)
        return cls(np.append(single, joint.sum()), far, len(measured))

    def __add__(self, other: StreamHits) -> StreamHits:
        """Returns the sum of both."""
        return StreamHits(self.best + other.best, self.far + other.far, self.releases + other.releases)


def bound_section(
    name: str,
    streams: NeighbouringStreams,
    without: StreamHits,
    with_groups: StreamHits,
    *,
    require_power: bool,
) -> Section:
    """Concludes whether the claim of each statistic holds."""
    half_lines = [*streams.half_lines, streams.joint_half_line]
    labels = [*streams.reference.names, ALL]
    rare = [Hits(int(hits), without.releases) for hits in without.best]
    likely = [Hits(int(hits), with_groups.releases) for hits in with_groups.best]
    findings = tuple(
        _bound(
            f"{label}: {streams.group} engagements at once",
            half_line,
            *hits,
            require_power=require_power and label != ALL,
        )
        for label, half_line, *hits in zip(labels, half_lines, rare, likely, strict=True)
    )
    rows = tuple(_compare(*row) for row in zip(labels, half_lines, rare, likely, strict=True))
    return Section(
        f"streams-{name}",
        f"Lower bounds on ε of single streams ({name})",
        f"The release engine measured two neighbouring datasets. In one, {streams.group} accounts flip "
        f"{streams.reference.policy.flip_cap} times each, at the epochs {streams.reference.worst_history}, "
        "which changes the streams most, or like and unlike within one epoch, which changes the removals "
        "most. The measurements of a stream were projected onto the direction in which the datasets differ, "
        "and the output set was fixed before anything was drawn.",
        "A lower bound above the ε that the policy claims for this number of engagements"
        + (
            f", or one below {REACH:g} of it, which could not detect a claim that is 10 % too small."
            if require_power
            else "."
        ),
        f"Clopper–Pearson, {100 * (1 - JOINT_ALPHA):g} % for both datasets of a bound together. A false "
        "alarm requires that both deviate in one direction: less than 1 in 10,000 per bound.",
        findings,
        (ComparisonPlot("ε of single streams", "ε", "claimed", rows),),
    )


def _bound(what: str, half_line: HalfLine, rare: Hits, likely: Hits, *, require_power: bool) -> Finding:
    bound = epsilon_lower_bound(likely, rare, half_line.delta)
    return Finding(
        what,
        f"{f'{REACH:g}·ε ≤ ' if require_power else ''}bound ≤ ε, where ε = {half_line.epsilon:.4f} at δ = "
        f"{half_line.delta:.4f}, from the policy",
        f"bound {bound:.4f}, which is {bound / half_line.epsilon:.3f} of ε; hit {likely.rate:.5f} of "
        f"{likely.samples} with and {rare.rate:.5f} without",
        bound <= half_line.epsilon and (not require_power or bound >= REACH * half_line.epsilon),
    )


def _compare(label: str, half_line: HalfLine, rare: Hits, likely: Hits) -> Comparison:
    low = epsilon_lower_bound(likely, rare, half_line.delta)
    high = _epsilon_at_most(likely, rare, half_line)
    value = estimate_epsilon(likely, rare, half_line.delta)
    return Comparison(f"{label}, δ = {half_line.delta:.4f}", low, min(value, high), high, half_line.epsilon)


def _epsilon_at_most(likely: Hits, rare: Hits, half_line: HalfLine) -> float:
    above = likely.upper_bound(JOINT_ALPHA / 2) - half_line.delta
    least = rare.lower_bound(JOINT_ALPHA / 2)
    return log(above / least) if above > 0 and least > 0 else 2 * half_line.epsilon


def support_section(
    name: str, streams: NeighbouringStreams, without: StreamHits, with_groups: StreamHits
) -> Section:
    """Concludes whether what occurs on one dataset occurs on the other one as often as it must."""
    return Section(
        f"support-{name}",
        f"No event is impossible in one of two neighbouring datasets ({name})",
        "In the same releases, the one measurement of each statistic that the groups shift most was compared "
        "with a value in its far tail, fixed before anything was drawn: above it, where that is rare without "
        "the groups, and below it, where that is rare with them.",
        "A lower bound above the ε of the exact Gaussian for this tail: an event that one dataset has, and "
        "the other one never or too seldom.",
        f"Clopper–Pearson, a false alarm has a probability below {FAR_ALPHA:g} per bound. {FAR_HITS} hits "
        "are expected where the event is rare.",
        tuple(_find_missing(streams, without, with_groups)),
    )


def _find_missing(
    streams: NeighbouringStreams, without: StreamHits, with_groups: StreamHits
) -> Iterator[Finding]:
    sides = (("without", without, with_groups), ("with", with_groups, without))
    for index, tail in enumerate(streams.far_tails):
        names = ", ".join(streams.reference.names[statistic] for statistic in tail.statistics)
        for side, (dataset, where, other) in enumerate(sides):
            rare, likely = (
                Hits(int(hits.far[index, side]), hits.releases * len(tail.statistics))
                for hits in (where, other)
            )
            bound = epsilon_lower_bound(likely, rare, tail.half_line.delta, FAR_ALPHA)
            yield Finding(
                f"{names} at step {tail.step}: rare {dataset} the groups",
                f"bound ≤ ε = {tail.half_line.epsilon:.4f} at δ = {tail.half_line.delta:.4f}",
                f"bound {bound:.4f}; {rare.hits:,} hits where it is rare, {likely.hits:,} where it is not",
                bound <= tail.half_line.epsilon,
            )
