"""Generated requests to the running public plane, right and wrong ones, against its own description."""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema_rs import is_valid
from requests import Request
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from api.http.openapi import openapi_document
from api.public.operations import operations
from tests.support.gallery import NOW_MS, publish, release, target
from tests.support.profiles import examples
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

EXAMPLE_VIDEO: Final = "v-4711"  # as the description calls it
PROOF_PATH: Final = "/v1/privacy/ledger/proof"
QUERY_PATH: Final = "/v1/query"
CURSORS: Final = {"cursor", "after"}
AUDIENCE_PARAMETERS: Final = {"period", "from", "to", "day", "dimension", "cell"}
EXAMPLES_PER_OPERATION: Final = 15
EXAMPLES_AT_NIGHT: Final = 400
SCHEMA: Final = schemathesis.openapi.from_dict(
    openapi_document(operations(), {"public": ["/"], "service": ["/"]})
)


@pytest.fixture(scope="module")
def running(shared_store: Store) -> Iterator[PublicPlane]:
    """Returns one plane for all generated requests."""
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
    max_examples=examples(EXAMPLES_PER_OPERATION, EXAMPLES_AT_NIGHT),
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
    """Returns the checks that call a request right or wrong for a reason that its text does not show."""
    checks: list[Any] = []
    # Text of the right form is no cursor yet: only the server makes those. And nothing is signed here, so
    # that no proof can be had; those that can are in `test_public_ledger.py`.
    # What of audiences is measured, and which days are over, is in the guarantee and not in the schema.
    # Videos are named by ids or by a filter, not by both; which members of a query fit together is in words.
    asked = set(case.query)
    is_mixed = "ids" in asked and len(asked) > 1
    if case.path in (PROOF_PATH, QUERY_PATH) or (CURSORS | AUDIENCE_PARAMETERS) & asked or is_mixed:
        checks.append(positive_data_acceptance)
    # An unknown parameter that is an empty list is not sent; text where a list should be is a list of one.
    if is_right_as_sent(case):
        checks.append(negative_data_rejection)
    return checks


def is_right_as_sent(case: Any) -> bool:
    """Returns whether path and query of a generated request, as text, are what the description asks for."""
    declared = [
        parameter
        for parameter in case.operation.definition.raw.get("parameters", [])
        if parameter["in"] in ("path", "query")
    ]
    schemas = {parameter["name"]: parameter["schema"] for parameter in declared}
    required = {parameter["name"] for parameter in declared if parameter["required"]}
    url = str(Request(**case.as_transport_kwargs(base_url="http://localhost")).prepare().url)
    sent = [(name, str(value)) for name, value in case.path_parameters.items()]
    sent += parse_qsl(urlsplit(url).query, keep_blank_values=True)
    names = [name for name, _ in sent]
    return (
        len(names) == len(set(names))
        and required <= set(names) <= set(schemas)
        and all(is_valid(schemas[name], parse_text(text, schemas[name]["type"])) for name, text in sent)
    )


def parse_text(text: str, wanted: str) -> Any:
    """Parses a parameter as the type that the description names; text that is none stays text."""
    if wanted == "array":
        return text.split(",")
    return int(text) if wanted == "integer" and re.fullmatch(r"-?[0-9]+", text, re.ASCII) else text
