"""All operations of the public plane."""

from __future__ import annotations

from api.http import health
from api.http.operation import Operation
from api.public import authenticity, guarantee, ledger, ledger_heads, ledger_proof, releases
from api.public.breakdowns import breakdown_operation
from api.public.changes import changes_operation
from api.public.kinds import KIND_ROUTES
from api.public.services import PublicServices
from api.public.targets import CREATOR_PROFILE, VIDEO_PROFILE
from api.public.timeseries import timeseries_operation
from api.public.totals import total_operation

_OF_A_KIND = (total_operation, breakdown_operation, timeseries_operation, changes_operation)


def operations() -> tuple[Operation[PublicServices], ...]:
    """The operations, in the order in which the docs show them; pages for people are in `api.web`."""
    return (
        *VIDEO_PROFILE.operations(),
        *CREATOR_PROFILE.operations(),
        *(make(spelling) for spelling in KIND_ROUTES for make in _OF_A_KIND),
        authenticity.OPERATION,
        guarantee.OPERATION,
        ledger.OPERATION,
        ledger_proof.OPERATION,
        *ledger_heads.OPERATIONS,
        releases.OPERATION,
        *health.operations(),
    )
