"""Single streams: what the samples say of ε, of the law of the noise, and of its independence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import log
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.confidence import JOINT_ALPHA, Hits, epsilon_at_least, epsilon_measured
from privacy.audit.exact_gaussian import OutputSet
from privacy.audit.noise_statistics import FALSE_ALARM, CorrelationSums, exact_bins, fit_p_value
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, HistogramPlot, Section
from privacy.audit.stream_worlds import StreamWorlds

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH = 0.9
"""A bound below this share of the claim has too little power to tell a claim that is 10 % too small."""
WRONG_SCALE = 1.02
ENOUGH_DRAWS = 300_000
"""So many tell a scale that is 2 % wrong."""
ALL = "total and breakdowns"


@dataclass(frozen=True)
class Sampled:
    """What one job saw.

    Args:
        hits: of each statistic's event, the last of all together, shape (statistics + 1,).
        releases: how many.
        fit: counts of noise by bin, by scale; empty in the neighbouring world.
        misfit: the same in the bins of a scale 2 % wrong.
        together: None in the neighbouring world.
    """

    hits: NDArray[np.int64]
    releases: int
    fit: dict[int, NDArray[np.int64]]
    misfit: dict[int, NDArray[np.int64]]
    together: CorrelationSums | None


def bound_section(
    name: str, worlds: StreamWorlds, base: Sequence[Sampled], neighbour: Sequence[Sampled], *, exacting: bool
) -> Section:
    """What the samples say of the claim of each statistic."""
    rare, likely = _hits(base), _hits(neighbour)
    events = [*worlds.events, worlds.event_of_all]
    labels = [*worlds.own.names, ALL]
    findings = tuple(
        _bound(
            f"{label}: {worlds.group} engagements at once", event, *hits, exacting=exacting and label != ALL
        )
        for label, event, *hits in zip(labels, events, rare, likely, strict=True)
    )
    rows = tuple(_row(*row) for row in zip(labels, events, rare, likely, strict=True))
    return Section(
        f"streams-{name}",
        f"Lower bounds on ε of single streams ({name})",
        f"The release engine measured two neighbouring worlds. In one, {worlds.group} accounts flip "
        f"{worlds.own.policy.flip_cap} times each, at the epochs {worlds.own.worst_history} that move the "
        "streams most, or like and unlike within one epoch, which moves the removals most. All "
        "measurements of a stream were weighed in the direction in which the worlds differ, and the event "
        "was fixed before anything was drawn.",
        "A lower bound above the ε that the policy claims for so many engagements"
        + (
            f", or one below {REACH:g} of it, which could not tell a claim that is 10 % too small."
            if exacting
            else "."
        ),
        f"Clopper–Pearson, {100 * (1 - JOINT_ALPHA):g} % for both worlds of one bound together. A false "
        "alarm needs a deviation of both in one direction: below 1 in 10,000 a bound.",
        findings,
        (ComparisonPlot("ε of single streams", "ε", "claimed", rows),),
    )


def _bound(what: str, event: OutputSet, rare: Hits, likely: Hits, *, exacting: bool) -> Finding:
    bound = epsilon_at_least(likely, rare, event.delta)
    return Finding(
        what,
        f"{f'{REACH:g}·ε ≤ ' if exacting else ''}bound ≤ ε, where ε = {event.epsilon:.4f} at δ = "
        f"{event.delta:.4f}, from the policy",
        f"bound {bound:.4f}, which is {bound / event.epsilon:.3f} of ε; hit {likely.rate:.5f} of "
        f"{likely.samples} with and {rare.rate:.5f} without",
        bound <= event.epsilon and (not exacting or bound >= REACH * event.epsilon),
    )


def _row(label: str, event: OutputSet, rare: Hits, likely: Hits) -> Comparison:
    low = epsilon_at_least(likely, rare, event.delta)
    high = _epsilon_at_most(likely, rare, event)
    value = epsilon_measured(likely, rare, event.delta)
    return Comparison(f"{label}, δ = {event.delta:.4f}", low, min(value, high), high, event.epsilon)


def noise_section(name: str, base: Sequence[Sampled]) -> Section:
    """What they say of the noise: its law, and that no draw is used twice."""
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
    together = reduce(add, (sampled.together for sampled in base if sampled.together))
    findings += [
        Finding(
            f"noise of {what}",
            f"largest correlation of all pairs within {allowed:.2f} deviations of independence",
            f"{largest:.2f} deviations",
            largest <= allowed,
        )
        for what, (largest, allowed) in together.largest().items()
    ]
    return Section(
        f"noise-{name}",
        f"Noise: exact probabilities, and no draw used twice ({name})",
        "The noise of the same releases, which is what was measured less what was to be measured: compared "
        "with the exact discrete Gaussian, and every draw with every other one of its release, with its "
        "neighbour's in the batch, and with that of a second release from the same state.",
        "Noise that is too small, of another shape, shared by two numbers, targets or epochs, or drawn "
        "again alike.",
        f"Each test has a false alarm with probability {FALSE_ALARM:g}.",
        tuple(findings),
        tuple(plots),
    )


def _hits(sampled: Sequence[Sampled]) -> list[Hits]:
    releases = sum(one.releases for one in sampled)
    return [Hits(int(hits), releases) for hits in np.sum([one.hits for one in sampled], axis=0)]


def _epsilon_at_most(likely: Hits, rare: Hits, event: OutputSet) -> float:
    above = likely.at_most(JOINT_ALPHA / 2) - event.delta
    least = rare.at_least(JOINT_ALPHA / 2)
    return log(above / least) if above > 0 and least > 0 else 2 * event.epsilon


def _histogram(scale: int, counts: NDArray[np.int64]) -> HistogramPlot:
    """Fifty bars of equal width over ±3 scales, from the finer bins."""
    bins = exact_bins(scale)
    middles = np.concatenate([[-4.0 * scale], (bins.edges[1:] + bins.edges[:-1]) / 2, [4.0 * scale]])
    bars = np.linspace(-3, 3, 51) * scale
    place = np.digitize(middles, bars)
    observed = np.bincount(place, weights=counts, minlength=len(bars) + 1)[1:-1] / counts.sum()
    expected = np.bincount(place, weights=bins.probabilities, minlength=len(bars) + 1)[1:-1]
    return HistogramPlot(
        f"Noise of scale {scale}",
        "encoder units",
        tuple(((bars[1:] + bars[:-1]) / 2).tolist()),
        tuple(observed.tolist()),
        tuple(expected.tolist()),
    )
