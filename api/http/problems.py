"""Problem documents (RFC 9457): the one table from errors to responses.

Every response that is not a success is one of these. An unexpected error becomes a plain 500 without detail.
"""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from api.http.operation import Response
from privacy.errors import (
    ClockError,
    ConflictError,
    GoneError,
    InvalidInputError,
    LimitsError,
    NotFoundError,
    StoreBusyError,
    StoreError,
    StoreLostError,
)

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 1
REASON_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""By status. Python 3.13 renamed the last four; problem types and component names must not depend on it."""


class RequestInProgressError(ConflictError):
    """The same request is under way: its response can be had in a moment."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document; `field`, `message` and `expected` describe invalid input, `reason` a takedown."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    message: str | None = None
    expected: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ProblemKind:
    """The members that all problems of one kind share."""

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
CLOCKS_DISAGREE = ProblemKind("clocks-disagree", "The clocks contradict each other", 503)
STORE_LOST = ProblemKind("store-lost", "A store has lost its data, or was exchanged", 503)
LIMITS_NOT_IN_FORCE = ProblemKind("limits-not-in-force", "The process knows other limits than the store", 503)

PROBLEM_TABLE: dict[type[Exception], ProblemKind] = {
    InvalidInputError: INVALID_INPUT,
    NotFoundError: ProblemKind("not-found", "Not Found", 404),
    GoneError: ProblemKind("gone", "Gone", 410),
    ConflictError: ProblemKind("conflict", "The request contradicts what is stored", 409),
    ClockError: CLOCKS_DISAGREE,
    LimitsError: LIMITS_NOT_IN_FORCE,
    StoreLostError: STORE_LOST,
    StoreBusyError: UNAVAILABLE,
    StoreError: UNAVAILABLE,
}
"""Kinds by error class. A subclass without an entry has the kind of its nearest ancestor."""


def problem_response(error: Exception) -> Response:
    """Turn an exception into its problem document."""
    if isinstance(error, HTTPException):
        return _http_problem(error)
    kind = next((PROBLEM_TABLE[cls] for cls in type(error).__mro__ if cls in PROBLEM_TABLE), INTERNAL)
    if kind is INTERNAL:
        return _respond(kind, "The server failed; the error has been logged.")
    if kind.status == UNAVAILABLE.status:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return _respond(kind, _describe_unavailability(kind, error), headers=headers)
    if isinstance(error, InvalidInputError):
        return _respond(kind, str(error), field=error.field, message=error.message, expected=error.expected)
    reason = error.reason if isinstance(error, GoneError) else None
    in_a_moment = isinstance(error, RequestInProgressError)
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if in_a_moment else None
    return _respond(kind, _to_sentence(str(error)), reason=reason, headers=retry)


def _describe_unavailability(kind: ProblemKind, error: Exception) -> str:
    if kind is CLOCKS_DISAGREE:
        return f"Nothing was acknowledged. {_to_sentence(str(error))}"
    if kind is LIMITS_NOT_IN_FORCE:
        # Its own message has the limits, which are for the operator's log.
        return (
            "Nothing was acknowledged. This process was started under a policy whose limits are not in "
            "force: its operator must start it again."
        )
    if kind is STORE_LOST:
        return (
            "Nothing was acknowledged. A store behind this service has lost its data, or is another one than "
            "the service was started with: its operator must put the right one back."
        )
    # A store's own message names hosts and keys; the caller only needs to know when to try again.
    return "A store does not respond. Nothing was acknowledged; try again."


def _to_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _http_problem(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    phrase = REASON_PHRASES[status]
    kind = ProblemKind(phrase.lower().replace(" ", "-"), phrase, status.value)
    if isinstance(error, MethodNotAllowed):
        error.valid_methods = sorted(error.valid_methods or ())
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return _respond(kind, error.description or status.description, headers=headers)


def _respond(
    kind: ProblemKind,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    field: str | None = None,
    message: str | None = None,
    expected: str | None = None,
    reason: str | None = None,
) -> Response:
    problem = Problem(kind.type, kind.title, kind.status, detail, field, message, expected, reason)
    return Response(
        msgspec.json.encode(problem), status=kind.status, media_type=PROBLEM_JSON, headers=headers or {}
    )
