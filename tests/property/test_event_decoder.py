"""The compiled decoder against the schema: the same verdicts and the same values, for any bytes."""

import json
from typing import NoReturn

from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.operation import JSON
from api.http.request_body import parse_json
from api.platform.batch import NDJSON, Batch
from api.platform.event_decoder import EventDecoder
from privacy.errors import InvalidInputError
from privacy.intake.event import Event
from tests.support.event_texts import ARRAYS, ITEMS, LINES, MIXED_LINES, damaged
from tests.support.profiles import examples

DECODER = EventDecoder()
A = b'{"type":"like","account_id":"a","video_id":"v","occurred_at":"2026-05-03T14:07:31Z"}'
FOUR_QUOTES_MORE = A.replace(b"{", b'{"type":"unlike",', 1)
FOUR_QUOTES_LESS = A.replace(b"}", b',"profile":{"language":"\\u0022\\u0022\\u0022\\u0022"}}').join(
    [b"\n", b""]
)
SPREAD = A.replace(b",", b",\n", 1)


def comparable(read: Event | InvalidInputError) -> object:
    """Replace errors by their members."""
    return (read.field, read.message, read.expected) if isinstance(read, InvalidInputError) else read


def by_schema(batch: Batch) -> list[object]:
    """Decode a batch with the schema."""
    return [comparable(DECODER.decode_with_schema(item)) for item in batch.items()]


def assert_as_the_schema(batch: Batch) -> None:
    """Check that the decoder and the schema agree on a batch."""
    try:
        expected = by_schema(batch)
    except InvalidInputError as error:
        expected = [comparable(error)]
    try:
        read = [comparable(item) for item in DECODER.decode(batch).to_events()]
    except InvalidInputError as error:
        read = [comparable(error)]
    assert read == expected


@settings(max_examples=examples(400, 10_000))
@given(damaged(LINES) | MIXED_LINES)
@example(A + A + b"\n" + SPREAD)
@example(SPREAD + b"\n" + A + b" " + A)
@example(SPREAD)
@example(A + b"\r" + A)
@example(A + b"," + A)
@example(FOUR_QUOTES_MORE)
@example(A.replace(b"{", b'{"\\u0074ype":"unlike",', 1))
@example(A.replace(b"}", b',"profile":{"region":"DE","region":"US"}}'))
@example(A.replace(b"}", b',"profile":{"region":"DE"},"profile":{}}'))
@example(A.replace(b"}", b',"visibility":"private","visibility":"public"}'))
@example(FOUR_QUOTES_MORE + FOUR_QUOTES_LESS)
@example(A.replace(b'"v"', b'"sandbox:v"'))
@example(A.replace(b'"a"', b'"' + b"a" * 129 + b'"'))
@example(A.replace(b"}", b',"creator_id":"c"}'))
@example(A.replace(b'"like"', b'"follow"'))
@example(A.replace(b'"like"', b'"follow"').replace(b"video_id", b"creator_id"))
@example(A.replace(b"}", b',"creator_id":""}'))
@example(A + b"\n" + A.replace(b"}", b',"network":"n"}') + b"\r\n" + A)
@example(b"\xef\xbb\xbf" + A)
@example(A + b"\n\n" + A + b"\r\n")
@example(b"\n" + A + A)
@example(b"\n" + A + b"\n" + A)
@example(b"")
def test_lines_decode_like_the_schema(raw: bytes) -> None:
    """Any NDJSON bytes give the events and errors that the schema gives line by line."""
    assert_as_the_schema(Batch(raw, NDJSON))


@settings(max_examples=examples(200, 5_000))
@given(damaged(ARRAYS))
@example(b"[" + FOUR_QUOTES_MORE + b"]")
@example(b"[" + A + b",]")
@example(b"[]")
def test_arrays_decode_like_the_schema(raw: bytes) -> None:
    """Any bytes sent as an array give the events and errors that the schema gives element by element."""
    assert_as_the_schema(Batch(raw, JSON))


@settings(max_examples=examples(200, 5_000))
@given(st.lists(ITEMS.filter(lambda item: b"\n" not in item), min_size=1, max_size=4))
def test_an_array_and_lines_of_the_same_items_decode_alike(items: list[bytes]) -> None:
    """The form of a batch makes no difference to its events and errors."""
    lines, array = Batch(b"\n".join(items), NDJSON), Batch(b"[" + b",".join(items) + b"]", JSON)
    try:
        read = [comparable(item) for item in DECODER.decode(array).to_events()]
    except InvalidInputError:
        return  # the array as a whole is no JSON: an item holds NaN, say
    assert read == [comparable(item) for item in DECODER.decode(lines).to_events()]


def refuse(name: str) -> NoReturn:
    """Python's own parser accepts NaN and Infinity, which are not JSON."""
    raise ValueError(name)


@settings(max_examples=examples(200, 5_000))
@given(damaged(ARRAYS))
def test_an_array_is_split_as_json_defines(raw: bytes) -> None:
    """The elements of an array are those that an independent parser finds, or else one of them is refused."""
    try:
        expected = json.loads(raw.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        expected = None
    try:
        elements = [parse_json(item) for item in Batch(raw, JSON).items()]
    except (InvalidInputError, RequestEntityTooLarge):
        return
    assert elements == expected
