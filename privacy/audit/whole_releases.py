"""Checks whole releases: distinguishes neighbouring datasets by everything that a reader sees."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from privacy.audit.check import Check
from privacy.audit.confidence import JOINT_ALPHA, epsilon_lower_bound, estimate_epsilon
from privacy.audit.distinguisher import Distinguisher
from privacy.audit.independent_accounting import IndependentAccounting, epsilon_of
from privacy.audit.neighbours import DatasetPair, neighbouring_datasets, observe
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource

DELTAS = (1e-6, 0.01)
"""The δ of the stated guarantee, and one at which a Gaussian of this ρ can be measured."""
JOBS = 10


def whole_release_check(
    name: str,
    calibration: Calibration,
    reference: IndependentAccounting,
    entropy: EntropySource,
    sizes: tuple[int, int],
) -> Check:
    """Makes the check of ε of whole releases.

    Args:
        name: of the kinds with this mechanism.
        calibration: the audited mechanism.
        reference: the audit's own accounting.
        entropy: source of the noise.
        sizes: releases of each dataset for choosing output sets, and for testing them.
    """
    noise = tuple(int(calibration.stream_scales[index.start]) for index in reference.streams)
    neighbours = neighbouring_datasets(reference, noise)
    share = -(-sum(sizes) // JOBS)
    families = neighbours.families
    work = tuple(
        partial(
            observe, calibration, reference, [neighbours.datasets[index] for index in family], share, entropy
        )
        for family in families
        for _ in range(JOBS)
    )

    def conclude(results: Sequence[Sequence[NDArray[np.float32]]]) -> Sequence[Section]:
        seen: dict[int, NDArray[np.float32]] = {}
        for number, family in enumerate(families):
            jobs = results[JOBS * number : JOBS * (number + 1)]
            seen |= dict(zip(family, map(np.concatenate, zip(*jobs, strict=True)), strict=True))
        return [_build_section(name, reference, neighbours.pairs, seen, sizes, min(noise))]

    return Check(f"whole releases, {name}", work, conclude)


def _build_section(
    name: str,
    reference: IndependentAccounting,
    pairs: Sequence[DatasetPair],
    seen: Mapping[int, NDArray[np.float32]],
    sizes: tuple[int, int],
    least_scale: int,
) -> Section:
    budget = reference.policy.budgets[reference.kind]
    gate = float(reference.policy.gate_delta)
    # If the gate alone may use up δ, nothing is claimed at it.
    claims = {
        delta: epsilon_of(reference.policy, budget.rho, delta - gate, least_scale)
        for delta in DELTAS
        if delta > gate
    }
    findings, rows = [], []
    for pair in pairs:
        bounds = _bound(seen[pair.first], seen[pair.second], sizes[0])
        for delta, claim in claims.items():
            low, value = bounds[delta]
            label = f"{pair.name}, δ = {delta:g}"
            findings.append(Finding(label, f"bound ≤ ε = {claim:.4f}", f"bound {low:.4f}", low <= claim))
            # An output set that never occurs on one dataset has no finite estimate.
            shown = max(low, value if isfinite(value) else 2 * claim)
            rows.append(Comparison(label, low, shown, shown, claim))
    return Section(
        f"releases-{name}",
        f"Lower bounds on ε of whole releases ({name})",
        "Targets that differ in one engagement were released epoch by epoch. Every published or withheld "
        "number was used alone, and all numbers together with their differences over time and within a "
        "release by Fisher's discriminant. The best of these output sets was chosen on "
        f"{sizes[0]:,} releases of each dataset and tested on {sizes[1]:,} others.",
        "A lower bound above the ε of the policy at the same δ.",
        f"Clopper–Pearson, {100 * (1 - JOINT_ALPHA):g} % per bound, both datasets together. One engagement "
        "is a quarter of the noise's deviation, so a correct mechanism stays far below its claim.",
        tuple(findings),
        (ComparisonPlot("ε of whole releases", "ε", "claimed", tuple(rows)),),
    )


def _bound(
    first: NDArray[np.float32], second: NDArray[np.float32], selection_releases: int
) -> dict[float, tuple[float, float]]:
    """Returns lower bound and estimate at each δ; the output set may be likely on either dataset."""
    learned = Distinguisher(first[:selection_releases], second[:selection_releases])
    one, other = learned.columns(first[selection_releases:]), learned.columns(second[selection_releases:])
    bounds = {}
    for delta in DELTAS:
        found = []
        for likely_in_second in (True, False):
            event = learned.best(delta, likely_in_second=likely_in_second)
            rare, likely = (event.hits(one), event.hits(other))[:: 1 if likely_in_second else -1]
            found.append((epsilon_lower_bound(likely, rare, delta), estimate_epsilon(likely, rare, delta)))
        bounds[delta] = max(found)
    return bounds
