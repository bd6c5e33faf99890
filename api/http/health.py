"""The operations for those who run a plane: liveness, readiness, metrics. Open, and about no person."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.http.gateway import HasGateway
from api.http.operation import Operation, Request, Response, ResponseDoc, json_answer
from privacy.errors import StoreBusyError

PROMETHEUS_TEXT = "text/plain; version=1.0.0; charset=utf-8"


class StatusSchema(Schema):
    """A state in one word."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})


def healthz(_services: HasGateway, _call: Request) -> Response:
    """Answer as long as the process can."""
    return json_answer({"status": "ok"})


def readyz(services: HasGateway, _call: Request) -> Response:
    """Answer when everything that requests need is there.

    Raises:
        StoreBusyError: something is not.
    """
    for name, check in services.edge.readiness.items():
        try:
            check()
        except Exception as error:  # whatever it is, the answer is "not ready"
            raise StoreBusyError(f"{name} is not ready") from error
    return json_answer({"status": "ok"})


def metrics(services: HasGateway, _call: Request) -> Response:
    """Answer what Prometheus scrapes."""
    return Response(services.edge.metrics.exposition(), media_type=PROMETHEUS_TEXT)


def operations() -> tuple[Operation[HasGateway], ...]:
    """The service operations, the same on every plane."""
    ok = {200: ResponseDoc("It is.", StatusSchema, {"status": "ok"})}
    return (
        Operation(
            "GET",
            "/healthz",
            "get_health",
            "Liveness",
            "Whether the process lives.",
            "service",
            None,
            healthz,
            ok,
        ),
        Operation(
            "GET",
            "/readyz",
            "get_readiness",
            "Readiness",
            "Whether stores answer.",
            "service",
            None,
            readyz,
            ok,
        ),
        Operation(
            "GET",
            "/metrics",
            "get_metrics",
            "Metrics",
            "Requests by operation and status, for Prometheus. Nothing about people.",
            "service",
            None,
            metrics,
            {200: ResponseDoc("Counters and histograms.", media_type=PROMETHEUS_TEXT)},
        ),
    )
