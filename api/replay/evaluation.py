"""How the published numbers of a history compare with the exact ones: for the operator only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from api.replay.exact_counts import REMOVALS, TOTAL, ExactCounts, SeriesName
from api.replay.published import CHANGE, OTHER, PublishedEpoch, counted_figures, read_releases
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind, Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from redis import Redis

SIZES: Final = (20, 100, 250, 1_000)
"""Where a class of sizes ends and the next one begins, by the exact count."""


@dataclass(frozen=True)
class ErrorSummary:
    """Numbers of one statistic and size beside the exact counts.

    Args:
        statistic: the total, its change, a dimension, its `other` rows, or the removals.
        size: class of the exact count.
        numbers: how many there are.
        published: how many of them are published.
        withheld_share: the others.
        covered_share: how many of the published 95 % intervals hold the exact count; None where there is
            none.
        median_absolute_error: of the published numbers.
        median_relative_error: likewise, by the exact count.
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
    """What was collected of one statistic.

    Args:
        numbers: how many there are of each size.
        seen: exact count, value and interval of the published ones, shape (4, published).
    """

    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SIZES) + 1, np.int64))
    seen: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, counts: NDArray[np.int64], shown: PublishedEpoch) -> None:
        self.numbers += np.bincount(_sizes(counts).ravel(), minlength=len(SIZES) + 1)
        seen = shown.shown
        self.seen.append(np.stack([counts[seen], shown.values[seen], shown.low[seen], shown.high[seen]]))

    def comparisons(self, name: str) -> Iterator[ErrorSummary]:
        seen = np.concatenate(self.seen, axis=1)
        sizes = _sizes(seen[0])
        for size in np.flatnonzero(self.numbers).tolist():
            yield _comparison(name, _size_name(size), int(self.numbers[size]), seen[:, sizes == size])
        yield _comparison(name, "all", int(self.numbers.sum()), seen)


@dataclass
class Evaluation:
    """Collects comparisons over series.

    Args:
        exact: what the counts really were.
        client: may read the gallery.
    """

    exact: ExactCounts
    client: Redis
    _statistics: dict[str, _Statistic] = field(default_factory=lambda: defaultdict(_Statistic), init=False)

    def add(self, name: SeriesName) -> None:
        """Compare every release of a series.

        Raises:
            StoreBusyError: the gallery did not answer.
        """
        releases = read_releases(self.client, name)
        if not releases:
            return
        columns = self.exact.columns
        # Likes are what most histories are about: their statistics go by their own names.
        prefix = "" if name.kind is Kind.LIKE else f"{name.kind.label}: "
        counts = self.exact.at(name, np.array([release.cutoff_ms for release in releases]))
        shown = PublishedEpoch.of([counted_figures(release, columns) for release in releases])
        totals = counts[:, columns[TOTAL, TOTAL]]
        self._add_changes(prefix, releases, counts)
        for statistic in dict.fromkeys(statistic for statistic, _ in columns):
            places = [place for (name, _), place in columns.items() if name == statistic]
            part = shown.columns(places)
            self._statistics[prefix + statistic].add(counts[:, places], part)
            if statistic in releases[0].breakdowns:
                # What `other` stands for: the likes that are in no published cell.
                rest = totals - (counts[:, places] * part.shown).sum(axis=1)
                others = PublishedEpoch.of([[release.breakdowns[statistic].other] for release in releases])
                self._statistics[f"{prefix}{statistic}: {OTHER}"].add(rest[:, None], others)

    def comparisons(self) -> list[ErrorSummary]:
        """One a statistic and size, and one a statistic."""
        return [row for name, statistic in self._statistics.items() for row in statistic.comparisons(name)]

    def _add_changes(
        self, prefix: str, releases: Sequence[ReleaseDocument], counts: NDArray[np.int64]
    ) -> None:
        """Changes of the total and of the removals since a day before, of the releases that have them."""
        columns, nothing = self.exact.columns, np.zeros_like(counts[0])
        reasons = [reason.label for reason in Reason]
        places = [columns[REMOVALS, reason] for reason in reasons]
        by_epoch = {release.epoch: row for release, row in zip(releases, counts, strict=True)}
        for release in releases:
            since = release.change_since_epoch
            if since is not None:
                change = by_epoch[release.epoch] - by_epoch.get(since, nothing)
                total = change[[columns[TOTAL, TOTAL]]]
                self._statistics[prefix + CHANGE].add(total[None, :], PublishedEpoch.of([[release.change]]))
                removals = [release.removal_changes.get(reason) for reason in reasons]
                self._statistics[f"{prefix}{REMOVALS}: {CHANGE}"].add(
                    change[places][None, :], PublishedEpoch.of([removals])
                )


def _sizes(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """The class of each exact count."""
    return np.digitize(np.abs(counts), SIZES)


def _size_name(size: int) -> str:
    if size == 0:
        return f"below {SIZES[0]}"
    if size == len(SIZES):
        return f"{SIZES[-1]} and more"
    return f"{SIZES[size - 1]} to {SIZES[size] - 1}"


def _comparison(statistic: str, size: str, numbers: int, seen: NDArray[np.int64]) -> ErrorSummary:
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
