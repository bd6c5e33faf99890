"""The outermost layer: counts, times and logs every answer, also of requests that no route takes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from api.http.logs import RequestLog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

UNMATCHED = "unmatched"
"""The operation of requests that no route takes."""
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestMetrics:
    """What one serving process has answered since it started."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        answers = Counter(
            "likewise_http_requests",
            "Requests answered, by operation and status.",
            ("operation", "status"),
            registry=self._registry,
        )
        seconds_by_operation = Histogram(
            "likewise_http_request_seconds",
            "Time from a request's arrival to its answer, by operation.",
            ("operation",),
            registry=self._registry,
            buckets=_BUCKETS_SECONDS,
        )
        # Looking a child up by its labels costs more than counting with it; there are few, so they are kept.
        self._answer = cache(answers.labels)
        self._second = cache(seconds_by_operation.labels)

    def observe(self, operation_id: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._answer(operation_id, status).inc()
        self._second(operation_id).observe(seconds)

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format."""
        return generate_latest(self._registry)


_ENVIRON_KEY = "likewise.exchange"


@dataclass(slots=True)
class RequestContext:
    """One request and its answer.

    Args:
        operation_id: name of the operation; `UNMATCHED` where no route takes the request.
        headers: what the answer will carry beside its own headers, success or problem.
    """

    operation_id: str = UNMATCHED
    headers: list[tuple[str, str]] = field(default_factory=list)


def open_exchange(environ: dict[str, Any]) -> RequestContext:
    """Start the exchange of a request."""
    exchange = environ[_ENVIRON_KEY] = RequestContext()
    return exchange


def exchange_of(environ: dict[str, Any]) -> RequestContext:
    """The exchange of the request that has this WSGI environment."""
    exchange: RequestContext = environ[_ENVIRON_KEY]
    return exchange


class AccessLogMiddleware:
    """Wraps a WSGI app.

    Args:
        app: what is wrapped.
        metrics: where answers are counted.
        log: where answers are told.
    """

    def __init__(self, app: WSGIApplication, metrics: RequestMetrics, log: RequestLog) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        started = time.perf_counter()
        exchange = open_exchange(environ)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            code, seconds = int(status[:3]), time.perf_counter() - started
            self._metrics.observe(exchange.operation_id, code, seconds)
            self._log.answered(exchange.operation_id, code, seconds)
            return start_response(status, headers, exc_info)

        return self._app(environ, start)
