"""Generated requests to the running public plane, right and wrong ones, against its own description."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from api.http.openapi import openapi_document
from api.public.operations import operations
from privacy.model.identifier import IDENTIFIER_PATTERN
from tests.support.gallery import NOW_MS, publish, release, target
from tests.support.profiles import examples
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

EXAMPLE_VIDEO: Final = "v-4711"  # as the description calls it
PROOF_PATH: Final = "/v1/privacy/ledger/proof"
IDS: Final = re.compile(f"{IDENTIFIER_PATTERN}(,{IDENTIFIER_PATTERN})*")
EXAMPLES_PER_OPERATION: Final = 40
SCHEMA: Final = schemathesis.openapi.from_dict(
    openapi_document(operations(), {"public": ["/"], "service": ["/"]})
)


@pytest.fixture(scope="module")
def running(shared_store: Store) -> Iterator[PublicPlane]:
    """One plane for all generated requests."""
    shared_store.flush()
    publish(
        shared_store,
        [target(EXAMPLE_VIDEO)],
        [release(EXAMPLE_VIDEO, epoch, (1284, 1249, 1319)) for epoch in range(26)],
    )
    with public_plane(shared_store, NOW_MS) as plane:
        yield plane


@SCHEMA.parametrize()
@settings(
    max_examples=examples(EXAMPLES_PER_OPERATION),
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests(case: Any, running: PublicPlane) -> None:
    """No generated request gets an undocumented answer, a 5xx, or a success that it should not have."""
    case.call_and_validate(
        base_url=running.url,
        headers={"Authorization": f"Bearer {running.token}"},
        excluded_checks=find_inapplicable_checks(case),
    )


def find_inapplicable_checks(case: Any) -> list[Any]:
    """Returns the checks that hold a request for right or wrong where its text alone does not tell."""
    # Text of the right form is no cursor yet: only the server makes those. And nothing is signed here, so
    # that no proof can be had; those that can are in `test_public_ledger.py`.
    if "cursor" in case.query or case.path == PROOF_PATH:
        return [positive_data_acceptance]
    # A string where a list of ids should be is the same text in a URL.
    ids = case.query.get("ids")
    if isinstance(ids, str) and IDS.fullmatch(ids):
        return [negative_data_rejection]
    return []
