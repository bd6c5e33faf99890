"""The compiled decoder against the schema: the same verdicts and the same values, for any bytes."""

import json
from typing import NoReturn

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.operation import JSON
from api.http.request_body import parse_json
from api.platform.batch import NDJSON, Batch
from api.platform.event_decoder import EventDecoder
from privacy.errors import InvalidInputError
from privacy.intake.event import Event
from privacy.intake.profile_shape import ProfileShape
from tests.support.event_texts import ARRAYS, ITEMS, LINES, MIXED_LINES, ODD_PROFILES, damaged
from tests.support.profiles import examples

DECODER = EventDecoder()
OWN = EventDecoder(ProfileShape(frozenset({"age_band", "region", "city", "fields"})))
FEWER = EventDecoder(ProfileShape(frozenset({"age_band", "region"})))
A = b'{"type":"like","account_id":"a","video_id":"v","occurred_at":"2026-05-03T14:07:31Z"}'
FOUR_QUOTES_MORE = A.replace(b"{", b'{"type":"unlike",', 1)
FOUR_QUOTES_LESS = A.replace(b"}", b',"profile":{"language":"\\u0022\\u0022\\u0022\\u0022"}}').join(
    [b"\n", b""]
)
SPREAD = A.replace(b",", b",\n", 1)


def comparable(read: Event | InvalidInputError) -> object:
    """Replace errors by their members."""
    return (read.field, read.message, read.expected) if isinstance(read, InvalidInputError) else read


def by_schema(batch: Batch, decoder: EventDecoder) -> list[object]:
    """Decode a batch with the schema."""
    return [comparable(decoder.decode_with_schema(item)) for item in batch.items()]


def assert_as_the_schema(batch: Batch, decoder: EventDecoder = DECODER) -> None:
    """Check that the decoder and the schema agree on a batch."""
    try:
        expected = by_schema(batch, decoder)
    except InvalidInputError as error:
        expected = [comparable(error)]
    try:
        read = [comparable(item) for item in decoder.decode(batch).to_events()]
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


def says(profile: bytes) -> bytes:
    """Return two events, the first with this profile."""
    return A.replace(b"}", b',"profile":' + profile + b"}") + b"\n" + A


@settings(max_examples=examples(100, 5_000))
@given(ODD_PROFILES, st.sampled_from([DECODER, OWN, FEWER]))
@example(says(b'{"city":"Ghent","tariff":"x"}'), OWN)
@example(says(b'{"tariff":"x","tariff":"y"}'), OWN)
@example(says(b'{"tariff":1,"tariff":2}'), DECODER)
@example(says(b'{"tariff":99999999999999999999}'), DECODER)
@example(says(b'{"tariff":-9223372036854775808,"plan":1e400}'), DECODER)
@example(says(b'{"tariff":[{"a":"b"}],"city":null}'), OWN)
@example(says(b'{"city":7}'), OWN)
@example(says(b'{"city":"' + b"x" * 66 + b'","tariff":true}'), OWN)
@example(says(b'{"' + b"x" * 3_000 + b'":0.5}'), DECODER)
@example(says(b"{" + b",".join(b'"p%d":0' % number for number in range(9)) + b"}"), DECODER)
@example(says(b'{"tariff":{"a":' + b"[" * 20 + b"]" * 20 + b"}}"), DECODER)
def test_profiles_decode_like_the_schema_under_any_policy(raw: bytes, decoder: EventDecoder) -> None:
    """Dimensions of a platform's own are read, and what no policy declares is passed over, in both ways."""
    assert_as_the_schema(Batch(raw, NDJSON), decoder)


def test_undeclared_members_cost_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that always says more than its policies declare is read the fast way."""
    profiles = (b'{"city":"Ghent","tariff":"x"}', b'{"followers":12,"is_pro":true,"rate":0.5,"plan":null}')
    batch = Batch(b"\n".join(says(profile) for profile in profiles), NDJSON)
    expected = by_schema(batch, OWN)
    monkeypatch.setattr(OWN, "_schema", None)
    read = OWN.decode(batch).to_events()
    assert [comparable(item) for item in read] == expected
    assert isinstance(read[2], Event)
    assert len(read[2].taken) == 4


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
