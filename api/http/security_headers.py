"""Headers that every answer carries (OWASP Secure Headers)."""

from __future__ import annotations

SECURITY_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Strict-Transport-Security", "max-age=31536000"),
)
"""The defaults; a page that is more than data brings its own Content-Security-Policy."""
