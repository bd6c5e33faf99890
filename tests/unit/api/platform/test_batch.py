"""Taking batches apart."""

from __future__ import annotations

import gzip

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.operation import JSON, Request
from api.platform.batch import MAX_ITEMS, NDJSON, Batch
from privacy.errors import InvalidInputError


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
    """The edge lets only JSON through beside NDJSON."""
    batch = Batch.from_request(call(b' [1, {"a": [2]}] ', Content_Type=JSON))
    assert (batch.is_ndjson, batch.items()) == (False, [b"1", b'{"a": [2]}'])


def test_a_compressed_body_is_inflated() -> None:
    """What a batch holds is what was sent before compression."""
    batch = Batch.from_request(call(gzip.compress(b"[1]"), Content_Type=JSON, Content_Encoding="gzip"))
    assert batch == Batch(b"[1]", JSON)


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \t\r\n"])
def test_blank_lines_are_no_items(blank: bytes) -> None:
    """Lines of JSON's own white space are passed over; other white space is not JSON's."""
    assert Batch(blank + b"1\n" + blank + b"\x0b\n", NDJSON).items() == [b"1\n", b"\x0b\n"]


@pytest.mark.parametrize("raw", [b"", b"\n \n"])
def test_a_batch_of_nothing_is_refused(raw: bytes) -> None:
    """A body that was lost on its way looks like this."""
    with pytest.raises(InvalidInputError, match="is empty"):
        Batch(raw, NDJSON).items()


@pytest.mark.parametrize(("media_type", "form"), [(NDJSON, b"%b"), (JSON, b"[%b]")])
def test_a_batch_has_a_most_number_of_items(media_type: str, form: bytes) -> None:
    """The bound passes, one more does not."""
    glue = b"\n" if media_type == NDJSON else b","
    assert len(Batch(form % glue.join([b"1"] * MAX_ITEMS), media_type).items()) == MAX_ITEMS
    with pytest.raises(RequestEntityTooLarge):
        Batch(form % glue.join([b"1"] * (MAX_ITEMS + 1)), media_type).items()


@pytest.mark.parametrize("raw", [b"[1", b"{}", b"[1,]", b"[" * 100_000, b"1"])
def test_what_is_no_array_is_refused(raw: bytes) -> None:
    """As a whole: nobody can say where its items end."""
    with pytest.raises(InvalidInputError) as refused:
        Batch(raw, JSON).items()
    assert refused.value.field == "body"
