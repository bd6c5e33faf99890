"""From errors to problem documents."""

import msgspec
import pytest
from werkzeug.exceptions import (
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    RequestURITooLarge,
    TooManyRequests,
    UnprocessableEntity,
)

from api.http.openapi import ProblemSchema
from api.http.problems import problem_response
from privacy.errors import (
    ClockError,
    ConflictError,
    InvalidInputError,
    LikewiseError,
    LimitsError,
    NotFoundError,
    PolicyError,
    StoreBusyError,
    StoreError,
    StoreLostError,
)

CASES = {
    InvalidInputError("limit", "is 0", "at least 1"): (400, "invalid-input"),
    NotFoundError("there is no video x"): (404, "not-found"),
    NotFound(): (404, "not-found"),
    ConflictError("posted_at differs"): (409, "conflict"),
    MethodNotAllowed(["GET"]): (405, "method-not-allowed"),
    TooManyRequests(retry_after=7): (429, "too-many-requests"),
    ClockError("the clock is behind"): (503, "clocks-disagree"),
    LimitsError("in force are 4 50"): (503, "limits-not-in-force"),
    StoreBusyError("the store does not answer"): (503, "unavailable"),
    StoreError("the store refuses"): (503, "unavailable"),
    StoreLostError("the store has lost its data"): (503, "store-lost"),
    PolicyError("k: is 1"): (500, "internal-server-error"),
    LikewiseError("of no known kind"): (500, "internal-server-error"),
    KeyError("account-17"): (500, "internal-server-error"),
    RecursionError("secret"): (500, "internal-server-error"),
}


@pytest.mark.parametrize(("error", "expected"), CASES.items(), ids=lambda case: repr(case)[:40])
def test_every_error_is_a_problem(error: Exception, expected: tuple[int, str]) -> None:
    """An error becomes a document of its kind that keeps the documented schema."""
    answer = problem_response(error)
    document = msgspec.json.decode(answer.body)
    assert ProblemSchema().load(document)
    assert answer.media_type == "application/problem+json"
    assert (answer.status, document["status"]) == (expected[0], expected[0])
    assert document["type"] == f"urn:likewise:problem:{expected[1]}"


@pytest.mark.parametrize(
    "error",
    [
        *(KeyError("account-17"), PolicyError("x"), LimitsError("4 50")),
        *(StoreError("redis://host:6379 p:x"), StoreLostError("redis://host:6379 p:x")),
    ],
)
def test_messages_of_defects_and_stores_stay_inside(error: Exception) -> None:
    """Messages of defects and stores are not quoted: they may name accounts, hosts and keys."""
    assert str(error).strip("'").encode() not in problem_response(error).body


def test_invalid_input_says_field_message_and_expectation() -> None:
    """Invalid input is reported in three members and as one sentence."""
    document = msgspec.json.decode(problem_response(InvalidInputError("limit", "is 0", "at least 1")).body)
    assert document["detail"] == "`limit` is 0; expected at least 1."
    assert (document["field"], document["message"], document["expected"]) == ("limit", "is 0", "at least 1")


def test_headers_of_http_errors_are_kept() -> None:
    """Headers that HTTP requires with a status are kept: the allowed methods, the seconds to wait."""
    assert problem_response(MethodNotAllowed(["GET"])).headers["Allow"] == "GET"
    assert problem_response(TooManyRequests(retry_after=7)).headers["Retry-After"] == "7"
    assert problem_response(StoreBusyError("x")).headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (RequestEntityTooLarge(), "request-entity-too-large"),
        (RequestURITooLarge(), "request-uri-too-long"),
        (UnprocessableEntity(), "unprocessable-entity"),
    ],
)
def test_types_do_not_depend_on_the_python_version(error: Exception, slug: str) -> None:
    """Python 3.13 renamed these statuses; the types of problems stay."""
    document = msgspec.json.decode(problem_response(error).body)
    assert document["type"] == f"urn:likewise:problem:{slug}"


def test_clocks_that_disagree_are_named() -> None:
    """An operator reads which clock is wrong, a sender that nothing was acknowledged: it tries again."""
    answer = problem_response(ClockError("the clock of this process is 3,600 s behind the store's"))
    detail = msgspec.json.decode(answer.body)["detail"]
    assert detail == "Nothing was acknowledged. The clock of this process is 3,600 s behind the store's."
    assert answer.headers == {"Retry-After": "1"}
