"""The app that is built from operations: what happens on a request's way, whatever the plane."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from limits.storage import MemoryStorage
from marshmallow import Schema, fields
from werkzeug.exceptions import ServiceUnavailable

from api.http import health
from api.http.api_keys import Authenticator, KeyRecord, issue_key
from api.http.flask_app import Gateway, build_app
from api.http.operation import Body, Operation, Request, Response, ResponseDoc, json_response
from api.http.rate_limit import RateLimiter
from api.http.request_body import parse_json
from privacy.errors import ConflictError, StoreBusyError

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class ThingSchema(Schema):
    """A thing."""

    name = fields.String(required=True)


@dataclass
class Log:
    """Remembers."""

    answers: list[tuple[str, int]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """Remember an answer."""
        assert seconds >= 0
        self.answers.append((operation_id, status))

    def failed(self, operation_id: str, error: BaseException) -> None:
        """Record a defect."""
        self.failures.append((operation_id, type(error).__name__))


@dataclass(frozen=True)
class Services:
    """What the handlers below work with."""

    gateway: Gateway
    things: list[Any]


def put_thing(services: Services, call: Request) -> Response:
    """Keep a body."""
    services.things.append((call.path["name"], parse_json(call.body), call.headers.get("Idempotency-Key")))
    return json_response({"name": call.path["name"]}, status=201)


def get_defect(_services: Services, _call: Request) -> Response:
    """Raise an error that no handler expects."""
    raise KeyError("account-17")


def get_busy(_services: Services, _call: Request) -> Response:
    """Refuse what is too much now."""
    raise ServiceUnavailable("Too many bodies are arriving; try again.")


def get_conflict(_services: Services, _call: Request) -> Response:
    """Contradict."""
    raise ConflictError("it is otherwise")


def get_known(_services: Services, call: Request) -> Response:
    """Count as several, and return what may be kept."""
    requests = int(call.headers.get("X-Requests", "1"))
    call.charge(requests)
    call.charge(requests)
    return json_response({}, max_age_seconds=1)


def get_failure(_services: Services, call: Request) -> Response:
    """Fail in one way or another, after it was counted as two."""
    call.charge(2)
    raise {"busy": StoreBusyError, "full": ServiceUnavailable, "": KeyError}[call.headers.get("X-Kind", "")](
        "x"
    )


def operation(method: str, path: str, handler: Any, **options: Any) -> Operation[Services]:
    """An open operation that is named by its handler."""
    whole = {"tag": "public", "scope": None, "responses": {200: ResponseDoc("It is.")}} | options
    return Operation(method, path, handler.__name__, "", "", handler=handler, **whole)


OPERATIONS: tuple[Operation[Services], ...] = (
    operation(
        "PUT",
        "/things/{name}",
        put_thing,
        scope="ingest",
        path_schema=ThingSchema,
        body=Body(ThingSchema, {"name": "a"}, max_bytes=100),
    ),
    operation("GET", "/defect", get_defect),
    operation("GET", "/known", get_known, scope="ingest"),
    operation("GET", "/failure", get_failure, scope="ingest"),
    operation("GET", "/busy", get_busy),
    operation("GET", "/conflict", get_conflict),
    *health.operations(),
)


@dataclass
class Plane:
    """An app with memories for stores."""

    ready: bool = True
    log: Log = field(default_factory=Log)
    things: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.token, self.record = issue_key(
            "platform",
            "tests",
            ["ingest"],
            lifetime_seconds=60,
            requests_per_minute=3,
            now_ms=0,
            entropy=os.urandom,
        )
        gateway = Gateway(
            authenticator=Authenticator("platform", self.find, lambda: 0.0),
            limiter=RateLimiter(MemoryStorage()),
            clock=lambda: 1000,
            log=self.log,
            readiness={"the store": self.check},
        )
        self.client: FlaskClient = build_app(
            "platform", OPERATIONS, Services(gateway, self.things)
        ).test_client()

    def find(self, key_id: str) -> KeyRecord | None:
        """Look up the one key."""
        return self.record if key_id == self.record.key_id else None

    def check(self) -> None:
        """Be ready, or fail in any way."""
        if not self.ready:
            raise OSError("redis://10.0.0.7 refused")

    def put(self, body: bytes, **headers: str) -> Any:
        """PUT a thing with the key."""
        allowed = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | headers
        return self.client.put("/things/a", data=body, headers=allowed)

    def left(self, path: str, **headers: str) -> tuple[int, str]:
        """GET with the key; the status, and how many requests are left."""
        allowed = {"Authorization": f"Bearer {self.token}"} | headers
        answer = self.client.get(path, headers=allowed)
        return answer.status_code, answer.headers["RateLimit"].partition(";t=")[0]


@pytest.fixture
def plane() -> Plane:
    """A plane."""
    return Plane()


def test_a_call_reaches_its_handler(plane: Plane) -> None:
    """A request with a right key arrives with path, body and headers; the answer says what is left."""
    answer = plane.put(b'{"name": "b"}', **{"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json) == (201, {"name": "a"})
    assert plane.things == [("a", {"name": "b"}, "k1")]
    assert answer.headers["RateLimit"] == '"minute";r=2;t=59'
    assert plane.log.answers == [("put_thing", 201)]


def test_order_of_the_checks(plane: Plane) -> None:
    """Who has no key learns nothing about arguments and body; a refused request counts against the limit."""
    assert plane.client.put("/things/a", data=b"x" * 1000).status_code == 401
    statuses = [
        plane.put(b"x" * 101).status_code,
        plane.put(b"{", **{"Content-Type": "text/plain"}).status_code,
    ]
    assert statuses == [413, 415]
    assert [plane.put(b"{").status_code, plane.put(b"{}").status_code] == [400, 429]
    assert plane.things == []


def test_what_brings_nothing_new_is_not_counted(plane: Plane) -> None:
    """A 304 leaves the limit as it was, and its headers say so; the same request with new bytes counts."""
    assert plane.left("/known") == (200, '"minute";r=2')
    for _ in range(5):
        assert plane.left("/known", **{"If-None-Match": "*"}) == (304, '"minute";r=2')
    assert plane.left("/known") == (200, '"minute";r=1')


def test_an_error_of_the_server_is_not_counted(plane: Plane) -> None:
    """Neither a defect, nor a store that does not answer, nor a server that is full uses the limit up."""
    for kind, status in (("", 500), ("busy", 503), ("full", 503)) * 2:
        assert plane.left("/failure", **{"X-Kind": kind}) == (status, '"minute";r=3')
    assert plane.left("/known") == (200, '"minute";r=2')


def test_a_request_counts_as_several(plane: Plane) -> None:
    """What costs more counts as more, but once; what exceeds the limit is refused, and counts as one."""
    assert plane.left("/known", **{"X-Requests": "2", "If-None-Match": "*"}) == (304, '"minute";r=3')
    assert plane.left("/known", **{"X-Requests": "4"}) == (429, '"minute";r=1')
    assert plane.left("/known") == (200, '"minute";r=0')
    assert plane.left("/known", **{"If-None-Match": "*"}) == (429, '"minute";r=0')


def test_a_defect_is_a_plain_500(plane: Plane) -> None:
    """A defect is answered without detail and told to the log, whatever it says."""
    answer = plane.client.get("/defect")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert b"account-17" not in answer.data
    assert plane.log.failures == [("get_defect", "KeyError")]
    assert plane.log.answers == [("get_defect", 500)]


def test_errors_on_purpose_are_not_defects(plane: Plane) -> None:
    """An error of Likewise's own is a problem document, and no defect in the log."""
    assert plane.client.get("/conflict").status_code == 409
    assert plane.client.get("/nowhere").status_code == 404
    assert plane.log.failures == []
    assert plane.client.get("/busy").status_code == 503
    assert plane.log.failures == []
    assert plane.log.answers == [("get_conflict", 409), ("unmatched", 404), ("get_busy", 503)]


def test_readiness(plane: Plane) -> None:
    """Not ready is a 503 that does not say where the stores are; liveness does not ask them."""
    assert plane.client.get("/readyz").json == {"status": "ok"}
    plane.ready = False
    answer = plane.client.get("/readyz")
    assert (answer.status_code, b"10.0.0.7" in answer.data) == (503, False)
    assert plane.client.get("/healthz").status_code == 200


def test_an_upgrade_is_ignored(plane: Plane) -> None:
    """A server may answer in its own protocol whoever offers another one (RFC 9110, 7.8), websocket too."""
    for protocol in ("h2c", "websocket"):
        offer = {"Connection": "Upgrade", "Upgrade": protocol}
        assert plane.client.get("/healthz", headers=offer).status_code == 200


def test_a_path_that_ends_with_a_slash_is_told_so(plane: Plane) -> None:
    """A path that would be right without its slash is a 404 that says why, and any other one is not."""
    for path, told in (("/conflict/", True), ("/conflicts", False), ("/%80/", False)):
        answer = plane.client.get(path)
        assert (answer.status_code, b"end with a slash" in answer.data) == (404, told)


def test_metrics_count_answers_by_operation_and_status(plane: Plane) -> None:
    """Each answer is counted once under its operation, those that no route takes under one name."""
    for path in ("/healthz", "/healthz", "/a", "/b", "/defect"):
        plane.client.get(path)
    plane.client.open("/healthz", method="BREW")
    text = plane.client.get("/metrics").get_data(as_text=True)
    for operation_id, status, count in (
        ("get_health", 200, 2),
        ("unmatched", 404, 2),
        ("unmatched", 405, 1),
        ("get_defect", 500, 1),
    ):
        sample = f'likewise_http_requests_total{{operation="{operation_id}",status="{status}"}} {count}.0'
        assert sample in text
    assert 'likewise_http_request_seconds_count{operation="get_health"} 2.0' in text


def test_head_sends_no_body(plane: Plane) -> None:
    """HEAD is answered with the headers of GET and not a byte behind them."""
    answer = plane.client.head("/healthz")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(plane.client.get("/healthz").data))
