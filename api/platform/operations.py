"""All operations of the platform plane."""

from __future__ import annotations

from api.http import health
from api.http.idempotency import IdempotencyHeaderSchema
from api.http.operation import Operation, ResponseDoc
from api.platform.batch import BATCH_PROBLEMS, BATCHES, batch_of
from api.platform.batch_report import EventsAnswerSchema
from api.platform.events import post_events
from api.platform.moderation import (
    accounts,
    advisories,
    audit_trail,
    engagements,
    jobs,
    purges,
    resyncs,
    targets,
)
from api.platform.rights import choices, erasures
from api.platform.sandbox import in_sandbox
from api.platform.schemas import EventSchema
from api.platform.services import PlatformServices
from api.platform.targets import catalogue_operations
from privacy.model.engagement import Verdict


def rights_operations() -> tuple[Operation[PlatformServices], ...]:
    """The operations, in the order in which the docs show them."""
    return (*erasures.operations(), *choices.operations())


def moderation_operations() -> tuple[Operation[PlatformServices], ...]:
    """The operations, in the order in which the docs show them."""
    return (
        accounts.operation(),
        purges.operation(),
        targets.operation(),
        engagements.operation(),
        resyncs.operation(),
        advisories.operation(),
        audit_trail.operation(),
        *jobs.operations(),
    )


_EVENT = {
    "type": "like",
    "account_id": "a-2001",
    "video_id": "v-4711",
    "occurred_at": "2026-05-03T14:07:31Z",
    "profile": {"age_band": "25-34", "gender": "female", "region": "DE", "language": "de", "device": "ios"},
    "visibility": "public",
}
_EVENT_VERDICTS = """\
| verdict | meaning |
|---|---|
| `counted` | the account stands in the counts now |
| `uncounted` | it does not: an unlike, or a like that is kept out or has used up all changes that count |
| `duplicate` | the same event was here before |
| `late` | a later event was here before, or the target is past its last release |
| `over_cap` | too many new likes of this account today; not stored |
| `dropped_child` | a child's; not stored |
| `account_closed` | the account was erased, or objects to analytics; not stored |
| `unknown_target` | the video or creator is not registered; not stored |
| `invalid` | it breaks a rule; not stored |
"""


def _post_events() -> Operation[PlatformServices]:
    answer = {
        "received": 1,
        "verdicts": {verdict.value: int(verdict is Verdict.DUPLICATE) for verdict in Verdict},
        "not_counted": [{"index": 0, "verdict": "duplicate"}],
    }
    return Operation(
        method="POST",
        path="/v1/events",
        operation_id="post_events",
        summary="Events in",
        description="Takes likes, favourites, follows and their ends in and answers once they are on disk. "
        f"Send a batch again if no answer came: nothing is counted twice.\n\n{BATCHES}\n{_EVENT_VERDICTS}",
        tag="platform",
        scope="ingest",
        handler=post_events,
        responses={
            200: ResponseDoc("Every event has its verdict.", EventsAnswerSchema, answer),
            **BATCH_PROBLEMS,
        },
        header_schema=IdempotencyHeaderSchema,
        body=batch_of(EventSchema, _EVENT),
    )


_CANARIES = ("post_events", "put_video", "post_videos")
"""Operations that reviewers have in the sandbox too."""


def operations() -> tuple[Operation[PlatformServices], ...]:
    """The operations, in the order in which the docs show them."""
    events, catalogue = _post_events(), catalogue_operations()
    return (
        events,
        *catalogue,
        *moderation_operations(),
        *rights_operations(),
        *(in_sandbox(operation) for operation in (events, *catalogue) if operation.operation_id in _CANARIES),
        *health.operations(),
    )
