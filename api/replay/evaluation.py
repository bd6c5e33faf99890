"""Compares the published numbers of a history with the exact counts; for the operator only."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from api.replay.exact_counts import REMOVALS, TOTAL, ExactCounts, SeriesName
from api.replay.published import CHANGE, OTHER, SMOOTHED, PublishedEpoch, arrange_figures, read_releases
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind, Reason

SIZES: Final = (20, 100, 250, 1_000)
"""Boundaries of the size classes, by exact count."""


@dataclass(frozen=True)
class ErrorSummary:
    """Errors of the published numbers of one statistic and size class.

    Args:
        statistic: the total, its change, the smoothed total, a dimension, its `other` rows, or the removals.
        size: class of the exact count.
        numbers: number of numbers.
        published: number of published ones.
        withheld_share: share of withheld ones.
        covered_share: share of the published 95 % intervals that contain the exact count; None if none is
            published.
        median_absolute_error: of the published numbers.
        median_relative_error: of the published numbers, divided by the exact count.
    """

    statistic: str
    size: str
    numbers: int
    published: int
    withheld_share: float
    covered_share: float | None
    median_absolute_error: float | None
    median_relative_error: float | None


@dataclass
class _Statistic:
    """Collected numbers of one statistic.

    Args:
        numbers: number of numbers in each size class.
        seen: exact count, value and interval of the published ones, shape (4, published).
    """

    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SIZES) + 1, np.int64))
    seen: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, counts: NDArray[np.int64], shown: PublishedEpoch) -> None:
        self.numbers += np.bincount(_classify(counts).ravel(), minlength=len(SIZES) + 1)
        seen = shown.shown
        self.seen.append(np.stack([counts[seen], shown.values[seen], shown.low[seen], shown.high[seen]]))

    def summarize(self, name: str) -> Iterator[ErrorSummary]:
        seen = np.concatenate(self.seen, axis=1)
        sizes = _classify(seen[0])
        for size in np.flatnonzero(self.numbers).tolist():
            yield _summarize(name, _name_size(size), int(self.numbers[size]), seen[:, sizes == size])
        yield _summarize(name, "all", int(self.numbers.sum()), seen)


@dataclass
class Evaluation:
    """Collects errors over series.

    Args:
        exact: the exact counts.
        client: must have the public plane's ACL user.
    """

    exact: ExactCounts
    client: Redis
    _statistics: dict[str, _Statistic] = field(default_factory=lambda: defaultdict(_Statistic), init=False)

    def add(self, name: SeriesName) -> None:
        """Compares every release of a series.

        Raises:
            StoreBusyError: the gallery did not answer.
        """
        releases = read_releases(self.client, name)
        if not releases:
            return
        columns = self.exact.columns
        # Statistics of likes, the most common kind, have no prefix.
        prefix = "" if name.kind is Kind.LIKE else f"{name.kind.label}: "
        counts = self.exact.counts_at(name, np.array([release.as_of_ms for release in releases]))
        shown = PublishedEpoch.from_figures([arrange_figures(release, columns) for release in releases])
        totals = counts[:, columns[TOTAL, TOTAL]]
        self._add_changes(prefix, releases, counts)
        smoothed = PublishedEpoch.from_figures([[release.smoothed] for release in releases])
        self._statistics[prefix + SMOOTHED].add(totals[:, None], smoothed)
        for statistic in dict.fromkeys(statistic for statistic, _ in columns):
            indices = [index for (name, _), index in columns.items() if name == statistic]
            part = shown.columns(indices)
            self._statistics[prefix + statistic].add(counts[:, indices], part)
            if statistic in releases[0].breakdowns:
                # `other` counts the likes that are in no published cell.
                rest = totals - (counts[:, indices] * part.shown).sum(axis=1)
                others = PublishedEpoch.from_figures(
                    [[release.breakdowns[statistic].other] for release in releases]
                )
                self._statistics[f"{prefix}{statistic}: {OTHER}"].add(rest[:, None], others)

    def summarize(self) -> list[ErrorSummary]:
        """Returns one row per statistic and size class, plus one per statistic."""
        return [row for name, statistic in self._statistics.items() for row in statistic.summarize(name)]

    def _add_changes(
        self, prefix: str, releases: Sequence[ReleaseDocument], counts: NDArray[np.int64]
    ) -> None:
        """Adds the changes of the total and of the removals over the last day, where a release has them."""
        columns, nothing = self.exact.columns, np.zeros_like(counts[0])
        reasons = [reason.label for reason in Reason]
        indices = [columns[REMOVALS, reason] for reason in reasons]
        by_epoch = {release.epoch: row for release, row in zip(releases, counts, strict=True)}
        for release in releases:
            since = release.change_since_epoch
            if since is not None:
                change = by_epoch[release.epoch] - by_epoch.get(since, nothing)
                total = change[[columns[TOTAL, TOTAL]]]
                self._statistics[prefix + CHANGE].add(
                    total[None, :], PublishedEpoch.from_figures([[release.change]])
                )
                removals = [release.removal_changes.get(reason) for reason in reasons]
                self._statistics[f"{prefix}{REMOVALS}: {CHANGE}"].add(
                    change[indices][None, :], PublishedEpoch.from_figures([removals])
                )


def _classify(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Returns the size class of each exact count."""
    return np.digitize(np.abs(counts), SIZES)


def _name_size(size: int) -> str:
    if size == 0:
        return f"below {SIZES[0]}"
    if size == len(SIZES):
        return f"{SIZES[-1]} and more"
    return f"{SIZES[size - 1]} to {SIZES[size] - 1}"


def _summarize(statistic: str, size: str, numbers: int, seen: NDArray[np.int64]) -> ErrorSummary:
    truth, values, low, high = seen
    published = len(truth)
    errors = np.abs(values - truth)
    relative = errors[truth != 0] / np.abs(truth[truth != 0])
    return ErrorSummary(
        statistic=statistic,
        size=size,
        numbers=numbers,
        published=published,
        withheld_share=1 - published / numbers if numbers else 0.0,
        covered_share=float(((low <= truth) & (truth <= high)).mean()) if published else None,
        median_absolute_error=float(np.median(errors)) if published else None,
        median_relative_error=float(np.median(relative)) if len(relative) else None,
    )
