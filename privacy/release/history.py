"""The two append-only records of a series: exact net changes, and measurements, by step and stream.

A step is an epoch counted from the series' first one. Both are sparse: a net change of zero is not written, and a
stream that never reached k has no measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NET_CHANGE = np.dtype([("step", "<u2"), ("stream", "<u2"), ("value", "<i4")])
MEASUREMENT = np.dtype([("step", "<u2"), ("stream", "<u2"), ("value", "<i8")])


@dataclass(frozen=True)
class Records:
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
    def unpack(cls, blobs: Sequence[bytes], dtype: np.dtype[np.void]) -> Records:
        """Read the blobs of several series."""
        rows = np.frombuffer(b"".join(blobs), dtype)
        owners = np.repeat(np.arange(len(blobs)), [len(blob) // dtype.itemsize for blob in blobs])
        return cls(
            owners, rows["stream"].astype(np.intp), rows["step"].astype(np.intp), rows["value"].astype(np.int64)
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
        return [rows[start:stop].tobytes() for start, stop in zip(bounds, bounds[1:], strict=False)]

    def dense(self, shape: tuple[int, int, int]) -> NDArray[np.int64]:
        """Lay the records out, shape (series, streams, steps), zero where there is none."""
        array = np.zeros(shape, np.int64)
        array[self.owners, self.streams, self.steps] = self.values
        return array
