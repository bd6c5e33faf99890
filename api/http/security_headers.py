"""Headers that every answer carries (OWASP Secure Headers)."""

from __future__ import annotations

CONTENT_SECURITY_POLICY = "Content-Security-Policy"

_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Strict-Transport-Security", "max-age=31536000"),
)
_DATA_ONLY = (*_SECURITY_HEADERS, (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))


def security_headers(present: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers to add; a page that is more than data has brought its own Content-Security-Policy."""
    if any(name == CONTENT_SECURITY_POLICY for name, _ in present):
        return _SECURITY_HEADERS
    return _DATA_ONLY
