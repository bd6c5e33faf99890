"""Makes audiences with random members, counts them without the release code, and checks their releases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from privacy.audit.audience_reference import UNIT, AudienceReference
from privacy.audit.recorded_entropy import RecordedEntropy, ReplayError
from privacy.audit.reference_sampler import ReferenceSampler
from privacy.audit.target_histories import CountChange, encode_log
from privacy.mechanism.audience_accounting import AudienceCalibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.release.audiences import NewAudience, make_audience_releases
from privacy.tally.audience_series import AudienceState, DueAudience

Z95: Final = 1.959963984540054
FAR: Final = 8
"""Deviations above its threshold from which on that a number was selected changes no interval."""
SLACK: Final = 1e-6
MAX_CROWD: Final = 400
CROWDS: Final = 10
TAKEN_OUT_SHARE: Final = 0.1
SOME_PERIOD: Final = 2_900
AUDIENCE_SLOT: Final = 3

FORM = "numbers are JSON integers, only where they are shown, each within its interval"
FACTS = "besides its figures, a release has public facts alone, written in one way"
NOISE = "numbers are the exact counts plus the noise that the audit draws from the same entropy"
GATE = "a number is shown exactly if count and estimate reach the audit's own thresholds"
SUMS = "cells and `other` add up to the total; `other` clears its own margin"
RULES: Final = (FORM, FACTS, NOISE, GATE, SUMS)


@dataclass(frozen=True)
class AudienceCase:
    """A release of an audience, with the counts that the audit made.

    Args:
        release: made by the release code.
        exact: the audit's counts, shape (streams,).
        noise: the noise that the audit draws from the same entropy; or how the program read it otherwise.
    """

    release: NewAudience
    exact: NDArray[np.int64]
    noise: NDArray[np.int64] | ReplayError


def generate_audiences(
    calibration: AudienceCalibration, reference: AudienceReference, count: int, entropy: EntropySource
) -> Iterator[AudienceCase]:
    """Releases audiences with random members in one call, and yields them."""
    rng = np.random.default_rng(int.from_bytes(entropy(16)))
    logs, exact = zip(*(_draw_members(reference, rng) for _ in range(count)), strict=True)
    recorded = RecordedEntropy(entropy)
    due = [build_due(reference, number, log) for number, log in enumerate(logs)]
    releases = make_audience_releases(due, calibration, recorded)
    try:
        noise: NDArray[np.int64] | ReplayError = _draw_again(reference, count, recorded)
    except ReplayError as error:
        noise = error
    for index, release in enumerate(releases):
        own = noise if isinstance(noise, ReplayError) else noise[index]
        yield AudienceCase(release, exact[index], own)


def build_due(reference: AudienceReference, number: int, log: bytes) -> DueAudience:
    """Returns an audience that is due, with this log."""
    period, (_, end_ms) = reference.period, reference.bounds_ms(SOME_PERIOD)
    until_ms = end_ms + (number % 2)  # every other one goes on
    series = number * KINDS_PER_TARGET + AUDIENCE_SLOT
    state = AudienceState(
        series,
        f"audited-{number}",
        period.scope,
        period.every_seconds,
        reference.policy.version,
        SOME_PERIOD,
        until_ms,
    )
    return DueAudience(state, log)


def _draw_members(reference: AudienceReference, rng: np.random.Generator) -> tuple[bytes, NDArray[np.int64]]:
    """Returns the log of an audience and its counts; some accounts are taken out again."""
    exact = np.zeros(len(reference.deviations), np.int64)
    changes = []
    for crowd in (rng.integers(0, MAX_CROWD, CROWDS) ** 2 // MAX_CROWD).tolist():
        cell = {
            dimension.name: str(rng.choice(dimension.values))
            for dimension in reference.policy.domain.dimensions
            if rng.random() > TAKEN_OUT_SHARE
        }
        gone = int(crowd * TAKEN_OUT_SHARE)
        changes += [CountChange(cell, crowd), CountChange(cell, gone, int(rng.integers(1, 6)))]
        exact[reference.streams_of(cell)] += crowd - gone
    return encode_log(reference.policy, changes), exact


def _draw_again(reference: AudienceReference, audiences: int, recorded: RecordedEntropy) -> NDArray[np.int64]:
    """Returns the noise of a call, shape (audiences, streams): by statistic, then by audience."""
    replay = recorded.replay()
    sampler = ReferenceSampler(replay)
    noise = np.empty((audiences, len(reference.deviations)), np.int64)
    for name, place in reference.places.items():
        drawn = sampler.draw(reference.scales[name], audiences * (place.stop - place.start))
        noise[:, place] = drawn.reshape(audiences, -1)
    replay.finish()
    return noise


@dataclass(frozen=True)
class AudienceChecker:
    """Checks releases of audiences of one scope and period.

    Args:
        reference: the audit's own accounting.
    """

    reference: AudienceReference

    def find_faults(self, case: AudienceCase) -> Iterator[tuple[str, str]]:
        """Yields the rule and a description for each fault of a release."""
        if isinstance(case.noise, ReplayError):
            yield NOISE, str(case.noise)
            return
        try:
            shown = json.loads(case.release.encoded, parse_float=_reject, parse_constant=_reject)
            written = self._write(case, shown)
        except (ValueError, KeyError) as error:
            yield FORM, repr(error)
            return
        if written != case.release.encoded:
            yield FACTS, f"{case.release.encoded!r} instead of {written!r}"
        estimates = case.exact + case.noise / UNIT
        gap = estimates - self.reference.thresholds
        passed = np.where(
            np.abs(gap) < SLACK, np.nan, ((case.exact >= self.reference.policy.k) & (gap >= 0)).astype(float)
        )
        total = self.reference.places.get("total")
        if total is not None:
            yield from self._check_total(shown["total"], estimates[0], passed[0])
            passed = passed * passed[0]
        for name, place in self.reference.places.items():
            if name != "total":
                figures = self._read_breakdown(shown, name)
                yield from self._check_breakdown(name, shown["total"], figures, estimates, passed[place])

    def _write(self, case: AudienceCase, shown: dict[str, Any]) -> bytes:
        """Writes the release again from public facts and the figures that it shows."""
        state, reference = case.release.due.state, self.reference
        starts_ms, end_ms = reference.bounds_ms(state.epoch)
        next_ms = (
            end_ms + 1000 * reference.period.every_seconds + 1000 * reference.policy.public_delay_seconds
        )
        breakdowns = {}
        for name, cells in reference.cells.items():
            figures = shown["breakdowns"].get(name)
            if name != "total" and figures and (figures["cells"] or figures["other"]):
                inside = {cell: figures["cells"][cell] for cell in cells if cell in figures["cells"]}
                breakdowns[name] = {"cells": inside, "other": figures["other"]}
        document = {
            "target_id": state.target_id,
            "kind": reference.kind,
            "epoch": state.epoch,
            "starts_at_ms": starts_ms,
            "as_of_ms": end_ms,
            "next_release_at_ms": next_ms if state.until_ms > end_ms else None,
            "policy_version": reference.policy.version,
            "total": shown["total"],
            "breakdowns": breakdowns,
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()

    def _read_breakdown(self, shown: dict[str, Any], name: str) -> dict[str, list[int] | None]:
        """Returns the figures of a breakdown, by cell and for `other` under None's place, ''."""
        figures = shown["breakdowns"].get(name, {"cells": {}, "other": None})
        cells = {cell: figures["cells"].get(cell) for cell in self.reference.cells[name]}
        return cells | {"": figures["other"]}

    def _check_total(self, figure: Any, estimate: float, passed: float) -> Iterator[tuple[str, str]]:
        if passed != (figure is not None) and not np.isnan(passed):
            yield GATE, f"total: {figure} of an estimate of {estimate:.2f}"
        elif figure:
            deviation = float(self.reference.deviations[0])
            yield from self._check_value("total", figure, (estimate, estimate), deviation)

    def _check_breakdown(
        self,
        name: str,
        total: list[int] | None,
        figures: dict[str, list[int] | None],
        all_estimates: NDArray[np.float64],
        passed: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        reference = self.reference
        place, cells = reference.places[name], reference.cells[name]
        estimates = all_estimates[place]
        shown = [index for index, cell in enumerate(cells) if figures[cell] is not None]
        certain, possible = (
            set(np.flatnonzero(passed == 1).tolist()),
            set(np.flatnonzero(passed != 0).tolist()),
        )
        own, of_total = float(reference.deviations[place.start]), float(reference.deviations[0])
        missing = float(all_estimates[0] - estimates[shown].sum())
        has_total = reference.period.total is not None
        tied = has_total and bool(shown) and (len(shown) == len(cells) or missing < 0)
        count = max(len(shown), 1)
        if set(shown) - possible or (shown and certain - set(shown)):
            yield GATE, f"{name}: shows {shown}, where {sorted(certain)} pass"
        if (
            certain
            and not shown
            and not (has_total and self._contradicts(all_estimates[0], estimates, certain))
        ):
            yield GATE, f"{name}: withholds {sorted(certain)}, which pass"
        for index in shown:
            pair = (float(estimates[index]), float(estimates[index] + (missing / count if tied else 0.0)))
            yield from self._check_value(
                f"{name} {cells[index]}", figures[cells[index]], pair, None if tied else own
            )
        rest = total[0] - sum((figures[cells[index]] or [0])[0] for index in shown) if total else 0
        clears = rest >= reference.policy.k + reference.z * sqrt(of_total**2 + len(shown) * own**2)
        other = figures[""]
        if (other is not None) != bool(total and clears) or (other and other[0] != rest):
            yield SUMS, f"{name}: `other` is {other}, total less cells {rest}"

    @staticmethod
    def _contradicts(total: float, estimates: NDArray[np.float64], certain: set[int]) -> bool:
        """Returns whether no correction of the cells that pass leaves all of them above zero."""
        cells = [*certain]
        missing = total - estimates[cells].sum()
        correction = missing / len(cells) if len(cells) == len(estimates) or missing < 0 else 0.0
        return bool((estimates[cells] + correction <= 0).any())

    def _check_value(
        self, what: str, figure: Any, estimate: tuple[float, float], deviation: float | None
    ) -> Iterator[tuple[str, str]]:
        """Checks a number, given its own estimate and the reconciled one.

        The interval is that of normal noise of the given deviation, far from the threshold.
        """
        own, centre = estimate
        if len(figure) != 3 or any(type(part) is not int for part in figure):  # noqa: PLR2004 - value, low, high
            yield FORM, f"{what}: is {figure}"
            return
        value, low, high = figure
        k = self.reference.policy.k
        if not 0 <= low <= value <= high or abs(value - max(0.0, centre)) > 1 + SLACK:
            yield NOISE, f"{what}: shows {figure}, of {centre:.2f}"
        if deviation is None or own < self.reference.thresholds.max() + FAR * self.reference.deviations.max():
            return
        expected = (max(floor(centre - Z95 * deviation), min(k, value)), ceil(centre + Z95 * deviation))
        if abs(low - expected[0]) > 1 or abs(high - expected[1]) > 1:
            yield NOISE, f"{what}: shows {figure}, of {centre:.2f} ± {deviation:.2f}"


def _reject(text: str) -> float:
    raise ValueError(f"{text} is not an integer")
