"""Places in an outbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.tally.relay import BEGINNING, OutboxId

IDS = st.builds(OutboxId, st.integers(0, 2**63), st.integers(0, 2**63))


@given(place=IDS)
def test_what_is_written_is_read_back(place: OutboxId) -> None:
    """Spelled as Redis does, and read again."""
    assert OutboxId.parse(str(place).encode()) == place


@given(one=IDS, two=IDS)
def test_places_are_ordered_as_the_stream_is(one: OutboxId, two: OutboxId) -> None:
    """By time, then by sequence; not by their spelling."""
    assert (one < two) == ((one.moment_ms, one.sequence) < (two.moment_ms, two.sequence))
    assert one < one.successor
    assert not one < two < one.successor


@pytest.mark.parametrize("nothing", [None, b""])
def test_nothing_is_the_beginning(nothing: bytes | None) -> None:
    """No mark means that nothing was applied, and is stored as no mark."""
    assert OutboxId.parse(nothing) == BEGINNING
    assert BEGINNING.stored == ""
    assert OutboxId(5, 0).stored == "5-0"
