"""Problem documents (RFC 9457): the one table from errors to answers.

Every answer that is not a success is one of these. What is unknown is a plain 500 that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from werkzeug.exceptions import HTTPException

from api.http.operation import Response
from privacy.errors import (
    ConflictError,
    GoneError,
    InvalidInputError,
    NotFoundError,
    StoreBusyError,
    StoreError,
)

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 1


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document; `field`, `fault` and `rule` are for invalid input, `reason` for what is gone."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    fault: str | None = None
    rule: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ProblemKind:
    """What all problems of one kind share."""

    slug: str
    title: str
    status: int

    @property
    def type(self) -> str:
        """The URI that names the kind."""
        return f"urn:likewise:problem:{self.slug}"


INVALID_INPUT = ProblemKind("invalid-input", "The request breaks a rule", 400)
INTERNAL = ProblemKind("internal-server-error", "Internal Server Error", 500)
UNAVAILABLE = ProblemKind("unavailable", "The service cannot answer now", 503)

PROBLEM_TABLE: dict[type[Exception], ProblemKind] = {
    InvalidInputError: INVALID_INPUT,
    NotFoundError: ProblemKind("not-found", "Not Found", 404),
    GoneError: ProblemKind("gone", "Gone", 410),
    ConflictError: ProblemKind("conflict", "The request contradicts what is stored", 409),
    StoreBusyError: UNAVAILABLE,
    StoreError: UNAVAILABLE,
}
"""Kinds by error class; looked up along the class's ancestors, nearest first."""


def problem_answer(error: Exception) -> Response:
    """Turn any exception into its problem document."""
    if isinstance(error, HTTPException):
        return _of_http_exception(error)
    kind = next((PROBLEM_TABLE[cls] for cls in type(error).__mro__ if cls in PROBLEM_TABLE), INTERNAL)
    if kind is INTERNAL:
        return _answer(kind, "The error is ours and has been logged.")
    if kind is UNAVAILABLE:
        # A store's own words name hosts and keys; the caller only needs to know when to come back.
        detail = "Nothing was changed and nothing was answered; try again."
        return _answer(kind, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    if isinstance(error, InvalidInputError):
        return _answer(kind, str(error), field=error.field, fault=error.fault, rule=error.rule)
    return _answer(kind, str(error), reason=error.reason if isinstance(error, GoneError) else None)


def _of_http_exception(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    kind = ProblemKind(status.phrase.lower().replace(" ", "-"), status.phrase, status.value)
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return _answer(kind, error.description or status.description, headers=headers)


def _answer(
    kind: ProblemKind,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    field: str | None = None,
    fault: str | None = None,
    rule: str | None = None,
    reason: str | None = None,
) -> Response:
    problem = Problem(kind.type, kind.title, kind.status, detail, field, fault, rule, reason)
    return Response(
        msgspec.json.encode(problem), status=kind.status, media_type=PROBLEM_JSON, headers=headers or {}
    )
