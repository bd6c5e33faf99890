"""`POST /v1/imports`: takes in a batch of events from before Likewise was there."""

from typing import Any

from api.http.idempotency import IdempotencyHeaderSchema, idempotency_problems
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.platform.batch import BATCHES, Batch, batch_body, batch_report
from api.platform.events import EXAMPLE, PASSED, REPORT, EventsReportSchema
from api.platform.schemas import EventSchema
from api.platform.services import PlatformServices
from api.platform.staff import audit_entry
from privacy.intake.taken import Takings
from privacy.model.engagement import Verdict
from privacy.moderation.audit_trail import run_audited

PATH = "/v1/imports"
_NOTE = "a batch of history"
_DESCRIPTION = f"""\
Takes in events of before, as `POST /v1/events` takes in those of now, and responds once they are on disk. \
Caps go by the day on which each event happened, not by the day on which it arrives.

{BATCHES}

The verdicts are those of `POST /v1/events`. `late` says, too, that an event cannot be imported any more: \
the video has had its first release, or the account has an imported like of a later day, or it is not before \
the UTC day on which the account's first like arrived otherwise (under a monthly cap: before that month). So \
send an account's events in the order of their days. Networks are not kept.

Each batch is recorded in the audit trail, before and after it runs."""


def post_import(services: PlatformServices, request: Request) -> Response:
    """Take in events from before; those that are counted are on disk when this returns.

    Raises:
        InvalidInputError: the batch as a whole cannot be read; nothing was stored.
        StoreBusyError: the store did not confirm; the same batch may be sent again.
    """
    batch = Batch.from_request(request)

    def admit() -> Response:
        events, takings = services.decoder.decode(batch), Takings()
        received = {"received": len(events) + len(events.errors)}

        def run() -> dict[str, Any]:
            outcomes = services.history.admit(events, request.now_ms, takings)
            return batch_report(outcomes, Verdict, PASSED, "not_counted", takings)

        report = run_audited(
            services.moderation.trail,
            audit_entry(request, "events.import", _NOTE, received),
            run,
            lambda report: {"verdicts": report["verdicts"]},
        )
        return json_response(report)

    operation = f"POST {PATH} {batch.media_type}"
    return services.idempotency.run_idempotent(request, operation, batch.raw, admit)


OPERATION = Operation(
    method="POST",
    path=PATH,
    operation_id="post_imports",
    summary="Import events from before",
    description=_DESCRIPTION,
    tag="platform",
    scope="import",
    handler=post_import,
    responses={
        200: ResponseDoc("Every event has its verdict.", EventsReportSchema, REPORT),
        **idempotency_problems(),
    },
    header_schema=IdempotencyHeaderSchema,
    body=batch_body(EventSchema, EXAMPLE),
)
