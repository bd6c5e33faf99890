"""All operations of trust & safety."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from api.http.operation import Operation
    from api.platform.services import PlatformServices


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
