"""`POST /v1/events`: takes in a batch of events."""

from api.http.idempotency import IdempotencyHeaderSchema, idempotency_problems
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.platform.batch import BATCHES, Batch, batch_body, batch_report, report_schema
from api.platform.schemas import EventSchema
from api.platform.services import PlatformServices
from privacy.intake.taken import Takings
from privacy.model.engagement import Verdict

PATH = "/v1/events"
PASSED = (Verdict.COUNTED, Verdict.UNCOUNTED)
EXAMPLE = {
    "type": "like",
    "account_id": "a-2001",
    "video_id": "v-4711",
    "occurred_at": "2026-05-03T14:07:31Z",
    "profile": {"age_band": "25-34", "gender": "female", "region": "DE", "language": "de", "device": "ios"},
    "visibility": "public",
}
REPORT = {
    "received": 1,
    "verdicts": {verdict.value: int(verdict is Verdict.DUPLICATE) for verdict in Verdict},
    "not_counted": [{"index": 0, "verdict": "duplicate"}],
}
_DESCRIPTION = f"""\
Takes in likes, favourites, follows and their ends, and responds once they are on disk. If no response \
arrives, send the batch again: nothing is counted twice.

{BATCHES}

| verdict | meaning |
|---|---|
| `counted` | the engagement is counted now |
| `uncounted` | it is not: an unlike, or a like that is kept out or has used up all changes that count |
| `duplicate` | the same event was received before |
| `late` | a later event was received before, or the target is past its last release |
| `over_cap` | too many new likes of this account on this day or in this month; not stored, and final |
| `dropped_child` | the account is a child's; not stored |
| `account_closed` | the account was erased, or objects to analytics; not stored |
| `unknown_target` | the video or creator is not registered; not stored |
| `invalid` | the event breaks a rule; not stored |"""

EventsReportSchema = report_schema(
    "EventsReport",
    Verdict,
    "not_counted",
    "Every event whose verdict is neither `counted` nor `uncounted`.",
)


def post_events(services: PlatformServices, request: Request) -> Response:
    """Take in events; those that are counted are on disk when this returns.

    Raises:
        InvalidInputError: the batch as a whole cannot be read; nothing was stored.
        StoreBusyError: the store did not confirm; the same batch may be sent again.
    """
    batch = Batch.from_request(request)

    def admit() -> Response:
        takings = Takings()
        outcomes = services.admission.admit(services.decoder.decode(batch), request.now_ms, takings)
        return json_response(batch_report(outcomes, Verdict, PASSED, "not_counted", takings))

    operation = f"POST {PATH} {batch.media_type}"
    return services.idempotency.run_idempotent(request, operation, batch.raw, admit)


OPERATION = Operation(
    method="POST",
    path=PATH,
    operation_id="post_events",
    summary="Take in events",
    description=_DESCRIPTION,
    tag="platform",
    scope="ingest",
    handler=post_events,
    responses={
        200: ResponseDoc("Every event has its verdict.", EventsReportSchema, REPORT),
        **idempotency_problems(),
    },
    header_schema=IdempotencyHeaderSchema,
    body=batch_body(EventSchema, EXAMPLE),
)
