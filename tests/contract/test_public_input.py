"""Bad input to the public plane: a clear problem document each time, and nothing else."""

import http.client
import json
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from api.http.pagination import encode_cursor
from tests.support.public_plane import PublicPlane

PROBLEM: Final = "application/problem+json"
LIKES: Final = "/v1/videos/shown/likes"
INVALID: Final = {
    # path: the field that is named
    f"{LIKES}?a=1": "a",
    f"{LIKES}?": None,
    f"{LIKES}?noise=false&epsilon=9": "noise",
    "/healthz?verbose=1": "verbose",
    "/v1/videos?ids=shown&creator_id=c-12": "creator_id",
    "/v1/videos?ids=shown&cursor=eA": "cursor",
    "/v1/videos?creator_id=": "creator_id",
    "/v1/videos?hashtag=": "hashtag",
    f"/v1/videos?hashtag={'a' * 401}": "hashtag",
    "/v1/videos?sound_id=a%20b": "sound_id",
    "/v1/videos?posted_after=yesterday": "posted_after",
    "/v1/videos?posted_before=2026-02-30": "posted_before",
    "/v1/videos?sort=newest": "sort",
    "/v1/videos?limit=1001": "limit",
    "/v1/videos?cursor=eA": "cursor",
    "/v1/videos?sort=likes&cursor=eA": "cursor",
    "/v1/videos?ids=": "ids",
    "/v1/videos?ids=shown,": "ids",
    "/v1/videos?ids=shown&ids=": "ids",
    "/v1/videos?ids[0]=shown": "ids[0]",
    "/v1/videos?ids=shown&account_ids=a": "account_ids",
    "/v1/videos?ids=sh%C3%B6wn": "ids",
    "/v1/videos?ids=%7Ba%7D": "ids",
    "/v1/videos?ids=shown%00": "ids",
    f"/v1/videos?ids={'a' * 129}": "ids",
    "/v1/videos/%7Ba%7D/likes": "video_id",
    "/v1/videos/sho%20wn/likes": "video_id",
    "/v1/videos/sho%0Awn/likes": "video_id",
    "/v1/videos/%ff/likes": "video_id",
    "/v1/videos/%EF%BC%A1/likes": "video_id",
    f"/v1/videos/{'a' * 129}": "video_id",
    f"{LIKES}/timeseries?limit=0": "limit",
    f"{LIKES}/timeseries?limit=201": "limit",
    f"{LIKES}/timeseries?limit=1.0": "limit",
    f"{LIKES}/timeseries?limit=1_0": "limit",
    f"{LIKES}/timeseries?limit=%2B1": "limit",
    f"{LIKES}/timeseries?limit=": "limit",
    f"{LIKES}/timeseries?limit={'9' * 5000}": "limit",
    f"{LIKES}/timeseries?limit=1&limit=1": "limit",
    f"{LIKES}/timeseries?cursor=": "cursor",
    f"{LIKES}/timeseries?cursor=7": "cursor",
    f"{LIKES}/timeseries?cursor=%C3%A9": "cursor",
    f"{LIKES}/timeseries?cursor={encode_cursor('ledger', (0, 7))}": "cursor",
    f"{LIKES}/timeseries?cursor={encode_cursor('timeseries', (0, 7))}": "cursor",
    f"{LIKES}/timeseries?cursor={encode_cursor('timeseries', (7,))}=": "cursor",
    f"{LIKES}/timeseries?cursor={encode_cursor('timeseries', (26,))}": "cursor",
    f"/v1/privacy/ledger?cursor={encode_cursor('ledger', (0, 7))}": "cursor",
    f"/v1/privacy/ledger?cursor={encode_cursor('timeseries', (7,))}": "cursor",
    "/v1/creators": "ids",
    "/v1/creators?ids=a,,b": "ids",
    "/v1/creators/%7Ba%7D": "creator_id",
    "/v1/creators/a%20b/followers": "creator_id",
    "/v1/creators/a/authenticity?days=0": "days",
    "/v1/creators/a/authenticity?account_id=x": "account_id",
    "/v1/creators/a/videos?limit=0": "limit",
    "/v1/creators/a/videos?liked_by=x": "liked_by",
    f"{LIKES}/changes?limit=0": "limit",
    f"{LIKES}/changes?reason=unliked": "reason",
    f"{LIKES}/changes?cursor={encode_cursor('timeseries', (7,))}": "cursor",
    "/v1/privacy?version=": "version",
    "/v1/dimensions?version=": "version",
    "/v1/dimensions?dimension=device": "dimension",
    "/v1/privacy?version=a%2Fb": "version",
}
MISSING: Final = (
    "/static/nothing.js",
    "/static/..%2Fpages.py",
    "/creators",
    "/v1",
    "/v1/videos/",
    "/v1/videos/nobody",
    "/v1/videos/nobody/likes",
    "/v1/videos/shown/likes/",
    "/v1/videos//likes",
    "/v1/videos/shown/likers",
    "/v1/videos/nobody/likes/breakdowns/device",
    "/v1/videos/nobody/likes/timeseries",
    "/v1/videos/nobody/likes/changes",
    "/v1/videos/shown/followers",
    "/v1/creators/nobody",
    "/v1/creators/nobody/likes",
    "/v1/creators/nobody/authenticity",
    "/v1/creators/nobody/videos",
    "/v1/accounts/a",
    "/docs/..%2fdocs.py",
    "/docs/docs.py",
    "/docs/../../etc/passwd",
)


def raw(plane: PublicPlane, method: str, path: str, **options: Any) -> tuple[int, dict[str, str], bytes]:
    """Send a request exactly as it is given, without a client library that tidies it up."""
    connection = http.client.HTTPConnection(urlsplit(plane.url).netloc, timeout=10)
    headers = {"Authorization": f"Bearer {plane.token}"} | options.pop("headers", {})
    connection.request(method, path, headers=headers, **options)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


@pytest.mark.parametrize(("path", "field"), [case for case in INVALID.items() if case[1]])
def test_invalid_arguments(plane: PublicPlane, path: str, field: str) -> None:
    """An argument that breaks its rule is answered 400 with field, fault and rule."""
    status, headers, body = raw(plane, "GET", path)
    problem = json.loads(body)
    assert (status, headers["Content-Type"], problem["status"]) == (400, PROBLEM, 400)
    assert problem["field"] == field
    message, expected = problem["message"], problem["expected"]
    unknown = message == "is not a query parameter of this operation"
    sentence = f"Unknown query parameter `{field}`; this operation takes "
    assert problem["detail"].startswith(sentence if unknown else f"`{field}` {message}; expected {expected}.")


def test_an_empty_query_is_none(plane: PublicPlane) -> None:
    """A question mark with nothing behind it changes nothing."""
    assert raw(plane, "GET", f"{LIKES}?")[2] == raw(plane, "GET", LIKES)[2]


@pytest.mark.parametrize("path", ["/healthz", LIKES, "/docs"])
def test_an_endless_query(plane: PublicPlane, path: str) -> None:
    """A query larger than any right one is refused before it is taken apart."""
    status, headers, body = raw(plane, "GET", f"{path}?{'a=1&' * 12_000}")
    assert (status, headers["Content-Type"], json.loads(body)["status"]) == (414, PROBLEM, 414)


@pytest.mark.parametrize("path", MISSING)
def test_what_does_not_exist(plane: PublicPlane, path: str) -> None:
    """An unknown path or target is a 404 problem, never a redirect."""
    status, headers, body = raw(plane, "GET", path)
    assert (status, headers["Content-Type"], json.loads(body)["status"]) == (404, PROBLEM, 404)


def test_an_unknown_dimension_names_the_declared_ones(plane: PublicPlane) -> None:
    """Who asks for a dimension that is not declared is told which are."""
    answer = plane.get(f"{LIKES}/breakdowns/income")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "There is no breakdown of likes by income; the policy has those by device, gender.",
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods(plane: PublicPlane, method: str) -> None:
    """A method that a route does not have is a 405 problem that names those it has."""
    status, headers, body = raw(plane, method, LIKES)
    assert (status, headers["Content-Type"]) == (405, PROBLEM)
    assert set(headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert json.loads(body)["status"] == 405


def test_head_is_get_without_its_body(plane: PublicPlane) -> None:
    """HEAD has the headers of GET, and no body."""
    _, of_get, _ = raw(plane, "GET", LIKES)
    status, of_head, body = raw(plane, "HEAD", LIKES)
    assert (status, body) == (200, b"")
    for name in ("ETag", "Cache-Control", "Content-Type", "Content-Length"):
        assert of_head[name] == of_get[name]


@pytest.mark.parametrize("headers", [{"Content-Length": "4"}, {"Transfer-Encoding": "chunked"}])
def test_a_body_where_none_belongs(plane: PublicPlane, headers: dict[str, str]) -> None:
    """GET with a body is refused: what is not understood must not seem to work."""
    body = b"true" if "Content-Length" in headers else b"4\r\ntrue\r\n0\r\n\r\n"
    status, _, answer = raw(plane, "GET", LIKES, headers=headers, body=body)
    assert (status, json.loads(answer)["field"]) == (400, "body")


def test_every_answer_carries_the_security_headers(plane: PublicPlane) -> None:
    """Success, problem and page alike say that they are not to be sniffed, framed or sent along."""
    for path in (LIKES, "/nowhere", "/docs", "/healthz", f"{LIKES}?a=1"):
        headers = plane.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith(("default-src 'none'", "default-src 'self'"))
