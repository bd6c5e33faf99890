"""The two append-only histories of a series: exact net changes, and measurements, by step and stream.

A step is an epoch counted from the series' first one. Both histories are sparse: a net change of zero is not
written, and a stream that never reached k has no measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

NET_CHANGE = np.dtype([("step", "<u2"), ("stream", "<u2"), ("value", "<i4")])
MEASUREMENT = np.dtype([("step", "<u2"), ("stream", "<u2"), ("value", "<i8")])


@dataclass(frozen=True)
class StreamRecords:
    """Records of several series, one row per record.

    Args:
        series_index: index of the series of each record, shape (records,).
        streams: its stream, shape (records,).
        steps: its step, shape (records,).
        values: its value, shape (records,).
    """

    series_index: NDArray[np.intp]
    streams: NDArray[np.intp]
    steps: NDArray[np.intp]
    values: NDArray[np.int64]

    @classmethod
    def unpack(cls, blobs: Sequence[bytes], dtype: np.dtype[np.void]) -> StreamRecords:
        """Unpack the blobs of several series."""
        rows = np.frombuffer(b"".join(blobs), dtype)
        series_index = np.repeat(np.arange(len(blobs)), [len(blob) // dtype.itemsize for blob in blobs])
        return cls(
            series_index,
            rows["stream"].astype(np.intp),
            rows["step"].astype(np.intp),
            rows["value"].astype(np.int64),
        )

    def pack(self, series: int, dtype: np.dtype[np.void]) -> list[bytes]:
        """Return the blob of each of the given number of series, as `unpack` reads it.

        Raises:
            OverflowError: a value does not fit its field.
        """
        order = np.argsort(self.series_index, kind="stable")
        rows = np.empty(len(order), dtype)
        for name, column in (("step", self.steps), ("stream", self.streams), ("value", self.values)):
            limits = np.iinfo(dtype[name])
            if column.size and not limits.min <= int(column.min()) <= int(column.max()) <= limits.max:
                raise OverflowError(f"{name}: does not fit {dtype[name]}")
            rows[name] = column[order]
        bounds = np.searchsorted(self.series_index[order], np.arange(series + 1)).tolist()
        return [rows[start:stop].tobytes() for start, stop in pairwise(bounds)]

    def sum_over_steps(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Return the sum of the values over all steps, shape (series, streams)."""
        sums = np.zeros(shape, np.int64)
        np.add.at(sums, (self.series_index, self.streams), self.values)
        return sums

    def lay_out(self, shape: tuple[int, int, int]) -> NDArray[np.int64]:
        """Lay out the values by series, stream and step, shape `shape`, zero where there is no record."""
        values = np.zeros(shape, np.int64)
        values[self.series_index, self.streams, self.steps] = self.values
        return values

    def __add__(self, more: StreamRecords) -> StreamRecords:
        """Return the records of both."""
        return StreamRecords(
            *(
                np.concatenate([getattr(self, name), getattr(more, name)])
                for name in ("series_index", "streams", "steps", "values")
            )
        )
