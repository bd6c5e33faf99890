"""The list of origins whose pages may read."""

import pytest

from api.http.cross_origin import parse_origins
from privacy.errors import StoreError


def test_a_list_of_origins() -> None:
    """Commas separate them, white space does not count, and an empty list allows none."""
    listed = " https://a.example , http://[::1]:8000,http://127.0.0.1:3000,"
    assert parse_origins("X", listed) == {"https://a.example", "http://[::1]:8000", "http://127.0.0.1:3000"}
    assert parse_origins("X", "") == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "a.example",
        "https://a.example/",
        "https://A.example",
        "https://me@a.example",
        "https://a.example\r\nX: y",
        "ftp://a.example",
        "https://a.example:0",
        "https://a.example https://b.example",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    """A wildcard, a path, another spelling: the message names the setting and the form."""
    with pytest.raises(StoreError, match=r"X lists .* write https://host"):
        parse_origins("X", f"https://b.example,{text}")
