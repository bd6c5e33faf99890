"""Headers that every answer carries (OWASP Secure Headers)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_SECURITY_POLICY = "Content-Security-Policy"

_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Strict-Transport-Security", "max-age=31536000"),
)
_DATA_ONLY = (*_SECURITY_HEADERS, (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))


def security_headers(present: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers to add; a page that is more than data has brought its own Content-Security-Policy."""
    return _SECURITY_HEADERS if CONTENT_SECURITY_POLICY in present else _DATA_ONLY
