"""How operations that take a batch describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.http.openapi import ProblemSchema
from api.http.operation import JSON, Body, Response
from api.http.problems import PROBLEM_JSON
from api.platform.batch import GZIP, MAX_BATCH_BYTES, MAX_ITEMS, NDJSON

if TYPE_CHECKING:
    from marshmallow import Schema

BATCHES = f"""\
A JSON array, or NDJSON with one item a line (blank lines are passed over); up to {MAX_ITEMS:,} items and
{MAX_BATCH_BYTES // 1024**2} MiB, also when inflated from gzip. Each item has its own verdict.

With an `Idempotency-Key` header (1 to 255 visible ASCII characters) the same batch sent again gets the same
answer, with `Idempotency-Replayed: true`.
"""


def batch_of(schema: type[Schema], example: dict[str, Any]) -> Body:
    """An array, or lines, of what a schema describes."""
    return Body(schema, [example], MAX_BATCH_BYTES, media_types=(JSON, NDJSON), encodings=(GZIP,), many=True)


def problem(description: str) -> Response:
    """A problem of this operation alone."""
    return Response(description, ProblemSchema, media_type=PROBLEM_JSON)


BATCH_PROBLEMS = {
    409: problem("The request with this Idempotency-Key is being carried out."),
    422: problem("This Idempotency-Key belongs to another request."),
}
