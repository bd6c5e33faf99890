"""Batches: splits a JSON array or NDJSON, perhaps compressed, into items, and reports their outcomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from io import BytesIO
from itertools import islice
from types import MappingProxyType
from typing import Any

import msgspec
from marshmallow import Schema, fields
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.operation import JSON, Body, Request
from api.http.request_body import BYTE_ORDER_MARK, JSON_RULE, content_coding, inflate, parse_json
from api.platform.nesting import blank_deeper, count_levels
from privacy.errors import InvalidInputError
from privacy.intake.taken import Takings

NDJSON = "application/x-ndjson"
NDJSON_NAMES = (NDJSON, "application/ndjson", "application/jsonl")
"""Names of one media type, none of which is registered."""
GZIP = "gzip"
MAX_ITEM_BYTES = 64 * 1024
MAX_ITEMS = 10_000
MAX_NESTING = 400
"""Levels of an array that are looked at; an item has fewer, and every version of Python parses as many."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""As sent, and again after inflation."""
JSON_SPACE = b" \t\r\n"
MAX_TAKEN_AS = 100
INVALID = "invalid"
_HALF_PAIR = re.compile(rb"\\(?:(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
"""An escape of half a surrogate pair, or another escape."""
_NO_NUMBER = re.compile(rb":[ \t\r\n]*-?(?:NaN|Infinity)")
_SPLIT = msgspec.json.Decoder(list[msgspec.Raw]).decode
BATCHES = f"""\
The body is a JSON array, or NDJSON with one item per line (blank lines are skipped): up to {MAX_ITEMS:,} \
items and {MAX_BATCH_BYTES // 1024**2} MiB, also after inflation from gzip. Each item has its own verdict.

With an `Idempotency-Key` header (1 to 255 visible ASCII characters), the same batch sent again gets the \
same response, with `Idempotency-Replayed: true`."""


def decoded_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request, inflated if it is gzip, without a byte order mark (RFC 8259, 8.1).

    Raises:
        InvalidInputError: it claims to be gzip and is not.
        RequestEntityTooLarge: it inflates to more than `max_bytes`.
    """
    gzipped = content_coding(request.headers.get("Content-Encoding", "")) == GZIP
    raw = inflate(request.body, max_bytes) if gzipped else request.body
    return raw.removeprefix(BYTE_ORDER_MARK)


def split_lines(raw: bytes) -> Iterator[bytes]:
    """Iterate over the lines that are not blank."""
    return (line for line in BytesIO(raw) if line.strip(JSON_SPACE))


@dataclass(frozen=True, slots=True)
class Batch:
    """The bytes of a batch.

    Args:
        raw: inflated.
        media_type: `JSON` for an array, `NDJSON` for one item per line.
    """

    raw: bytes
    media_type: str

    @classmethod
    def from_request(cls, request: Request) -> Batch:
        """Return the batch in a request's body.

        Raises:
            InvalidInputError: it claims to be gzip and is not.
            RequestEntityTooLarge: it inflates to more than `MAX_BATCH_BYTES`.
        """
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return cls(decoded_body(request, MAX_BATCH_BYTES), NDJSON if media_type in NDJSON_NAMES else JSON)

    @property
    def is_ndjson(self) -> bool:
        """True if each line is an item."""
        return self.media_type == NDJSON

    def items(self) -> list[bytes]:
        """Split the batch into the JSON texts of its items.

        An item that is not strict JSON (because it repeats a name, for example) is left for its parser to
        refuse.

        Raises:
            InvalidInputError: the batch is not a JSON array, or it is empty.
            RequestEntityTooLarge: it has more than `MAX_ITEMS` items.
        """
        items = list(islice(split_lines(self.raw) if self.is_ndjson else self._elements(), MAX_ITEMS + 1))
        check_size(len(items))
        return items

    def _elements(self) -> Iterator[bytes]:
        # How deep a parser goes before it gives up depends on the version of Python, and a batch must not.
        if count_levels(self.raw) > MAX_NESTING:
            return self._odd_elements()
        try:
            return map(bytes, _SPLIT(self.raw))
        except (msgspec.DecodeError, RecursionError):
            return self._odd_elements()

    def _odd_elements(self) -> Iterator[bytes]:
        """Split an array in which something is nested too deeply, or a text or a number is not JSON's.

        That is the fault of its element alone: the array is split as if something of the same length that is
        JSON's were in that place.
        """
        mended = blank_deeper(self.raw, MAX_NESTING) if count_levels(self.raw) > MAX_NESTING else self.raw
        mended = mended.decode(errors="surrogateescape").encode(errors="replace")
        mended = _HALF_PAIR.sub(lambda found: b"\\u0020" if found[1] else found[0], mended)
        mended = _NO_NUMBER.sub(lambda found: b":" + b"0".rjust(len(found[0]) - 1), mended)
        try:
            elements = _SPLIT(mended)
        except (msgspec.DecodeError, RecursionError):
            parse_json(self.raw)  # says where it stops being JSON
            raise InvalidInputError("body", "is not an array", f"an array; {JSON_RULE}") from None
        return _slices(self.raw, mended, map(bytes, elements))


def _slices(raw: bytes, mended: bytes, elements: Iterable[bytes]) -> Iterator[bytes]:
    """Iterate over what a batch has in the places of elements; between two are only spaces and a comma."""
    end = mended.index(b"[") + 1
    for element in elements:
        start = mended.index(element, end)
        end = start + len(element)
        yield raw[start:end]


def parse_item(item: bytes, word: str) -> Any:
    """Parse one item of a batch.

    Raises:
        InvalidInputError: it is too large, or not JSON.
    """
    text = item.strip(JSON_SPACE)
    if len(text) > MAX_ITEM_BYTES:
        raise InvalidInputError(word, f"has {len(text)} bytes", f"at most {MAX_ITEM_BYTES} bytes")
    return parse_json(text, word)


def check_size(items: int) -> None:
    """Check the number of items in a batch.

    Raises:
        InvalidInputError: there is none.
        RequestEntityTooLarge: there are more than `MAX_ITEMS`.
    """
    if not items:
        raise InvalidInputError("body", "is empty", f"1 to {MAX_ITEMS} items")
    if items > MAX_ITEMS:
        raise RequestEntityTooLarge(f"The batch has more than {MAX_ITEMS} items.")


def batch_body(schema: type[Schema], example: Mapping[str, Any]) -> Body:
    """Return the body of an operation that takes a batch of what a schema describes."""
    return Body(
        schema,
        [dict(example)],
        MAX_BATCH_BYTES,
        media_types=(JSON, *NDJSON_NAMES),
        encodings=(GZIP,),
        many=True,
    )


class ItemProblem(msgspec.Struct, frozen=True):
    """The reason why an item is invalid."""

    field: str
    message: str
    expected: str


class ListedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item that did not simply pass; `index` counts from 0 without blank lines."""

    index: int
    verdict: str
    problem: ItemProblem | None = None


def batch_report(
    outcomes: Sequence[Enum | InvalidInputError],
    verdicts: Iterable[Enum],
    passed: tuple[Enum, ...],
    listed_as: str,
    takings: Takings | None = None,
) -> dict[str, Any]:
    """Summarise a batch.

    Args:
        outcomes: the outcome of each item, in order; an error means the verdict `invalid`.
        verdicts: all possible verdicts; the report counts each, 0 included.
        passed: verdicts of items that are counted but not listed.
        listed_as: name of the list of the other items.
        takings: what was taken otherwise than it was sent.

    Returns:
        The document of the response.
    """
    counts = dict.fromkeys(_words(verdicts), 0)
    for verdict in passed:
        counts[verdict.value] = outcomes.count(verdict)
    listed = [_list_item(index, outcome) for index, outcome in enumerate(outcomes) if outcome not in passed]
    for item in listed:
        counts[item.verdict] += 1
    return {"received": len(outcomes), "verdicts": counts, listed_as: listed, **taken_as(takings)}


class TakenAs(msgspec.Struct, frozen=True):
    """How a value was taken, and for how many items."""

    field: str
    taken_as: str
    items: int


def taken_as(takings: Takings | None) -> dict[str, list[TakenAs]]:
    """Return the member of a response that says what was taken otherwise than sent; none if nothing was.

    Of more than `MAX_TAKEN_AS` ways, it has the most frequent ones: senders choose names of members.
    """
    frequent = sorted((takings or {}).items(), key=lambda way: (-way[1], way[0]))[:MAX_TAKEN_AS]
    rows = [TakenAs(*taken, count) for taken, count in sorted(frequent)]
    return {"taken_as": rows} if rows else {}


def _words(verdicts: Iterable[Enum]) -> list[str]:
    """Return the words of verdicts, among which `invalid` always is."""
    return [*dict.fromkeys([*(verdict.value for verdict in verdicts), INVALID])]


def _list_item(index: int, outcome: Enum | InvalidInputError) -> ListedItem:
    if isinstance(outcome, InvalidInputError):
        return ListedItem(index, INVALID, ItemProblem(outcome.field, outcome.message, outcome.expected))
    return ListedItem(index, outcome.value)


class ItemProblemSchema(Schema):
    """The reason why an item is invalid."""

    field = fields.String(required=True, metadata={"description": "The offending field."})
    message = fields.String(required=True, metadata={"description": "What is wrong with the field."})
    expected = fields.String(required=True, metadata={"description": "Describes a valid value."})


class TakenAsSchema(Schema):
    """How a value was taken, and for how many items."""

    field = fields.String(required=True, metadata={"description": "The field."})
    taken_as = fields.String(
        required=True, metadata={"description": "The value that it was taken as, or what was done with it."}
    )
    items = fields.Integer(required=True, metadata={"description": "Number of items."})


TAKEN_AS: Mapping[str, fields.Field[Any]] = MappingProxyType(
    {
        "taken_as": fields.List(
            fields.Nested(TakenAsSchema),
            metadata={"description": "What was taken otherwise than it was sent; absent if nothing was."},
        )
    }
)


def report_schema(name: str, verdicts: type[Enum], listed_as: str, listed: str) -> type[Schema]:
    """Return the schema of a batch report.

    Args:
        name: name of the schema.
        verdicts: all possible verdicts.
        listed_as: name of the list of items that did not simply pass.
        listed: describes that list.
    """
    item: dict[str, fields.Field[Any]] = {
        "index": fields.Integer(
            required=True, metadata={"description": "Index in the batch, from 0; blank lines are skipped."}
        ),
        "verdict": fields.String(
            required=True, metadata={"enum": _words(verdicts), "description": "The outcome."}
        ),
        "problem": fields.Nested(
            ItemProblemSchema, metadata={"description": "Present if the verdict is `invalid`, and only then."}
        ),
    }
    return Schema.from_dict(
        {
            "received": fields.Integer(
                required=True, metadata={"description": "Number of items in the batch."}
            ),
            "verdicts": fields.Nested(
                _counts_schema(verdicts),
                required=True,
                metadata={"description": "Number of items per verdict."},
            ),
            listed_as: fields.List(
                fields.Nested(Schema.from_dict(item, name=f"{name}Item")),
                required=True,
                metadata={"description": listed},
            ),
            **TAKEN_AS,
        },
        name=name,
    )


@cache  # so that one schema has one name in the API's description
def _counts_schema(verdicts: type[Enum]) -> type[Schema]:
    counts: dict[str, fields.Field[Any]] = {word: fields.Integer(required=True) for word in _words(verdicts)}
    return Schema.from_dict(counts, name=f"{verdicts.__name__}Counts")
