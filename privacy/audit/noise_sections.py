"""Concludes from samples of the noise: exact probabilities, support, independence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from privacy.audit.noise_dependence import CHANCE_REPETITIONS, CorrelationSums, RepetitionCounts
from privacy.audit.noise_shape import TAILS, ShapeCounts, exact_shape
from privacy.audit.noise_statistics import FALSE_ALARM, exact_bins, fit_p_value
from privacy.audit.report_model import Finding, HistogramPlot, Section

WRONG_SCALE: Final = 1.02
ENOUGH_DRAWS: Final = 500_000
"""Enough to detect a scale that is wrong by 2 %, but for one in a million samples."""
SURE_HITS: Final = 16
"""Expected draws beyond a point; with probability 1e-7 there are none."""


@dataclass(frozen=True)
class NoiseSample:
    """The noise of releases, sorted.

    Args:
        shapes: by scale.
        repetitions: by scale.
        correlations: of all draws of a release.
    """

    shapes: dict[int, ShapeCounts]
    repetitions: dict[int, RepetitionCounts]
    correlations: CorrelationSums

    def __add__(self, other: NoiseSample) -> NoiseSample:
        """Returns the sum of both."""
        return NoiseSample(
            {scale: shape + other.shapes[scale] for scale, shape in self.shapes.items()},
            {scale: counts + other.repetitions[scale] for scale, counts in self.repetitions.items()},
            self.correlations + other.correlations,
        )


def shape_section(name: str, without: NoiseSample, with_groups: NoiseSample) -> Section:
    """Concludes whether the noise has its exact distribution on both datasets, to the end of its tails."""
    findings = [
        _check_shape(shape, dataset)
        for dataset, sample in (("without", without), ("with", with_groups))
        for shape in sample.shapes.values()
    ]
    return Section(
        f"noise-{name}",
        f"The noise has its exact probabilities, in the body and in the tails ({name})",
        "The noise of the same releases is the difference between measured and exact values. On each dataset "
        "it was compared with the exact discrete Gaussian: in bins of equal probability; beyond "
        f"{len(TAILS)} points on each side; by its remainders; and each call of the "
        "engine alone.",
        "Noise that is too small, of another shape, cut off, rounded, left out or constant now and then, on "
        "one side, or in a few calls only.",
        f"Each of the four tests of a scale raises a false alarm with probability {FALSE_ALARM:g}.",
        tuple(findings),
        tuple(map(_histogram, without.shapes.values())),
    )


def _check_shape(shape: ShapeCounts, dataset: str) -> Finding:
    p_values, bins = shape.p_values(), exact_bins(shape.scale)
    enough = shape.draws >= ENOUGH_DRAWS
    wrong = fit_p_value(shape.bins, bins.probabilities_at(shape.scale * WRONG_SCALE))
    expected = shape.draws * exact_shape(shape.scale).tails
    last = int(np.flatnonzero(expected >= SURE_HITS).max(initial=0))
    edge = exact_shape(shape.scale).tail_edges[last] / shape.scale
    below, above = shape.tails[:, last].tolist()
    return Finding(
        f"noise of scale {shape.scale}, {dataset} the groups, {shape.draws:,} draws in {shape.calls:,} calls",
        f"no test rejects the exact probabilities (p ≥ {FALSE_ALARM:g})"
        + (", and the first rejects a scale 2 % larger" if enough else ""),
        ", ".join(f"{test}: p = {p_value:.3g}" for test, p_value in p_values.items())
        + f"; beyond {edge:.1f} scales: {below:,} below and {above:,} above, where {expected[last]:,.0f} are "
        f"expected; for the wrong scale p = {wrong:.3g}",
        min(p_values.values()) >= FALSE_ALARM and (not enough or wrong < FALSE_ALARM),
    )


def dependence_section(name: str, sample: NoiseSample) -> Section:
    """Concludes whether draws are independent: in a release, between targets, and between calls."""
    findings = [
        Finding(
            f"noise of {what}",
            f"every correlation of values and of magnitudes is within {allowed:.2f} deviations",
            f"the largest is {largest:.2f} deviations",
            largest <= allowed,
        )
        for what, (largest, allowed) in sample.correlations.find_largest().items()
    ]
    findings += [_check_equal(counts) for counts in sample.repetitions.values()]
    findings += [_check_repeated(counts) for counts in sample.repetitions.values()]
    return Section(
        f"dependence-{name}",
        f"Draws are independent, and no draw is used twice ({name})",
        "Every draw of both datasets was compared with every other draw of its release, with that of the "
        "next target in the batch, and with that of a second release from the same state: values with "
        "values, magnitudes with magnitudes, values with magnitudes. Neighbouring draws of equal magnitude "
        "were counted, and sequences of magnitudes that occur twice anywhere were looked for.",
        "Noise that is shared by two numbers, targets, epochs, calls or processes, also under other signs; "
        "signs that depend on each other; noise that is drawn in pairs.",
        f"Each test raises a false alarm with probability {FALSE_ALARM:g} or less.",
        tuple(findings),
    )


def _check_equal(counts: RepetitionCounts) -> Finding:
    p_value = counts.p_value()
    return Finding(
        f"neighbouring draws of scale {counts.scale}, {counts.pairs:,} pairs",
        f"{counts.expected:,.0f} pairs of equal magnitude are expected (p ≥ {FALSE_ALARM:g})",
        f"{counts.equal:,}, p = {p_value:.3g}",
        p_value >= FALSE_ALARM,
    )


def _check_repeated(counts: RepetitionCounts) -> Finding:
    repeated = counts.count_repeated()
    return Finding(
        f"sequences of draws of scale {counts.scale}, {len(counts.keys):,} compared",
        f"at most {CHANCE_REPETITIONS} occurs twice",
        f"{repeated}",
        repeated <= CHANCE_REPETITIONS,
    )


def _histogram(shape: ShapeCounts) -> HistogramPlot:
    """Merges the bins into fifty bars of equal width over ±3 scales."""
    bins, scale = exact_bins(shape.scale), shape.scale
    middles = np.concatenate([[-4.0 * scale], (bins.edges[1:] + bins.edges[:-1]) / 2, [4.0 * scale]])
    bars = np.linspace(-3, 3, 51) * scale
    bar_indexes = np.digitize(middles, bars)
    observed = np.bincount(bar_indexes, weights=shape.bins, minlength=len(bars) + 1)[1:-1] / shape.draws
    expected = np.bincount(bar_indexes, weights=bins.probabilities, minlength=len(bars) + 1)[1:-1]
    return HistogramPlot(
        f"Noise of scale {scale}",
        "encoder units",
        tuple(((bars[1:] + bars[:-1]) / 2).tolist()),
        tuple(observed.tolist()),
        tuple(expected.tolist()),
    )
