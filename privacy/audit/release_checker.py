"""Looks at one release: does every number follow from measurements that may be seen, and nothing else?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import norm

from privacy.audit.independent_accounting import Recomputed
from privacy.audit.synthetic_histories import Epoch
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.release.history import MEASUREMENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z95: Final = float(norm.isf(0.025))
SLACK: Final = 1e-6
"""Doubles may differ by this much; a number so near a threshold may fall to either side."""

MAX_SCALES: Final = 9
"""A draw of right noise lies further out with probability 2e-19."""

NAMED: Final = ("since", "changes")
"""What else is kept among the figures."""

FORM = "numbers are JSON integers, null where withheld, each within its interval"
K = "nothing about fewer than k accounts is measured or shown"
ONCE = "each measurement is drawn once, at its own step"
GATE = "shown exactly where count and estimate clear the audit's own thresholds"
VALUES = "values and intervals are those of the measurements"
SUMS = "cells and `other` add up to the total; `other` clears its own margin"
NOISE: Final = f"what was measured is the exact count and noise within {MAX_SCALES} scales"
RULES: Final = (FORM, K, ONCE, NOISE, GATE, VALUES, SUMS)


@dataclass(frozen=True)
class ReleaseChecker:
    """Examines releases under one mechanism.

    Args:
        own: the audit's view of the policy.
        noise: noise scale of each statistic, as used.
    """

    own: Recomputed
    noise: tuple[int, ...]

    @cached_property
    def _thresholds(self) -> NDArray[np.float64]:
        return self.own.thresholds(self.noise)

    @cached_property
    def _deviations(self) -> NDArray[np.float64]:
        return self.own.deviations(self.noise)

    def faults(self, epoch: Epoch) -> Iterator[tuple[str, str]]:
        """What is wrong with a release: rule and detail."""
        try:
            document = json.loads(epoch.release.encoded, parse_float=_no_float, parse_constant=_no_float)
            figures = self._figures(document)
        except ValueError as error:
            yield FORM, str(error)
            return
        yield from self._form(figures)
        rows = np.frombuffer(epoch.measured_before + epoch.release.measurements, MEASUREMENT)
        yield from self._once(epoch, rows)
        yield from self._noise(epoch, rows)
        measured = np.zeros((self.own.streams[-1].stop, epoch.step + 1))
        here = rows[rows["step"] <= epoch.step]
        measured[here["stream"], here["step"]] = here["value"]
        estimates = measured @ self.own.decoder[epoch.step, : epoch.step + 1]
        passed = self._passed(epoch, estimates, epoch.step)
        yield from self._single_numbers(figures, epoch, estimates, passed)
        for index in range(1, len(self.own.streams) - 1):
            yield from self._breakdown(index, figures, epoch, estimates, passed)
        yield from self._change(figures, epoch, measured, estimates)

    def _figures(self, document: dict[str, Any]) -> dict[Any, Any]:
        """Every number of a document by its place: a stream, or a name."""
        removals = self.own.streams[-1]
        reasons = dict(zip(document["removals"], range(removals.start, removals.stop), strict=True))
        figures: dict[Any, Any] = {0: document["total"], "since": document["change_since_epoch"]}
        figures |= {stream: document["removals"][reason] for reason, stream in reasons.items()}
        changes = {reasons[reason]: figure for reason, figure in document["removal_changes"].items()}
        figures["changes"] = changes | ({0: document["change"]} if document["change"] else {})
        if list(document["breakdowns"]) != list(self.own.names[1:-1]):
            raise ValueError(f"breakdowns: are {list(document['breakdowns'])}")
        for name, place in zip(self.own.names[1:-1], self.own.streams[1:-1], strict=True):
            cells = list(document["breakdowns"][name]["cells"].values())
            if len(cells) != place.stop - place.start:
                raise ValueError(f"{name}: has {len(cells)} cells")
            figures |= dict(zip(range(place.start, place.stop), cells, strict=True))
            figures[name] = document["breakdowns"][name]["other"]
        return figures

    @staticmethod
    def _form(figures: dict[Any, Any]) -> Iterator[tuple[str, str]]:
        shown = [(place, figure) for place, figure in figures.items() if figure and place not in NAMED]
        changes = [(f"change of {place}", figure) for place, figure in figures["changes"].items()]
        for place, figure in (*shown, *changes):
            if len(figure) != 3 or any(type(part) is not int for part in figure):  # noqa: PLR2004 - value, low, high
                yield FORM, f"{place}: is {figure}"
            elif not figure[1] <= figure[0] <= figure[2]:
                yield FORM, f"{place}: {figure} is out of order"
        for place, figure in shown:
            if figure[1] < 0:
                yield FORM, f"{place}: {figure} is below zero"

    def _once(self, epoch: Epoch, rows: NDArray[np.void]) -> Iterator[tuple[str, str]]:
        """Streams that ever reached k_r have each step once; the others have none."""
        drawn = sorted(zip(rows["stream"].tolist(), rows["step"].tolist(), strict=True))
        reached = np.nonzero((epoch.exact >= self.own.min_counts()).any(axis=0))[0]
        steps = range(epoch.step + 1)
        if drawn != [(stream, step) for stream in reached.tolist() for step in steps]:
            early = set(rows["stream"].tolist()) - set(reached.tolist())
            yield (K, f"streams {sorted(early)} were measured") if early else (ONCE, f"drawn: {drawn[:20]} …")
        fresh = np.frombuffer(epoch.release.measurements, MEASUREMENT)
        known = set(np.frombuffer(epoch.measured_before, MEASUREMENT)["stream"].tolist())
        if any(stream in known and step != epoch.step for step, stream in fresh[["step", "stream"]].tolist()):
            yield ONCE, "an earlier step was measured again"

    def _noise(self, epoch: Epoch, rows: NDArray[np.void]) -> Iterator[tuple[str, str]]:
        """What was measured less C·x, with x from the true counts."""
        changes = np.diff(epoch.exact, axis=0, prepend=0)
        query = self.own.encoder[: epoch.step + 1, : epoch.step + 1] @ changes
        scales = self.own.scales(self.noise)
        here = rows[rows["step"] <= epoch.step]
        noise = (here["value"] - query[here["step"], here["stream"]]) / scales[here["stream"]]
        for place in np.nonzero(np.abs(noise) > MAX_SCALES)[0][:1]:
            yield (
                NOISE,
                f"stream {here['stream'][place]}, step {here['step'][place]}: {noise[place]:.1f} scales off",
            )

    def _passed(self, epoch: Epoch, estimates: NDArray[np.float64], step: int) -> NDArray[np.float64]:
        """1 where a number passes the gate, 0 where it does not, NaN where doubles cannot tell."""
        counts = epoch.exact[step] >= self.own.min_counts()
        gap = estimates - self._thresholds[step]
        return np.where(np.abs(gap) < SLACK, np.nan, (counts & (gap >= 0)).astype(float))

    def _single_numbers(
        self,
        figures: dict[Any, Any],
        epoch: Epoch,
        estimates: NDArray[np.float64],
        passed: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        removals = self.own.streams[-1]
        for stream in (0, *range(removals.start, removals.stop)):
            expected = passed[stream] * passed[0]
            if expected != (figures[stream] is not None) and not np.isnan(expected):
                yield self._wrongly(stream, figures[stream], epoch)
            elif figures[stream]:
                yield from self._value(
                    stream, figures[stream], estimates[stream], self._deviations[epoch.step, stream]
                )

    def _breakdown(
        self,
        index: int,
        figures: dict[Any, Any],
        epoch: Epoch,
        estimates: NDArray[np.float64],
        passed: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        name, place = self.own.names[index], self.own.streams[index]
        cells = range(place.start, place.stop)
        shown = [stream for stream in cells if figures[stream] is not None]
        allowed = [stream for stream in cells if passed[stream] * passed[0] != 0]
        for stream in sorted(set(shown) - set(allowed)):
            yield self._wrongly(stream, figures[stream], epoch)
        sure = [stream for stream in cells if passed[stream] * passed[0] == 1]
        if shown and set(sure) - set(shown):
            yield GATE, f"{name}: withholds {sorted(set(sure) - set(shown))}, which pass"
        total_deviation, deviation = (
            self._deviations[epoch.step, 0],
            self._deviations[epoch.step, place.start],
        )
        missing = estimates[0] - estimates[shown].sum()
        tied = bool(shown) and (len(shown) == len(cells) or missing < 0)
        count = max(len(shown), 1)
        spread = sqrt(deviation**2 * (1 - 1 / count) + total_deviation**2 / count**2) if tied else deviation
        if sure and not shown and self._sound(estimates, sure, len(cells)):
            yield GATE, f"{name}: withholds {sure}, which pass"
        for stream in shown:
            yield from self._value(
                stream, figures[stream], estimates[stream] + (missing / count if tied else 0.0), spread
            )
        yield from self._other(
            name, figures, shown, sqrt(total_deviation**2 + len(shown) * deviation**2), passed[0]
        )

    @staticmethod
    def _sound(estimates: NDArray[np.float64], cells: list[int], width: int) -> bool:
        """Whether reconciliation leaves no cell below zero: else the whole breakdown is withheld."""
        missing = estimates[0] - estimates[cells].sum()
        correction = missing / len(cells) if len(cells) == width or missing < 0 else 0.0
        return bool((estimates[cells] + correction > 0).all())

    def _other(
        self, name: str, figures: dict[Any, Any], shown: list[int], deviation: float, total_passed: float
    ) -> Iterator[tuple[str, str]]:
        other, total = figures[name], figures[0]
        if total is None:
            if other is not None:
                yield SUMS, f"{name}: shows `other` beside no total"
            return
        rest = total[0] - sum(figures[stream][0] for stream in shown)
        clears = rest >= self.own.policy.k + self.own.z * deviation
        if other is None:
            if clears and total_passed == 1:
                yield SUMS, f"{name}: withholds an `other` of {rest}, which clears its margin"
        elif not clears or other[0] != rest:
            yield SUMS, f"{name}: `other` is {other[0]}, total less cells {rest}"

    def _change(
        self,
        figures: dict[Any, Any],
        epoch: Epoch,
        measured: NDArray[np.float64],
        estimates: NDArray[np.float64],
    ) -> Iterator[tuple[str, str]]:
        ages = self.own.policy.schedule_of(self.own.kind).due_ages_seconds
        earlier = max(
            (number for number, age in enumerate(ages) if age <= ages[epoch.epoch] - SECONDS_PER_DAY),
            default=-1,
        )
        first_epoch = epoch.epoch - epoch.step
        then = max(earlier - first_epoch, -1)
        removals = self.own.streams[-1]
        for stream in (0, *range(removals.start, removals.stop)):
            change = figures["changes"].get(stream)
            # What passes, passes with all its measurements so far, whether or not it was shown then.
            if (change is not None) != (figures[stream] is not None and ages[epoch.epoch] >= SECONDS_PER_DAY):
                yield GATE, f"change of {stream}: is {change} where the number is {figures[stream]}"
            if change is None:
                continue
            before = measured[stream, : then + 1] @ self.own.decoder[max(then, 0), : then + 1]
            if (
                figures["since"] != (first_epoch + then if then >= 0 else -1)
                or abs(change[0] - (estimates[stream] - before)) > 1 + SLACK
            ):
                yield VALUES, f"change of {stream}: is {change[0]} since {figures['since']}"

    def _wrongly(self, stream: int, figure: Any, epoch: Epoch) -> tuple[str, str]:
        exact, least = int(epoch.exact[-1, stream]), int(self.own.min_counts()[stream])
        if figure is None:
            return GATE, f"stream {stream}: is withheld and passes"
        return (K if exact < least else GATE), f"stream {stream}: shows {figure[0]} of {exact}"

    @staticmethod
    def _value(stream: int, figure: list[int], centre: float, deviation: float) -> Iterator[tuple[str, str]]:
        low, high = max(0, floor(centre - Z95 * deviation)), max(0, ceil(centre + Z95 * deviation))
        near = abs(figure[0] - max(0.0, centre)) <= (0.5 if stream == 0 else 1.0) + SLACK
        if not near or abs(figure[1] - low) > 1 or abs(figure[2] - high) > 1:
            yield VALUES, f"stream {stream}: shows {figure}, of {centre:.2f} ± {deviation:.2f}"


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} is no JSON integer")
