"""Operations for operators: liveness, readiness and metrics. They are open and say nothing about people."""

from collections.abc import Callable

from marshmallow import Schema, fields

from api.http.flask_app import HasGateway
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from privacy.errors import ClockError, LimitsError, StoreBusyError, StoreLostError

PROMETHEUS_TEXT = "text/plain; version=1.0.0; charset=utf-8"


class StatusSchema(Schema):
    """The status of the service."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})


def get_health(_services: HasGateway, _request: Request) -> Response:
    """Return 200 as long as the process responds."""
    return json_response({"status": "ok"})


def get_readiness(services: HasGateway, _request: Request) -> Response:
    """Return 200 when everything that requests need is available.

    Raises:
        ClockError: clocks contradict each other.
        LimitsError: the limits of this process are not in force.
        StoreLostError: a store has lost its data.
        StoreBusyError: something else is not ready.
    """
    for name, check in services.gateway.readiness.items():
        try:
            check()
        except (ClockError, LimitsError, StoreLostError):
            raise  # they have problems of their own, which say what to do
        except Exception as error:  # whatever it is, the service is not ready
            raise StoreBusyError(f"{name} is not ready") from error
    return json_response({"status": "ok"})


def get_metrics(services: HasGateway, _request: Request) -> Response:
    """Return the metrics that Prometheus scrapes."""
    return Response(services.gateway.metrics.exposition(), media_type=PROMETHEUS_TEXT)


def operations() -> tuple[Operation[HasGateway], ...]:
    """Return the operations, which are the same on every plane."""
    counters = ResponseDoc("Counters and histograms.", media_type=PROMETHEUS_TEXT)
    return (
        _operation(
            "/healthz", "Liveness", "Returns 200 while the process is alive.", get_health, _ok("alive")
        ),
        _operation(
            "/readyz", "Readiness", "Returns 200 while requests can be served.", get_readiness, _ok("ready")
        ),
        _operation(
            "/metrics",
            "Metrics",
            "Requests by operation and status, for Prometheus; nothing about people.",
            get_metrics,
            counters,
        ),
    )


def _ok(state: str) -> ResponseDoc:
    return ResponseDoc(f"The service is {state}.", StatusSchema, {"status": "ok"})


def _operation(
    path: str,
    summary: str,
    description: str,
    handler: Callable[[HasGateway, Request], Response],
    response: ResponseDoc,
) -> Operation[HasGateway]:
    return Operation(
        "GET", path, handler.__name__, summary, description, "service", None, handler, {200: response}
    )
