"""Counts requests for Prometheus: by operation and status, never by key, path or argument."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

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
