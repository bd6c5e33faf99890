"""All operations of the public plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.http import health
from api.public import (
    breakdowns,
    guarantee,
    ledger,
    ledger_heads,
    ledger_proof,
    likes,
    releases,
    timeseries,
    videos,
)

if TYPE_CHECKING:
    from api.http.operation import Operation
    from api.public.services import PublicServices


def operations() -> tuple[Operation[PublicServices], ...]:
    """The operations, in the order in which the docs show them; pages for people are in `api.web`."""
    return (
        *videos.OPERATIONS,
        likes.OPERATION,
        breakdowns.OPERATION,
        timeseries.OPERATION,
        guarantee.OPERATION,
        ledger.OPERATION,
        ledger_proof.OPERATION,
        *ledger_heads.OPERATIONS,
        releases.OPERATION,
        *health.operations(),
    )
