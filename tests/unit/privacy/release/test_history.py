"""The two records of a series: packed, read back, laid out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.release.history import MEASUREMENT, NET_CHANGE, StreamRecords

Row = tuple[int, int, int, int]
"""Owner, stream, step, value."""
SERIES = 4
_ROWS = st.lists(
    st.tuples(
        st.integers(0, SERIES - 1),
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.integers(-(2**31), 2**31 - 1),
    ),
    max_size=30,
)


def records(rows: list[Row]) -> StreamRecords:
    """Records from rows."""
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return StreamRecords(columns[0], columns[1], columns[2], columns[3])


def rows_of(found: StreamRecords) -> list[Row]:
    """Rows from records."""
    columns = (found.series_index, found.streams, found.steps, found.values)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("dtype", [NET_CHANGE, MEASUREMENT])
@given(rows=_ROWS)
def test_what_is_packed_is_read_back(dtype: np.dtype[np.void], rows: list[Row]) -> None:
    """Every record comes back, with its series, in the order of the series and then as it was."""
    blobs = records(rows).pack(SERIES, dtype)
    assert len(blobs) == SERIES
    assert [len(blob) for blob in blobs] == [
        dtype.itemsize * sum(index == series for index, *_ in rows) for series in range(SERIES)
    ]
    assert rows_of(StreamRecords.unpack(blobs, dtype)) == sorted(rows, key=lambda row: row[0])


@given(first=_ROWS, second=_ROWS)
def test_appending_packed_records_appends_records(first: list[Row], second: list[Row]) -> None:
    """Two packed batches, one behind the other, are read as both: that is how Redis keeps them."""
    blobs = [
        one + two
        for one, two in zip(
            records(first).pack(SERIES, NET_CHANGE), records(second).pack(SERIES, NET_CHANGE), strict=True
        )
    ]
    assert sorted(rows_of(StreamRecords.unpack(blobs, NET_CHANGE))) == sorted(first + second)
    assert sorted(rows_of(records(first) + records(second))) == sorted(first + second)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ((0, 0, 65536, 0), "step"),
        ((0, 0, -1, 0), "step"),
        ((0, 65536, 0, 0), "stream"),
        ((0, 0, 0, 2**31), "value"),
        ((0, 0, 0, -(2**31) - 1), "value"),
    ],
)
def test_what_does_not_fit_is_refused(row: Row, field: str) -> None:
    """A value is never cut to its field: it would be a wrong count, or a wrong measurement."""
    with pytest.raises(OverflowError, match=rf"^{field}: does not fit"):
        records([(0, 1, 2, 3), row]).pack(SERIES, NET_CHANGE)


@given(rows=_ROWS)
def test_totals_are_sums_over_steps(rows: list[Row]) -> None:
    """Records of one series and stream add up, also where several have one step."""
    small = [(index, stream % 5, step, value) for index, stream, step, value in rows]
    totals = records(small).sum_over_steps((SERIES, 5))
    for index in range(SERIES):
        for stream in range(5):
            assert totals[index, stream] == sum(v for o, s, _, v in small if (o, s) == (index, stream))


@given(cells=st.dictionaries(st.tuples(*[st.integers(0, 3)] * 3), st.integers(-9, 9)))
def test_records_are_laid_out_by_series_stream_and_step(cells: dict[tuple[int, int, int], int]) -> None:
    """Each value is in its place; a place without a record is zero."""
    laid_out = records([(*key, value) for key, value in cells.items()]).lay_out((4, 4, 4))
    assert laid_out.shape == (4, 4, 4)
    assert {place: int(value) for place, value in np.ndenumerate(laid_out) if value} == {
        place: value for place, value in cells.items() if value
    }


def test_nothing_is_nothing() -> None:
    """Series without records have empty blobs, and the other way round."""
    empty = StreamRecords.unpack([b""] * SERIES, MEASUREMENT)
    assert rows_of(empty) == []
    assert empty.pack(SERIES, MEASUREMENT) == [b""] * SERIES
