"""Splitting batches into items, and reporting on them."""

import gzip

import msgspec
import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.operation import JSON, Request
from api.platform.batch import (
    MAX_ITEM_BYTES,
    MAX_ITEMS,
    MAX_NESTING,
    NDJSON,
    Batch,
    batch_report,
    parse_item,
)
from privacy.catalogue.catalogue import Registration
from privacy.errors import InvalidInputError
from privacy.intake.admission import Outcome
from privacy.intake.taken import Taken, Takings
from privacy.model.engagement import Verdict


def test_counts_cover_every_verdict_and_the_list_what_did_not_pass() -> None:
    """Each verdict has its count, 0 included; items that passed are not listed."""
    error = InvalidInputError("type", "is missing", "one of like, unlike")
    outcomes: list[Outcome] = [
        *(Verdict.COUNTED, error, Verdict.UNCOUNTED, Verdict.LATE, Verdict.COUNTED, Verdict.LATE)
    ]
    passed = (Verdict.COUNTED, Verdict.UNCOUNTED)
    document = msgspec.json.decode(
        msgspec.json.encode(batch_report(outcomes, Verdict, passed, "not_counted"))
    )
    assert document["received"] == 6
    assert list(document["verdicts"]) == [verdict.value for verdict in Verdict]
    assert {verdict: count for verdict, count in document["verdicts"].items() if count} == {
        "counted": 2,
        "uncounted": 1,
        "late": 2,
        "invalid": 1,
    }
    problem = {"field": "type", "message": "is missing", "expected": "one of like, unlike"}
    assert document["not_counted"] == [
        {"index": 1, "verdict": "invalid", "problem": problem},
        {"index": 3, "verdict": "late"},
        {"index": 5, "verdict": "late"},
    ]


def test_what_was_taken_otherwise_is_counted_by_field() -> None:
    """The report has the member only if there is any."""
    takings = Takings({Taken("profile.region", "other"): 2, Taken("occurred_at", "now"): 1})
    document = batch_report([Verdict.COUNTED], Verdict, (Verdict.COUNTED,), "not_counted", takings)
    assert msgspec.json.decode(msgspec.json.encode(document["taken_as"])) == [
        {"field": "occurred_at", "taken_as": "now", "items": 1},
        {"field": "profile.region", "taken_as": "other", "items": 2},
    ]
    assert "taken_as" not in batch_report([], Verdict, (), "not_counted", Takings())


def test_invalid_is_a_verdict_of_every_batch() -> None:
    """An item that cannot be read is `invalid` in any batch."""
    error = InvalidInputError("video_id", "is missing", "an id")
    document = batch_report([error], Registration, (Registration.CREATED,), "not_registered")
    assert document["verdicts"] == {"created": 0, "updated": 0, "unchanged": 0, "conflict": 0, "invalid": 1}


def call(body: bytes, **headers: str) -> Request:
    """A request with this body."""
    return Request(
        {}, {}, body, Headers({name.replace("_", "-"): text for name, text in headers.items()}), None, 0
    )


@pytest.mark.parametrize("text", ["application/x-ndjson", "Application/X-NDJSON ; charset=utf-8"])
def test_the_media_type_says_that_lines_are_items(text: str) -> None:
    """Parameters and case make no difference (RFC 9110)."""
    batch = Batch.from_request(call(b"1\n2", Content_Type=text))
    assert (batch.is_ndjson, batch.items()) == (True, [b"1\n", b"2"])


def test_anything_else_is_an_array() -> None:
    """The HTTP edge accepts only JSON and NDJSON."""
    batch = Batch.from_request(call(b' [1, {"a": [2]}] ', Content_Type=JSON))
    assert (batch.is_ndjson, batch.items()) == (False, [b"1", b'{"a": [2]}'])


@pytest.mark.parametrize("text", ["application/ndjson", "application/jsonl"])
def test_lines_have_other_names(text: str) -> None:
    """They mean the same, and make the same request of an Idempotency-Key."""
    assert Batch.from_request(call(b"1\n2", Content_Type=text)) == Batch(b"1\n2", NDJSON)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "X-GZIP"])
def test_a_byte_order_mark_is_no_part_of_the_batch(coding: str) -> None:
    """Neither plain nor compressed: it would cost the first item."""
    raw = b"\xef\xbb\xbf[1]"
    assert Batch.from_request(call(raw, Content_Type=JSON)).items() == [b"1"]
    packed = call(gzip.compress(raw), Content_Type=JSON, Content_Encoding=coding)
    assert Batch.from_request(packed).items() == [b"1"]


@pytest.mark.parametrize(
    "odd",
    [
        *(rb'{"a":"\ud83d"}', rb'{"\udc00":[1,"\\ud83d\udbff"]}', b'{"a":"\xff,]"}', b'{"a":"\xed\xa0\x80"}'),
        *(b'{"a":NaN}', b'{"a": -Infinity ,"b":2}', b'[{"a":\n Infinity}]', rb'{"a":"\"\ud83d]"}'),
    ],
)
def test_a_text_or_number_that_is_not_jsons_is_the_fault_of_its_item(odd: bytes) -> None:
    """An array with one is split like any other; the item is refused when it is parsed."""
    raw = b' [ {"a":1},' + odd + b"\n, " + odd + rb' ,"\ud83d\ude00", []]'
    items = Batch(raw, JSON).items()
    assert items == [b'{"a":1}', odd, odd, rb'"\ud83d\ude00"', b"[]"]
    with pytest.raises(InvalidInputError):
        parse_item(items[1], "event")


@pytest.mark.parametrize("levels", [MAX_NESTING - 1, MAX_NESTING, MAX_NESTING + 1, 20_000])
@pytest.mark.parametrize(
    ("opens", "deepest", "closes"),
    [(b"[", b"1", b"]"), (b'{"\\"[a":', b'"]\\\\"', b"}"), (b"[[1],", b"[]", b",[2] ]")],
)
def test_an_item_that_is_nested_too_deeply_is_at_fault_alone(
    levels: int, opens: bytes, deepest: bytes, closes: bytes
) -> None:
    """An array with one is split like any other, at every depth; the item is refused when it is parsed."""
    deep = opens * levels + deepest + closes * levels
    usual = b'{"a":"[[[ \\\\\\"]"}'
    items = Batch(b"[" + b" ,\n".join([usual, deep, usual, deep, usual]) + b"]", JSON).items()
    assert items == [usual, deep, usual, deep, usual]
    with pytest.raises(InvalidInputError, match=r"^`event` "):
        parse_item(items[1], "event")


def test_brackets_in_texts_are_no_levels() -> None:
    """An item may have any text."""
    item = b'{"a":"' + b"[" * MAX_NESTING * 2 + b'\\"{"}'
    assert Batch(b"[1," + item + b"]", JSON).items() == [b"1", item]


def test_an_item_has_a_largest_size() -> None:
    """It is looked at before the item is parsed; spaces around it are no part of it."""
    item = b'"' + b"a" * (MAX_ITEM_BYTES - 2) + b'"'
    assert parse_item(b"  " + item + b" \r\n", "event") == "a" * (MAX_ITEM_BYTES - 2)
    with pytest.raises(InvalidInputError, match=f"has {MAX_ITEM_BYTES + 1} bytes"):
        parse_item(item[:-1] + b'b"', "event")


def test_a_compressed_body_is_inflated() -> None:
    """A compressed batch has the content that was compressed."""
    batch = Batch.from_request(call(gzip.compress(b"[1]"), Content_Type=JSON, Content_Encoding="gzip"))
    assert batch == Batch(b"[1]", JSON)


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\r\n"])
def test_blank_lines_are_not_items(blank: bytes) -> None:
    """Lines of JSON's own white space are skipped; other white space is not JSON's."""
    assert Batch(blank + b"1\n" + blank + b"\x0b\n", NDJSON).items() == [b"1\n", b"\x0b\n"]


@pytest.mark.parametrize("raw", [b"", b"\n \n"])
def test_an_empty_batch_is_refused(raw: bytes) -> None:
    """A body that was lost on its way looks like this."""
    with pytest.raises(InvalidInputError, match="is empty"):
        Batch(raw, NDJSON).items()


@pytest.mark.parametrize(("media_type", "form"), [(NDJSON, b"%b"), (JSON, b"[%b]")])
def test_the_number_of_items_is_bounded(media_type: str, form: bytes) -> None:
    """A batch of exactly the limit passes; one more item does not."""
    glue = b"\n" if media_type == NDJSON else b","
    assert len(Batch(form % glue.join([b"1"] * MAX_ITEMS), media_type).items()) == MAX_ITEMS
    with pytest.raises(RequestEntityTooLarge):
        Batch(form % glue.join([b"1"] * (MAX_ITEMS + 1)), media_type).items()


@pytest.mark.parametrize("raw", [b"[1", b"{}", b"[1,]", b"[" * 100_000, b"1"])
def test_a_body_that_is_not_an_array_is_refused(raw: bytes) -> None:
    """The whole batch is refused: it is unclear where its items end."""
    with pytest.raises(InvalidInputError) as refused:
        Batch(raw, JSON).items()
    assert refused.value.field == "body"
