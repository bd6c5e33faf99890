"""Validators and freshness."""

import pytest

from api.http.responses import MAX_AGE_CAP_SECONDS, etag_of, matches_etag, max_age_seconds

ETAG = etag_of(b"body")


def test_an_etag_identifies_its_bytes() -> None:
    """The same bytes have the same strong ETag, others another one."""
    assert etag_of(b"body") == ETAG
    assert etag_of(b"bodx") != ETAG
    assert ETAG.startswith('"')
    assert ETAG.endswith('"')


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("", False),
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"a", {ETAG}', True),
        ("*", True),
        (f'"a", "{ETAG[1:-1]}-gzip"', True),
        (f'W/"{ETAG[1:-1]}--gzip"', True),
        (f'"{ETAG[1:-1]}-gzip-gzip"', False),
        (f'"{ETAG[1:-1]}-other"', False),
        (f'"{ETAG[1:-1]}gzip"', False),
        (f'"{ETAG[1:-1]}-gzipped"', False),
        (f'"{ETAG[1:-2]}-gzip"', False),
        (f'"a{ETAG[1:-1]}-gzip"', False),
        (f'"{ETAG[1:-1]}', False),
        (f'"{ETAG[1:-1]};GZ"', True),
        ('"a"', False),
        (",,;\x00", False),
    ],
)
def test_if_none_match(header: str | None, known: bool) -> None:
    """If-None-Match is a list, a star or nothing; damage in it means that nothing is known."""
    assert matches_etag(header, ETAG) is known


@pytest.mark.parametrize(
    ("next_release_at_ms", "seconds"),
    [(None, MAX_AGE_CAP_SECONDS), (10**9, MAX_AGE_CAP_SECONDS), (61_999, 60), (1_999, 0), (1_000, 0), (0, 0)],
)
def test_freshness(next_release_at_ms: int | None, seconds: int) -> None:
    """Freshness is cut to whole seconds, never reaches past the next release, and has a cap."""
    assert max_age_seconds(next_release_at_ms, 1_000) == seconds
