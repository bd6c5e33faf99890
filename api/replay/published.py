"""Reads the published numbers of a series and arranges them like the exact counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from redis import Redis

from api.replay.exact_counts import REMOVALS, TOTAL, Column, SeriesName
from privacy.model.documents import Figure, ReleaseDocument
from privacy.store.connect import translated
from privacy.store.keys import gallery_key

CHANGE = "change"
OTHER = "other"
SMOOTHED = "smoothed total"

_DECODE = msgspec.json.Decoder(ReleaseDocument).decode


@dataclass(frozen=True)
class PublishedEpoch:
    """Numbers of several releases; the arrays have the shape (releases,) or (releases, columns).

    Args:
        shown: false where the number is withheld; the other arrays are undefined there.
        values: the numbers.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    shown: NDArray[np.bool_]
    values: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @classmethod
    def from_figures(cls, figures: Sequence[Sequence[Figure | None]]) -> PublishedEpoch:
        """Arranges figures, one row per release."""
        numbers = np.array([[figure or (0, 0, 0) for figure in row] for row in figures], np.int64)
        shown = np.array([[figure is not None for figure in row] for row in figures], np.bool_)
        return cls(shown, numbers[:, :, 0], numbers[:, :, 1], numbers[:, :, 2])

    def columns(self, indices: Sequence[int]) -> PublishedEpoch:
        """Returns some of the columns."""
        return PublishedEpoch(
            self.shown[:, indices], self.values[:, indices], self.low[:, indices], self.high[:, indices]
        )


def read_releases(client: Redis, name: SeriesName) -> list[ReleaseDocument]:
    """Reads every release of a series, in order.

    Raises:
        StoreBusyError: the gallery did not answer.
    """
    with translated():
        documents = client.hgetall(gallery_key("releases", name.target_id, name.kind.label))
    return sorted(map(_DECODE, documents.values()), key=lambda release: release.epoch)


def arrange_figures(release: ReleaseDocument, columns: Mapping[Column, int]) -> list[Figure | None]:
    """Returns the counts of a release in the order of their columns."""
    row: list[Figure | None] = [None] * len(columns)
    for column, figure in _figures(release):
        row[columns[column]] = figure
    return row


def _figures(release: ReleaseDocument) -> Iterator[tuple[Column, Figure | None]]:
    yield (TOTAL, TOTAL), release.total
    for dimension, breakdown in release.breakdowns.items():
        for cell, figure in breakdown.cells.items():
            yield (dimension, cell), figure
    for reason, figure in release.removals.items():
        yield (REMOVALS, reason), figure
