"""All operations of the platform plane."""

from api.http import health
from api.http.operation import Operation
from api.platform import events, imports, targets
from api.platform.moderation import (
    accounts,
    advisories,
    audit_trail,
    engagements,
    jobs,
    purges,
    resyncs,
    takedowns,
)
from api.platform.rights import choices, erasures
from api.platform.sandbox import in_sandbox
from api.platform.services import PlatformServices

_CANARIES = ("post_events", "put_video", "post_videos")
"""Operations that reviewers have in the sandbox, too."""


def operations() -> tuple[Operation[PlatformServices], ...]:
    """Return the operations, in the order in which the documentation lists them."""
    intake = (events.OPERATION, *targets.operations())
    return (
        *intake,
        imports.OPERATION,
        accounts.OPERATION,
        purges.OPERATION,
        takedowns.OPERATION,
        engagements.OPERATION,
        resyncs.OPERATION,
        advisories.OPERATION,
        audit_trail.OPERATION,
        *jobs.OPERATIONS,
        *erasures.OPERATIONS,
        *choices.OPERATIONS,
        *(in_sandbox(operation) for operation in intake if operation.operation_id in _CANARIES),
        *health.operations(),
    )
