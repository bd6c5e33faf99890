"""The two append-only records of a series: exact net changes, and measurements, by step and stream.

A step is an epoch counted from the series' first one. Both are sparse: a net change of zero is not written,
and a stream that never reached k has no measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NET_CHANGE = np.dtype([("step", "<u2"), ("stream", "<u2"), ("value", "<i4")])
MEASUREMENT = np.dtype([("step", "<u2"), ("stream", "<u2"), ("value", "<i8")])


@dataclass(frozen=True)
class StreamRecords:
    """Records of several series, one row a record.

    Args:
        owners: which series, shape (records,).
        streams: shape (records,).
        steps: shape (records,).
        values: shape (records,).
    """

    owners: NDArray[np.intp]
    streams: NDArray[np.intp]
    steps: NDArray[np.intp]
    values: NDArray[np.int64]

    @classmethod
    def unpack(cls, blobs: Sequence[bytes], dtype: np.dtype[np.void]) -> StreamRecords:
        """Read the blobs of several series."""
        rows = np.frombuffer(b"".join(blobs), dtype)
        owners = np.repeat(np.arange(len(blobs)), [len(blob) // dtype.itemsize for blob in blobs])
        return cls(
            owners,
            rows["stream"].astype(np.intp),
            rows["step"].astype(np.intp),
            rows["value"].astype(np.int64),
        )

    def pack(self, series: int, dtype: np.dtype[np.void]) -> list[bytes]:
        """Write the blob of each series, shape as `unpack` reads it.

        Raises:
            OverflowError: a value does not fit its field.
        """
        order = np.argsort(self.owners, kind="stable")
        rows = np.empty(len(order), dtype)
        for name, column in (("step", self.steps), ("stream", self.streams), ("value", self.values)):
            limits = np.iinfo(dtype[name])
            if column.size and not limits.min <= int(column.min()) <= int(column.max()) <= limits.max:
                raise OverflowError(f"{name}: does not fit {dtype[name]}")
            rows[name] = column[order]
        bounds = np.searchsorted(self.owners[order], np.arange(series + 1)).tolist()
        return [rows[start:stop].tobytes() for start, stop in pairwise(bounds)]

    def totals(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Sum of the values over all steps, shape (series, streams)."""
        sums = np.zeros(shape, np.int64)
        np.add.at(sums, (self.owners, self.streams), self.values)
        return sums

    def rows(self, places: NDArray[np.intp], count: int, steps: int) -> NDArray[np.int64]:
        """Lay some streams out by step, shape (count, steps), zero where there is no record.

        Args:
            places: which row a stream of a series has, −1 for none, shape (series, streams).
            count: number of rows.
            steps: number of steps.
        """
        rows = np.zeros((count, steps), np.int64)
        place = places.take(self.owners * places.shape[1] + self.streams)
        if (place < 0).any():
            kept = place >= 0
            rows.put(place[kept] * steps + self.steps[kept], self.values[kept])
        else:
            rows.put(place * steps + self.steps, self.values)
        return rows

    def __add__(self, more: StreamRecords) -> StreamRecords:
        """Both together."""
        return StreamRecords(
            *(
                np.concatenate([getattr(self, name), getattr(more, name)])
                for name in ("owners", "streams", "steps", "values")
            )
        )
