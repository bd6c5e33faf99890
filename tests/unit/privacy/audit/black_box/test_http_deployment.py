"""A deployment over HTTP: what is sent, and what is made of answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from flask import Flask, Response, request

from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.http_deployment import HttpDeployment
from privacy.errors import InvalidInputError, StoreBusyError
from tests.support.ports import free_port
from tests.support.public_plane import serving

NOW_MS = 1_780_000_000_000


class Plane:
    """Answers everything with what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        self.replies: list[Response] = []
        self.app = Flask(__name__)
        self.app.add_url_rule("/<path:path>", view_func=self._view, methods=["GET", "POST"])

    def _view(self, path: str) -> Response:
        self.asked.append((request.method, f"/{path}", request.headers.get("Authorization"), request.data))
        return self.replies.pop(0) if self.replies else Response(b"{}")


@contextmanager
def deployed(plane: Plane, waits: list[float] | None = None) -> Iterator[HttpDeployment]:
    """A deployment both planes of which are this one."""
    rest = [] if waits is None else waits
    with serving(plane.app) as url:
        yield HttpDeployment(url, ("read-1", "read-2"), url, "canary-1", lambda: NOW_MS, rest.append)


def answer(document: Any, status: int = 200, **headers: str) -> Response:
    """An answer in JSON."""
    return Response(
        msgspec.json.encode(document),
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


def test_each_key_reads_for_itself() -> None:
    """The key that was asked for, or none."""
    plane = Plane()
    with deployed(plane) as deployment:
        for key in (0, 1, None):
            deployment.read("/v1/privacy", key)
    assert [asked[2] for asked in plane.asked] == ["Bearer read-1", "Bearer read-2", None]


def test_canaries_and_events_go_to_the_sandbox() -> None:
    """With the canary key, one item a line, and no other operation."""
    plane = Plane()
    created = {"received": 1, "verdicts": {"created": 1}}
    counted = {"received": 2, "verdicts": {"counted": 1, "uncounted": 1}}
    plane.replies = [answer(created), answer(counted)]
    with deployed(plane) as deployment:
        deployment.plant([Canary("x", NOW_MS - 3_000)])
        deployment.send([CanaryEvent("a", "x", {"device": "ios"}), CanaryEvent("a", "x", liked=False)])
    (_, videos, key, body), (_, events, _, lines) = plane.asked
    assert (videos, events, key) == ("/v1/sandbox/videos", "/v1/sandbox/events", "Bearer canary-1")
    assert msgspec.json.decode(body)["video_id"] == "x"
    assert [msgspec.json.decode(line)["type"] for line in lines.splitlines()] == ["like", "unlike"]


@pytest.mark.parametrize(
    "reply",
    [
        answer({"detail": "no"}, 403),
        answer({"received": 1, "verdicts": {"counted": 0, "uncounted": 0, "unknown_target": 1}}),
    ],
)
def test_what_is_not_taken_in_ends_the_audit(reply: Response) -> None:
    """A canary that does not count would prove nothing."""
    plane = Plane()
    plane.replies = [reply]
    with deployed(plane) as deployment, pytest.raises(InvalidInputError):
        deployment.send([CanaryEvent("a", "x")])


def test_a_rate_limit_is_waited_for() -> None:
    """As long as the plane says, and then the request is sent again."""
    plane, waits = Plane(), list[float]()
    plane.replies = [answer({}, 429, Retry_After="7"), answer({"version": "v"})]
    with deployed(plane, waits) as deployment:
        assert deployment.read("/v1/privacy").document == {"version": "v"}
    assert waits == [7.0]


def test_metrics_that_are_not_shown_are_left_out() -> None:
    """A plane may keep its metrics to itself."""
    plane = Plane()
    plane.replies = [Response(b"a 1\n"), answer({}, 404)]
    with deployed(plane) as deployment:
        assert deployment.metrics() == {"public": b"a 1\n"}


def test_an_address_that_is_none_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidInputError, match="--public-url"):
        HttpDeployment("file:///etc", ("k",), "http://127.0.0.1:1", "c", lambda: NOW_MS, lambda _: None)


def test_nobody_there_is_said_plainly() -> None:
    """With the address, as an error of the store's sort."""
    url = f"http://127.0.0.1:{free_port()}"
    deployment = HttpDeployment(url, ("k",), url, "c", lambda: NOW_MS, lambda _: None)
    with pytest.raises(StoreBusyError, match="does not answer"):
        deployment.read("/v1/privacy")
