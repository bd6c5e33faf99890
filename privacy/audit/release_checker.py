"""Checks that every number of a release follows from its measurements and from nothing else."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from privacy.audit.expected_intervals import ExpectedIntervals, is_around
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.public_facts import PublicFacts
from privacy.audit.recorded_entropy import ReplayError
from privacy.audit.selected_interval import Reach
from privacy.audit.synthetic_histories import ReleaseCase
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.release.history import MEASUREMENT

SLACK: Final = 1e-6
"""Tolerance for doubles; a number this close to a threshold may fall on either side."""

SHOWN_BYTES: Final = 30
"""Bytes that are quoted on both sides of a difference."""

NAMED: Final = ("since", "changes")
"""Keys of the figures that are not numbers."""

FORM = "numbers are JSON integers, null where withheld, each within its interval"
K = "nothing about fewer than k accounts is measured or shown"
ONCE = "each measurement is drawn once, at its own step"
GATE = "a number is shown exactly if count and estimate reach the audit's own thresholds"
VALUES = "values and intervals follow from the measurements"
SUMS = "cells and `other` add up to the total; `other` clears its own margin"
NOISE = "measurements are the exact counts plus the noise that the audit draws from the same entropy"
FACTS = "besides its figures, a release has public facts alone, written in one way"
RULES: Final = (FORM, FACTS, K, ONCE, NOISE, GATE, VALUES, SUMS)


@dataclass(frozen=True)
class ReleaseChecker:
    """Checks releases under one mechanism.

    Args:
        reference: the audit's own accounting.
        noise: noise scale of each statistic, as used.
    """

    reference: IndependentAccounting
    noise: tuple[int, ...]

    @cached_property
    def _intervals(self) -> ExpectedIntervals:
        return ExpectedIntervals(self.reference, self.noise)

    def find_faults(self, case: ReleaseCase) -> Iterator[tuple[str, str]]:
        """Yields the rule and a description for each fault of a release."""
        try:
            document = json.loads(
                case.release.encoded, parse_float=_reject_float, parse_constant=_reject_float
            )
            figures = self._index_figures(document)
        except ValueError as error:
            yield FORM, str(error)
            return
        yield from self._check_form(figures)
        yield from self.find_exact_faults(case)
        rows = np.frombuffer(case.measured_before + case.release.measurements, MEASUREMENT)
        measured = np.zeros((self.reference.streams[-1].stop, case.step + 1))
        here = rows[rows["step"] <= case.step]
        measured[here["stream"], here["step"]] = here["value"]
        estimates = measured @ self.reference.decoder[case.step, : case.step + 1]
        passed = self._apply_gate(case, estimates, case.step)
        yield from self._check_single_numbers(figures, case, estimates, passed)
        for index in range(1, len(self.reference.streams) - 1):
            yield from self._check_breakdown(index, figures, case, estimates, passed)
        yield from self._check_change(figures, case, measured, estimates)
        yield from self._check_smoothed(figures, case, measured, estimates)

    def find_exact_faults(self, case: ReleaseCase) -> Iterator[tuple[str, str]]:
        """Yields those faults that need no double: they are exact for counts of any size."""
        yield from self._check_facts(case)
        rows = np.frombuffer(case.measured_before + case.release.measurements, MEASUREMENT)
        yield from self._check_draws(case, rows)
        yield from self._check_noise(case)

    def _check_facts(self, case: ReleaseCase) -> Iterator[tuple[str, str]]:
        """Writes the release again from its own figures; all else must come out the same, byte for byte."""
        encoded = case.release.encoded
        written = PublicFacts(self.reference, case.release.due.state).write_release(json.loads(encoded))
        if written != encoded:
            at = sum(takewhile(bool, (one == other for one, other in zip(encoded, written, strict=False))))
            part = slice(max(0, at - SHOWN_BYTES), at + SHOWN_BYTES)
            yield FACTS, f"byte {at}: {encoded[part]!r} instead of {written[part]!r}"

    def _index_figures(self, document: dict[str, Any]) -> dict[Any, Any]:
        """Returns every number of a document by its stream, or by a name."""
        removals = self.reference.streams[-1]
        reasons = dict(zip(document["removals"], range(removals.start, removals.stop), strict=True))
        figures: dict[Any, Any] = {0: document["total"], "since": document["change_since_epoch"]}
        figures["smoothed"] = document.get("smoothed")
        figures |= {stream: document["removals"][reason] for reason, stream in reasons.items()}
        changes = {reasons[reason]: figure for reason, figure in document["removal_changes"].items()}
        figures["changes"] = changes | ({0: document["change"]} if document["change"] else {})
        if list(document["breakdowns"]) != list(self.reference.names[1:-1]):
            raise ValueError(f"the breakdowns are {list(document['breakdowns'])}")
        for name, streams in zip(self.reference.names[1:-1], self.reference.streams[1:-1], strict=True):
            cells = list(document["breakdowns"][name]["cells"].values())
            if len(cells) != streams.stop - streams.start:
                raise ValueError(f"{name}: has {len(cells)} cells")
            figures |= dict(zip(range(streams.start, streams.stop), cells, strict=True))
            figures[name] = document["breakdowns"][name]["other"]
        return figures

    @staticmethod
    def _check_form(figures: dict[Any, Any]) -> Iterator[tuple[str, str]]:
        shown = [(index, figure) for index, figure in figures.items() if figure and index not in NAMED]
        changes = [(f"change of {index}", figure) for index, figure in figures["changes"].items()]
        for index, figure in (*shown, *changes):
            if len(figure) != 3 or any(type(part) is not int for part in figure):  # noqa: PLR2004 - value, low, high
                yield FORM, f"{index}: is {figure}"
            elif not figure[1] <= figure[0] <= figure[2]:
                yield FORM, f"{index}: {figure} is out of order"
        for index, figure in shown:
            if figure[1] < 0:
                yield FORM, f"{index}: {figure} is below zero"

    def _check_draws(self, case: ReleaseCase, rows: NDArray[np.void]) -> Iterator[tuple[str, str]]:
        """Checks that streams that ever reached k_r have each step once, and the others none."""
        drawn = sorted(zip(rows["stream"].tolist(), rows["step"].tolist(), strict=True))
        reached = np.nonzero((case.exact >= self.reference.min_counts()).any(axis=0))[0]
        steps = range(case.step + 1)
        if drawn != [(stream, step) for stream in reached.tolist() for step in steps]:
            early = set(rows["stream"].tolist()) - set(reached.tolist())
            yield (K, f"streams {sorted(early)} were measured") if early else (ONCE, f"drawn: {drawn[:20]} …")
        fresh = np.frombuffer(case.release.measurements, MEASUREMENT)
        known = set(np.frombuffer(case.measured_before, MEASUREMENT)["stream"].tolist())
        if any(stream in known and step != case.step for step, stream in fresh[["step", "stream"]].tolist()):
            yield ONCE, "an earlier step was measured again"

    def _check_noise(self, case: ReleaseCase) -> Iterator[tuple[str, str]]:
        """Checks that every new measurement is C·x, with x from the true counts, plus its own noise."""
        if isinstance(case.noise, ReplayError):
            yield NOISE, str(case.noise)
            return
        changes = np.diff(case.exact, axis=0, prepend=0)
        expected = (self.reference.encoder[: case.step + 1, : case.step + 1] @ changes).T + case.noise
        rows = np.frombuffer(case.release.measurements, MEASUREMENT)
        here = rows[rows["step"] <= case.step]
        off = here["value"] - expected[here["stream"], here["step"]]
        for index in np.nonzero(off)[0][:1]:
            yield NOISE, f"stream {here['stream'][index]}, step {here['step'][index]}: is off by {off[index]}"

    def _apply_gate(
        self, case: ReleaseCase, estimates: NDArray[np.float64], step: int
    ) -> NDArray[np.float64]:
        """Returns 1 for numbers that pass the gate, 0 for the others, NaN where doubles cannot decide."""
        counts = case.exact[step] >= self.reference.min_counts()
        gap = estimates - self._intervals.thresholds[step]
        return np.where(np.abs(gap) < SLACK, np.nan, (counts & (gap >= 0)).astype(float))

    def _check_single_numbers(
        self,
        figures: dict[Any, Any],
        case: ReleaseCase,
        estimates: NDArray[np.float64],
        passed: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        removals = self.reference.streams[-1]
        for stream in (0, *range(removals.start, removals.stop)):
            expected = passed[stream] * passed[0]
            if expected != (figures[stream] is not None) and not np.isnan(expected):
                yield self._describe_gate_fault(stream, figures[stream], case)
            elif figures[stream]:
                reach = self._intervals.reach_number(stream, float(estimates[stream]), case.step)
                yield from self._check_value(stream, figures[stream], estimates[stream], reach)

    def _check_breakdown(
        self,
        index: int,
        figures: dict[Any, Any],
        case: ReleaseCase,
        estimates: NDArray[np.float64],
        passed: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        name, streams = self.reference.names[index], self.reference.streams[index]
        cells = range(streams.start, streams.stop)
        shown = [stream for stream in cells if figures[stream] is not None]
        allowed = [stream for stream in cells if passed[stream] * passed[0] != 0]
        for stream in sorted(set(shown) - set(allowed)):
            yield self._describe_gate_fault(stream, figures[stream], case)
        certain = [stream for stream in cells if passed[stream] * passed[0] == 1]
        if shown and set(certain) - set(shown):
            yield GATE, f"{name}: withholds {sorted(set(certain) - set(shown))}, which pass"
        total_deviation, deviation = (
            self._intervals.deviations[case.step, 0],
            self._intervals.deviations[case.step, streams.start],
        )
        missing = estimates[0] - estimates[shown].sum()
        tied = bool(shown) and (len(shown) == len(cells) or missing < 0)
        reaches = {
            stream: self._intervals.reach_number(stream, float(estimates[stream]), case.step)
            for stream in (0, *shown)
        }
        count = max(len(shown), 1)
        if certain and not shown and self._reconciles(estimates, certain, len(cells)):
            yield GATE, f"{name}: withholds {certain}, which pass"
        for stream in shown:
            reach, centre = reaches[stream], estimates[stream]
            if tied:
                weights = dict.fromkeys(shown, -1 / count) | {0: 1 / count, stream: 1 - 1 / count}
                reach = Reach.of_sum(*((weight, reaches[each]) for each, weight in weights.items()))
                centre += missing / count
            yield from self._check_value(stream, figures[stream], centre, reach)
        rest_reach = Reach.of_sum((1.0, reaches[0]), *((-1.0, reaches[stream]) for stream in shown))
        rest_deviation = sqrt(total_deviation**2 + len(shown) * deviation**2)
        yield from self._check_other(name, figures, shown, rest_deviation, rest_reach, passed[0])

    @staticmethod
    def _reconciles(estimates: NDArray[np.float64], cells: list[int], width: int) -> bool:
        """Returns whether reconciliation leaves all cells above zero; otherwise all of them are withheld."""
        missing = estimates[0] - estimates[cells].sum()
        correction = missing / len(cells) if len(cells) == width or missing < 0 else 0.0
        return bool((estimates[cells] + correction > 0).all())

    def _check_other(
        self,
        name: str,
        figures: dict[Any, Any],
        shown: list[int],
        deviation: float,
        reach: Reach,
        total_passed: float,
    ) -> Iterator[tuple[str, str]]:
        other, total = figures[name], figures[0]
        if total is None:
            if other is not None:
                yield SUMS, f"{name}: shows `other` without a total"
            return
        rest = total[0] - sum(figures[stream][0] for stream in shown)
        threshold = self.reference.policy.k + self.reference.z * deviation
        clears = rest >= threshold
        if other is None:
            if clears and total_passed == 1:
                yield SUMS, f"{name}: withholds an `other` of {rest}, which clears its margin"
        elif not clears or other[0] != rest:
            yield SUMS, f"{name}: `other` is {other[0]}, total less cells {rest}"
        else:
            own = Reach.of_selected(rest, deviation, threshold)
            widest = Reach(max(reach.below, own.below), max(reach.above, own.above))
            if not is_around(other, rest, widest, 0):
                yield SUMS, f"{name}: `other` is {other}"

    def _check_change(
        self,
        figures: dict[Any, Any],
        case: ReleaseCase,
        measured: NDArray[np.float64],
        estimates: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        ages = self.reference.policy.schedule_of(self.reference.kind).due_ages_seconds
        earlier = max(
            (number for number, age in enumerate(ages) if age <= ages[case.epoch] - SECONDS_PER_DAY),
            default=-1,
        )
        first_epoch = case.epoch - case.step
        then = max(earlier - first_epoch, -1)
        removals = self.reference.streams[-1]
        for stream in (0, *range(removals.start, removals.stop)):
            change = figures["changes"].get(stream)
            # A number that passes now has a change, whether or not it was shown then.
            if (change is not None) != (figures[stream] is not None and ages[case.epoch] >= SECONDS_PER_DAY):
                yield GATE, f"change of {stream}: is {change} where the number is {figures[stream]}"
            if change is None:
                continue
            before = measured[stream, : then + 1] @ self.reference.decoder[max(then, 0), : then + 1]
            centre = float(estimates[stream] - before)
            reach = self._intervals.reach_change(stream, float(estimates[stream]), case.step, then)
            if (
                figures["since"] != (first_epoch + then if then >= 0 else -1)
                or abs(change[0] - centre) > 1 + SLACK
                or not is_around(change, centre, reach, None)
            ):
                yield VALUES, f"change of {stream}: is {change} since {figures['since']}"

    def _check_smoothed(
        self,
        figures: dict[Any, Any],
        case: ReleaseCase,
        measured: NDArray[np.float64],
        estimates: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        """Smooths the measurements of the total again, alone: nothing else may be a part of the figure."""
        smoothed, right = figures["smoothed"], None
        if figures[0] is not None and case.epoch == case.step:
            right = self._intervals.smooth(measured[0], float(estimates[0]), case.step)
        if (smoothed is None) != (right is None):
            yield GATE, f"smoothed: is {smoothed} where the total is {figures[0]}"
        if smoothed is None or right is None:
            return
        centre, reach = right
        if abs(smoothed[0] - centre) > 1 or not is_around(smoothed, centre, reach, self.reference.policy.k):
            yield VALUES, f"smoothed: is {smoothed}, of {centre:.2f}"

    def _describe_gate_fault(self, stream: int, figure: Any, case: ReleaseCase) -> tuple[str, str]:
        exact, least = int(case.exact[-1, stream]), int(self.reference.min_counts()[stream])
        if figure is None:
            return GATE, f"stream {stream}: is withheld and passes"
        return (K if exact < least else GATE), f"stream {stream}: shows {figure[0]} of {exact}"

    def _check_value(
        self, stream: int, figure: list[int], centre: float, reach: Reach
    ) -> Iterator[tuple[str, str]]:
        near = abs(figure[0] - max(0.0, centre)) <= (0.5 if stream == 0 else 1.0) + SLACK
        if not near or not is_around(figure, centre, reach, int(self.reference.min_counts()[stream])):
            yield VALUES, f"stream {stream}: shows {figure}, of {centre:.2f} with {reach}"


def _reject_float(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON integer")
