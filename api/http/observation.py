"""The outermost layer: counts, times and logs every answer, also of requests that no route takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from api.http.exchange import open_exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication

    from api.http.logs import RequestLog
    from api.http.metrics import RequestMetrics


class Observation:
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
