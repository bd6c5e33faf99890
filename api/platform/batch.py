"""A batch as it arrives: a JSON array or NDJSON, perhaps compressed, taken apart into items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.openapi import ProblemSchema
from api.http.operation import JSON, Body, Request, ResponseDoc
from api.http.problems import PROBLEM_JSON
from api.http.request_body import JSON_RULE, inflate, parse_json
from privacy.errors import InvalidInputError

if TYPE_CHECKING:
    from marshmallow import Schema

NDJSON = "application/x-ndjson"
GZIP = "gzip"
MAX_ITEMS = 10_000
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""As sent, and again when inflated."""

JSON_SPACE = b" \t\r\n"
_SPLIT = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Batch:
    """The bytes of a batch.

    Args:
        raw: inflated.
        media_type: `JSON` for an array, `NDJSON` for one item a line.
    """

    raw: bytes
    media_type: str

    @classmethod
    def from_request(cls, call: Request) -> Batch:
        """The batch in a request's body.

        Raises:
            InvalidInputError: it claims to be gzip and is not one whole gzip member.
            RequestEntityTooLarge: it inflates to more than `MAX_BATCH_BYTES`.
        """
        gzipped = call.headers.get("Content-Encoding", "").lower() == GZIP
        raw = inflate(call.body, MAX_BATCH_BYTES) if gzipped else call.body
        media_type = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return cls(raw, NDJSON if media_type == NDJSON else JSON)

    @property
    def is_lines(self) -> bool:
        """Whether each line is an item."""
        return self.media_type == NDJSON

    def items(self) -> list[bytes]:
        """The JSON texts of the items: lines that are not blank, or elements of the array.

        An element that is not strict JSON (a name twice, say) is left for its reader to refuse.

        Raises:
            InvalidInputError: not a JSON array, or no items at all.
            RequestEntityTooLarge: more than `MAX_ITEMS`.
        """
        items = list(islice(self._lines() if self.is_lines else self._elements(), MAX_ITEMS + 1))
        check_size(len(items))
        return items

    def _lines(self) -> Iterator[bytes]:
        return (line for line in BytesIO(self.raw) if line.strip(JSON_SPACE))

    def _elements(self) -> Iterator[bytes]:
        try:
            return map(bytes, _SPLIT(self.raw))
        except (msgspec.DecodeError, RecursionError):
            parse_json(self.raw)  # says where it stops being JSON
            raise InvalidInputError("body", "is no array", f"an array; {JSON_RULE}") from None


def check_size(items: int) -> None:
    """Check the number of items in a batch.

    Raises:
        InvalidInputError: none.
        RequestEntityTooLarge: more than `MAX_ITEMS`.
    """
    if not items:
        raise InvalidInputError("body", "holds nothing", f"1 to {MAX_ITEMS} items")
    if items > MAX_ITEMS:
        raise RequestEntityTooLarge(f"The batch holds more than {MAX_ITEMS} items.")


BATCHES = f"""\
A JSON array, or NDJSON with one item a line (blank lines are passed over); up to {MAX_ITEMS:,} items and
{MAX_BATCH_BYTES // 1024**2} MiB, also when inflated from gzip. Each item has its own verdict.

With an `Idempotency-Key` header (1 to 255 visible ASCII characters) the same batch sent again gets the same
answer, with `Idempotency-Replayed: true`.
"""


def batch_of(schema: type[Schema], example: dict[str, Any]) -> Body:
    """An array, or lines, of what a schema describes."""
    return Body(schema, [example], MAX_BATCH_BYTES, media_types=(JSON, NDJSON), encodings=(GZIP,), many=True)


def problem(description: str) -> ResponseDoc:
    """A problem of this operation alone."""
    return ResponseDoc(description, ProblemSchema, media_type=PROBLEM_JSON)


BATCH_PROBLEMS = {
    409: problem("The request with this Idempotency-Key is being carried out."),
    422: problem("This Idempotency-Key belongs to another request."),
}
