"""Conditional GET (RFC 9110): a strong ETag from the bytes, and 304 when the caller has them already."""

from __future__ import annotations

import hashlib

from werkzeug.http import parse_etags

MAX_AGE_CAP_SECONDS = 300


def etag_of(body: bytes) -> str:
    """The strong ETag of a body, quotes included."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller's If-None-Match holds the ETag; compared weakly, as RFC 9110 asks for GET."""
    if not if_none_match:
        return False
    known = parse_etags(if_none_match)
    return known.star_tag or known.contains_weak(etag.strip('"'))


def max_age_seconds(next_release_at_ms: int | None, now_ms: int) -> int:
    """How long a release stays current: until the next one, at most the cap; 0 when that is overdue."""
    if next_release_at_ms is None:
        return MAX_AGE_CAP_SECONDS
    return max(0, min(MAX_AGE_CAP_SECONDS, (next_release_at_ms - now_ms) // 1000))
