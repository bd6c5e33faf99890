"""Concludes from samples of single streams: bounds on ε, distribution and independence of the noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import log
from operator import add

import numpy as np
from numpy.typing import NDArray

from privacy.audit.confidence import JOINT_ALPHA, Hits, epsilon_lower_bound, estimate_epsilon
from privacy.audit.exact_gaussian import HalfLine
from privacy.audit.neighbouring_streams import NeighbouringStreams
from privacy.audit.noise_statistics import FALSE_ALARM, CorrelationSums, exact_bins, fit_p_value
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, HistogramPlot, Section

REACH = 0.9
"""A bound below this share of the claim has too little power to detect a claim that is 10 % too small."""
WRONG_SCALE = 1.02
ENOUGH_DRAWS = 300_000
"""Enough to detect a scale that is wrong by 2 %."""
ALL = "total and breakdowns"


@dataclass(frozen=True)
class Sampled:
    """Samples of one job.

    Args:
        hits: of each statistic's half-line, and of the joint one, shape (statistics + 1,).
        releases: number of releases.
        fit: counts of noise by bin, by scale; empty for the neighbouring dataset.
        misfit: the same in the bins of a scale that is wrong by 2 %.
        correlations: None for the neighbouring dataset.
    """

    hits: NDArray[np.int64]
    releases: int
    fit: dict[int, NDArray[np.int64]]
    misfit: dict[int, NDArray[np.int64]]
    correlations: CorrelationSums | None


def bound_section(
    name: str,
    streams: NeighbouringStreams,
    base: Sequence[Sampled],
    neighbour: Sequence[Sampled],
    *,
    require_power: bool,
) -> Section:
    """Concludes whether the claim of each statistic holds."""
    rare, likely = _sum_hits(base), _sum_hits(neighbour)
    half_lines = [*streams.half_lines, streams.joint_half_line]
    labels = [*streams.reference.names, ALL]
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


def noise_section(name: str, base: Sequence[Sampled]) -> Section:
    """Concludes whether the noise has the exact distribution, and whether no draw is used twice."""
    findings, plots = [], []
    for scale in base[0].fit:
        fit = reduce(add, (sampled.fit[scale] for sampled in base))
        misfit = reduce(add, (sampled.misfit[scale] for sampled in base))
        right = fit_p_value(fit, exact_bins(scale).probabilities)
        wrong = fit_p_value(misfit, exact_bins(scale * WRONG_SCALE).probabilities)
        enough = int(fit.sum()) >= ENOUGH_DRAWS
        findings.append(
            Finding(
                f"noise of scale {scale}, {int(fit.sum()):,} draws",
                f"χ² does not reject the exact probabilities (p ≥ {FALSE_ALARM:g})"
                + (", and rejects a scale 2 % larger" if enough else ""),
                f"p = {right:.3g}; for the wrong scale p = {wrong:.3g}",
                right >= FALSE_ALARM and (not enough or wrong < FALSE_ALARM),
            )
        )
        plots.append(_histogram(scale, fit))
    correlations = reduce(add, (sampled.correlations for sampled in base if sampled.correlations))
    findings += [
        Finding(
            f"noise of {what}",
            f"the largest correlation of all pairs is within {allowed:.2f} deviations",
            f"{largest:.2f} deviations",
            largest <= allowed,
        )
        for what, (largest, allowed) in correlations.find_largest().items()
    ]
    return Section(
        f"noise-{name}",
        f"The noise has exact probabilities, and no draw is used twice ({name})",
        "The noise of the same releases is the difference between measured and exact values. It was compared "
        "with the exact discrete Gaussian. Every draw was compared with every other draw of its release, "
        "with that of the next target in the batch, and with that of a second release from the same state.",
        "Noise that is too small or of another distribution, shared by two numbers, targets or epochs, or "
        "repeated.",
        f"Each test raises a false alarm with probability {FALSE_ALARM:g}.",
        tuple(findings),
        tuple(plots),
    )


def _sum_hits(sampled: Sequence[Sampled]) -> list[Hits]:
    releases = sum(one.releases for one in sampled)
    return [Hits(int(hits), releases) for hits in np.sum([one.hits for one in sampled], axis=0)]


def _epsilon_at_most(likely: Hits, rare: Hits, half_line: HalfLine) -> float:
    above = likely.upper_bound(JOINT_ALPHA / 2) - half_line.delta
    least = rare.lower_bound(JOINT_ALPHA / 2)
    return log(above / least) if above > 0 and least > 0 else 2 * half_line.epsilon


def _histogram(scale: int, counts: NDArray[np.int64]) -> HistogramPlot:
    """Merges the bins into fifty bars of equal width over ±3 scales."""
    bins = exact_bins(scale)
    middles = np.concatenate([[-4.0 * scale], (bins.edges[1:] + bins.edges[:-1]) / 2, [4.0 * scale]])
    bars = np.linspace(-3, 3, 51) * scale
    bar_indexes = np.digitize(middles, bars)
    observed = np.bincount(bar_indexes, weights=counts, minlength=len(bars) + 1)[1:-1] / counts.sum()
    expected = np.bincount(bar_indexes, weights=bins.probabilities, minlength=len(bars) + 1)[1:-1]
    return HistogramPlot(
        f"Noise of scale {scale}",
        "encoder units",
        tuple(((bars[1:] + bars[:-1]) / 2).tolist()),
        tuple(observed.tolist()),
        tuple(expected.tolist()),
    )
