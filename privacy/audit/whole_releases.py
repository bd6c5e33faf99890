"""Whole releases: all that a reader sees of neighbouring worlds, told apart as well as can be learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.check import Check
from privacy.audit.confidence import JOINT_ALPHA, epsilon_at_least, epsilon_measured
from privacy.audit.distinguisher import Distinguisher
from privacy.audit.independent_accounting import Recomputed, epsilon_of_zcdp
from privacy.audit.neighbours import DatasetPair, neighbourhood, observed
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource

if TYPE_CHECKING:
    from numpy.typing import NDArray

DELTAS = (1e-6, 0.01)
"""The δ of the policy page, and one at which a Gaussian of this ρ can be measured."""
JOBS = 10


def whole_release_check(
    name: str, calibration: Calibration, own: Recomputed, entropy: EntropySource, sizes: tuple[int, int]
) -> Check:
    """Bounds on ε of whole releases.

    Args:
        name: of the kinds that have this mechanism.
        calibration: the mechanism that is audited.
        own: the audit's view of it.
        entropy: where the noise comes from.
        sizes: releases of each world to choose the events by, and to test them on.
    """
    noise = tuple(int(calibration.stream_scales[place.start]) for place in own.streams)
    around = neighbourhood(own, noise)
    share = -(-sum(sizes) // JOBS)
    families = around.families
    work = tuple(
        partial(observed, calibration, own, [around.worlds[place] for place in family], share, entropy)
        for family in families
        for _ in range(JOBS)
    )

    def conclude(results: Sequence[Sequence[NDArray[np.float32]]]) -> Sequence[Section]:
        seen: dict[int, NDArray[np.float32]] = {}
        for number, family in enumerate(families):
            jobs = results[JOBS * number : JOBS * (number + 1)]
            seen |= dict(zip(family, map(np.concatenate, zip(*jobs, strict=True)), strict=True))
        return [_section(name, own, around.pairs, seen, sizes)]

    return Check(f"whole releases, {name}", work, conclude)


def _section(
    name: str,
    own: Recomputed,
    pairs: Sequence[DatasetPair],
    seen: Mapping[int, NDArray[np.float32]],
    sizes: tuple[int, int],
) -> Section:
    budget = own.policy.budgets[own.kind]
    gate = float(own.policy.gate_delta)
    # Where the gate alone may use δ up, nothing is claimed at it.
    claims = {delta: epsilon_of_zcdp(float(budget.rho), delta - gate) for delta in DELTAS if delta > gate}
    findings, rows = [], []
    for pair in pairs:
        bounds = _bounds(seen[pair.first], seen[pair.second], sizes[0])
        for delta, claim in claims.items():
            low, value = bounds[delta]
            label = f"{pair.name}, δ = {delta:g}"
            findings.append(Finding(label, f"bound ≤ ε = {claim:.4f}", f"bound {low:.4f}", low <= claim))
            # An event that one world never shows has no finite estimate.
            shown = max(low, value if isfinite(value) else 2 * claim)
            rows.append(Comparison(label, low, shown, shown, claim))
    return Section(
        f"releases-{name}",
        f"Lower bounds on ε of whole releases ({name})",
        "Targets that differ in one engagement were released epoch by epoch: every published number and "
        "every withheld one was taken together, with their differences over time and within a release, by "
        f"Fisher's discriminant, and singly. The best of these events was chosen on {sizes[0]:,} releases "
        f"of each world and tested on {sizes[1]:,} others.",
        "A lower bound above the ε of the policy at the same δ.",
        f"Clopper–Pearson, {100 * (1 - JOINT_ALPHA):g} % a bound, both worlds together. One engagement is a "
        "quarter of a deviation of the noise, so an honest mechanism stays far below its claim.",
        tuple(findings),
        (ComparisonPlot("ε of whole releases", "ε", "claimed", tuple(rows)),),
    )


def _bounds(
    first: NDArray[np.float32], second: NDArray[np.float32], to_choose: int
) -> dict[float, tuple[float, float]]:
    """Lower bound and bare estimate at each δ; either world may be the one in which the event is likely."""
    learned = Distinguisher(first[:to_choose], second[:to_choose])
    one, other = learned.columns(first[to_choose:]), learned.columns(second[to_choose:])
    bounds = {}
    for delta in DELTAS:
        found = []
        for likely_in_second in (True, False):
            event = learned.best(delta, likely_in_second=likely_in_second)
            rare, likely = (event.hits(one), event.hits(other))[:: 1 if likely_in_second else -1]
            found.append((epsilon_at_least(likely, rare, delta), epsilon_measured(likely, rare, delta)))
        bounds[delta] = max(found)
    return bounds
