"""Writes the answers that no app gives: to what is no request, and to requests that never reach one."""

from email.utils import formatdate

from werkzeug.exceptions import HTTPException

from api.http.problems import REASON_PHRASES, problem_response

Headers = list[tuple[bytes, bytes]]


def problem_headers(error: Exception) -> tuple[int, Headers, bytes]:
    """Returns status, headers and body of a problem document, after which the connection ends."""
    response = problem_response(error)
    headers = {
        "content-type": response.media_type,
        "cache-control": "no-store",
        **response.headers,
        "content-length": str(len(response.body)),
        "connection": "close",
    }
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return response.status, encoded, response.body


def write_problem(error: HTTPException, now_seconds: float) -> bytes:
    """Returns the bytes of a problem document as a response of HTTP/1.1."""
    status, headers, body = problem_headers(error)
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    date = formatdate(now_seconds, usegmt=True).encode()
    phrase = REASON_PHRASES.get(status, "").encode()
    return b"HTTP/1.1 %d %b\r\ndate: %b\r\n%b\r\n%b" % (status, phrase, date, head, body)
