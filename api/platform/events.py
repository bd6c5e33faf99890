"""`POST /v1/events`: takes a batch of events in."""

from __future__ import annotations

from api.http.operation import Request, Response, json_response
from api.platform.batch import Batch
from api.platform.batch_report import batch_report
from api.platform.services import PlatformServices
from privacy.model.engagement import Verdict

PASSED = (Verdict.COUNTED, Verdict.UNCOUNTED)


def post_events(services: PlatformServices, call: Request) -> Response:
    """Take events in; what was counted is on disk before this answers.

    Raises:
        InvalidInputError: the batch as a whole cannot be read; nothing was stored.
        StoreBusyError: the store did not confirm; the batch may be sent again as it is.
    """
    batch = Batch.from_request(call)

    def take_in() -> Response:
        outcomes = services.door.admit(services.decoder.decode(batch), call.now_ms)
        return json_response(batch_report(outcomes, Verdict, PASSED, "not_counted"))

    return services.idempotency.run_idempotent(
        call, f"POST /v1/events {batch.media_type}", batch.raw, take_in
    )
