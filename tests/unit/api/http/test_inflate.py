"""Gzip bodies."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.request_body import inflate
from privacy.errors import InvalidInputError


@pytest.mark.parametrize("body", [b"", b"a", b"x" * 100_000])
def test_round_trip(body: bytes) -> None:
    """One gzip member is inflated to what it holds, up to the bound and including it."""
    assert inflate(gzip.compress(body), len(body)) == body


def test_an_exploding_body_is_cut_off() -> None:
    """A body that would inflate to 200 MB is refused without holding more than its bound."""
    bomb = gzip.compress(bytes(200_000_000))
    tracemalloc.start()
    with pytest.raises(RequestEntityTooLarge):
        inflate(bomb, 1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


NO_MEMBER = {
    "nothing": b"",
    "plain": b"plain",
    "cut short": gzip.compress(b"body")[:-1],
    "wrong checksum": gzip.compress(b"body")[:-8] + bytes(8),
    "more behind it": gzip.compress(b"body") + b"more",
    "two members": gzip.compress(b"body") + gzip.compress(b"more"),
}


@pytest.mark.parametrize("case", NO_MEMBER)
def test_what_is_no_gzip_member(case: str) -> None:
    """Bytes that are not exactly one complete, undamaged gzip member are refused."""
    with pytest.raises(InvalidInputError, match=r"^`body` "):
        inflate(NO_MEMBER[case], 100)
