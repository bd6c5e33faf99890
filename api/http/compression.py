"""Compresses bodies with gzip for callers that accept it.

Whatever is compressed is public, or the caller's own: its length says nothing that the body does not.
"""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from typing import Final

MIN_BYTES: Final = 1_000
"""A smaller body fits in one packet as it is."""
GZIP: Final = "gzip"
_LEVEL: Final = 5
_MAX_KEPT: Final = 64
_COMPRESSED: Final = ("image/png", "image/webp", "font/woff2", "application/vnd.apache.parquet")
_CODING = re.compile(r"([\w*.-]+)\s*(?:;\s*q=([0-9.]+))?", re.ASCII)


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether Accept-Encoding asks for gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        match = _CODING.fullmatch(part.strip())
        if match:
            try:
                weights[match[1].removeprefix("x-")] = float(match[2] or 1)
            except ValueError:
                continue
    return weights.get(GZIP, weights.get("*", 0)) > 0


def compress(body: bytes, *, is_kept: bool) -> bytes:
    """Return a body compressed; the same bytes for the same body.

    Args:
        body: the body.
        is_kept: whether the body is one of few that never change: it is compressed once.
    """
    return _compress_once(body) if is_kept else gzip.compress(body, _LEVEL, mtime=0)


def is_compressible(media_type: str, size: int) -> bool:
    """Return whether compressing a body is worth it."""
    return size >= MIN_BYTES and media_type not in _COMPRESSED


@lru_cache(maxsize=_MAX_KEPT)
def _compress_once(body: bytes) -> bytes:
    return gzip.compress(body, _LEVEL, mtime=0)
