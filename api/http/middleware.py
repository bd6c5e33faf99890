"""The outermost layer of an app: times, counts and logs every response, also to requests without a route."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from api.http.caller import Caller
from api.http.logs import RequestLog
from api.http.rate_limit import Allowance

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

UNMATCHED = "unmatched"
"""The operation id of requests that match no route."""
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ENVIRON_KEY = "likewise.context"


class RequestMetrics:
    """Counts the requests that a plane has answered since it started, in all of its workers.

    A server with several workers names a folder for their counters (`api.http.serve`). Without one, the
    counts are those of this process.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        requests = Counter(
            "likewise_http_requests",
            "Requests answered, by operation and status.",
            ("operation", "status"),
            registry=self._registry,
        )
        seconds = Histogram(
            "likewise_http_request_seconds",
            "Time from a request's arrival to its answer, by operation.",
            ("operation",),
            registry=self._registry,
            buckets=_BUCKETS_SECONDS,
        )
        # Finding a child by its labels costs more than counting with it; there are few, so they are cached.
        self._requests = cache(requests.labels)
        self._seconds = cache(seconds.labels)

    def observe(self, operation_id: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests(operation_id, status).inc()
        self._seconds(operation_id).observe(seconds)

    def exposition(self) -> bytes:
        """Return all counters in Prometheus' text format."""
        if values.ValueClass is values.MutexValue:
            return generate_latest(self._registry)
        of_all_workers = CollectorRegistry()
        MultiProcessCollector(of_all_workers)  # type: ignore[no-untyped-call] # the library has no type here
        return generate_latest(of_all_workers)


@dataclass(slots=True)
class RequestContext:
    """The state that the layers of an app share about one request.

    Args:
        operation_id: name of the operation; `UNMATCHED` where no route matches.
        key: who asks, once the request is admitted.
        allowance: the requests that this one counts as.
        now_ms: when it was admitted, in ms since 1970 UTC.
        started: when the request arrived, by `time.perf_counter`.
    """

    operation_id: str = UNMATCHED
    key: Caller | None = None
    allowance: Allowance | None = None
    now_ms: int = 0
    started: float = field(default_factory=time.perf_counter)


def context_of(environ: dict[str, Any]) -> RequestContext:
    """Return the context of the request that has this WSGI environment."""
    context: RequestContext = environ[_ENVIRON_KEY]
    return context


class AccessLogMiddleware:
    """Wraps a WSGI app.

    Args:
        app: the app to wrap.
        metrics: counts the responses.
        log: logs the responses.
    """

    def __init__(self, app: WSGIApplication, metrics: RequestMetrics, log: RequestLog) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request; a second call, with the body, continues the first."""
        context: RequestContext | None = environ.get(_ENVIRON_KEY)
        if context is None:
            context = environ[_ENVIRON_KEY] = RequestContext()
            _close_side_doors(environ)
        known = context

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            code, seconds = int(status[:3]), time.perf_counter() - known.started
            self._metrics.observe(known.operation_id, code, seconds)
            self._log.answered(known.operation_id, code, seconds)
            return start_response(status, headers, exc_info)

        return self._app(environ, start)


def _close_side_doors(environ: dict[str, Any]) -> None:
    """Makes sure that an operation has one spelling: werkzeug would fold slashes and the case of methods."""
    path = environ["PATH_INFO"]
    if path.startswith("//") or "%2F" in path:  # the server leaves an encoded slash as it is
        environ["PATH_INFO"] = f"/.{path}"  # no route begins like this
    method = environ["REQUEST_METHOD"]
    if not method.isupper():
        environ["REQUEST_METHOD"] = f"{method} (not upper case)"
