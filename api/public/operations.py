"""All operations of the public plane."""

from api.http import health
from api.http.operation import Operation
from api.public import (
    authenticity,
    guarantee,
    ledger_entries,
    ledger_heads,
    ledger_proof,
    release_feed,
    releases,
)
from api.public.access import description
from api.public.audience_routes import SCOPE_ROUTES
from api.public.audiences import make_audience_operation
from api.public.breakdowns import make_breakdown_operation
from api.public.changes import make_changes_operation
from api.public.find import creator_videos, dimensions, groups, videos
from api.public.insight import benchmark
from api.public.kinds import KIND_ROUTES
from api.public.query import operation as query
from api.public.services import PublicServices
from api.public.target_metadata import CREATORS, VIDEOS
from api.public.timeseries import make_timeseries_operation
from api.public.totals import make_total_operation
from api.public.trends import TREND_OPERATIONS

_FACTORIES = (
    make_total_operation,
    make_breakdown_operation,
    make_timeseries_operation,
    make_changes_operation,
)


def operations() -> tuple[Operation[PublicServices], ...]:
    """Returns the operations in the order of the API documentation; the pages for people are in `api.web`."""
    return (
        videos.OPERATION,
        VIDEOS.make_single_operation(),
        CREATORS.make_list_operation(),
        CREATORS.make_single_operation(),
        benchmark.OPERATION,
        creator_videos.OPERATION,
        *groups.OPERATIONS,
        *(make(routes) for routes in KIND_ROUTES for make in _FACTORIES),
        authenticity.OPERATION,
        *(make_audience_operation(routes) for routes in SCOPE_ROUTES),
        *TREND_OPERATIONS,
        *query.OPERATIONS,
        release_feed.OPERATION,
        description.OPERATION,
        guarantee.OPERATION,
        dimensions.OPERATION,
        ledger_entries.OPERATION,
        ledger_proof.OPERATION,
        *ledger_heads.OPERATIONS,
        releases.OPERATION,
        *health.operations(),
    )
