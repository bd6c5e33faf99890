"""Strict JSON."""

from __future__ import annotations

import pytest

from api.http.request_body import parse_json
from privacy.errors import InvalidInputError

REFUSED = {
    b"": "is not JSON",
    b"{": "is not JSON",
    b'{"a": 1,}': "is not JSON",
    b"{'a': 1}": "is not JSON",
    b"1 2": "is not JSON",
    b'"\x01"': "is not JSON",
    b"\xef\xbb\xbf1": "is not JSON",
    b'"\xff"': "is not UTF-8 at byte 1",
    '"a"'.encode("utf-16"): "is not UTF-8",
    b'{"a": 1, "a": 1}': "names 'a' twice",
    b'{"b": [{"a": 1, "a": 2}]}': "names 'a' twice",
    b'{"a": 1, "\\u0061": 2}': "names 'a' twice",
    b"NaN": "holds NaN",
    b'{"a": -Infinity}': "holds -Infinity",
    b"1e999": "holds 1e999",
    b"1" * 20: "holds an integer of 20 digits",
    b"-" + b"1" * 5000: "holds an integer of 5001 digits",
    b"[" * 17 + b"]" * 17: "is nested deeper than 16 levels",
    b'{"a":' * 17 + b"1" + b"}" * 17: "is nested deeper than 16 levels",
    b"[" * 100_000: "is nested too deeply",
    b'"\\ud800"': "holds half a surrogate pair",
    b'{"\\udc00": 1}': "holds half a surrogate pair",
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.items(), ids=lambda case: repr(case)[:40])
def test_what_two_readers_could_understand_differently(raw: bytes, message: str) -> None:
    """Anything but plain, unambiguous JSON is refused, and the message is named."""
    with pytest.raises(InvalidInputError, match=f"^`body` {message}") as caught:
        parse_json(raw)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, -2.5, true, null, "\\ud83d\\ude00"]}', {"a": [1, -2.5, True, None, "\U0001f600"]}),
        (b" 9223372036854775807 ", 2**63 - 1),
        (b"[" * 16 + b"]" * 16, [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]),
        ('{"é": "\u2028"}'.encode(), {"é": "\u2028"}),
    ],
)
def test_plain_json(raw: bytes, value: object) -> None:
    """Plain JSON is read as it is."""
    assert parse_json(raw) == value
