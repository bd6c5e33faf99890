"""Bytes become requests, or a refusal; how they are cut into pieces does not matter."""

import pytest
from werkzeug.exceptions import BadRequest, HTTPException, RequestHeaderFieldsTooLarge

from api.http.front.parser import RequestParser

WHOLE = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_pieces_do_not_matter(size: int) -> None:
    """The same bytes make the same requests in pieces of any size."""
    parser = RequestParser(1000)
    for start in range(0, len(WHOLE), size):
        parser.feed(WHOLE[start : start + size])
    post, get = parser.requests
    assert (post.method, post.target, bytes(post.body), post.is_complete) == ("POST", b"/a?b=c", b"abc", True)
    assert (get.method, get.version, get.keep_alive) == ("GET", "1.0", False)


REFUSED = {
    "not HTTP": b"\x16\x03\x01\x00\xa5\x01\x00\x00",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "a length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is no number": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    "a space before a colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "a header with NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "a chunk without a size": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_parsers_could_read_differently_is_refused(name: str) -> None:
    """Bytes that are not HTTP/1.1, or that a proxy could understand otherwise, are a 400."""
    parser = RequestParser(1000)
    with pytest.raises(BadRequest):
        parser.feed(REFUSED[name])


START = b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "head", [b"GET /" + b"a" * 5000, START + b"X: " + b"a" * 5000, START + b"a: b\r\n" * 102]
)
def test_large_heads_are_refused(head: bytes) -> None:
    """A head that does not end within its bound, or has more than a hundred headers, is a 431."""
    parser = RequestParser(1000)
    with pytest.raises(RequestHeaderFieldsTooLarge):
        _feed_in_pieces(parser, head)


def _feed_in_pieces(parser: RequestParser, head: bytes) -> None:
    for start in range(0, len(head), 500):
        parser.feed(head[start : start + 500])


def test_an_upgrade_is_answered_in_this_protocol() -> None:
    """A client that offers HTTP/2 is answered in HTTP/1.1, and the connection ends."""
    parser = RequestParser(1000)
    parser.feed(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0")
    assert [request.keep_alive for request in parser.requests] == [False]


def test_few_requests_are_parsed_ahead() -> None:
    """Of thousands of pipelined requests, some hundreds at most are in memory; none is lost."""
    parser = RequestParser(1000)
    parser.feed(b"GET / HTTP/1.1\r\n\r\n" * 3000)
    answered, most = 0, 0
    while parser.requests:
        most = max(most, len(parser.requests))
        parser.requests.popleft()
        answered += 1
        if not parser.requests and parser.has_unparsed:
            parser.feed()
    assert answered == 3000
    assert most < 200


def test_refusals_are_http_errors() -> None:
    """After a refusal nothing more is parsed."""
    parser = RequestParser(1000)
    with pytest.raises(HTTPException):
        parser.feed(b"garbage\r\n\r\n")
    parser.feed(WHOLE)
    assert not parser.requests
