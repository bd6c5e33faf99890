"""The API's description: what is checked in, what is served, and what is there are the same."""

from typing import Any

import pytest
import yaml

from api.openapi import PATH, render
from api.public.operations import operations
from api.web.docs import docs_operations
from api.web.pages import page_operations
from tests.support.public_plane import PublicPlane


def test_the_checked_in_description_is_up_to_date() -> None:
    """openapi.yaml is what the operations of both planes give."""
    assert PATH.read_text(encoding="utf-8") == render()


def test_the_members_are_in_their_usual_order(plane: PublicPlane) -> None:
    """A reader finds the version of OpenAPI in the first line, and the paths before the components."""
    order = ["openapi", "info", "servers", "tags", "paths", "components"]
    lines = PATH.read_text(encoding="utf-8").splitlines()
    assert [line.partition(":")[0] for line in lines if line[:1].isalpha()] == order
    assert lines[0] == "openapi: 3.1.0"
    assert [*plane.get("/v1/openapi.json", token=None).json()] == order


def test_the_served_description_has_every_operation(plane: PublicPlane) -> None:
    """The served document describes each route of the API once, and no route that is not there."""
    document = plane.get("/v1/openapi.json", token=None).json()
    described = {
        (method.upper(), path): operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert described == {(it.method, it.path): it.operation_id for it in operations()}
    rules = {rule.endpoint for rule in plane.app.url_map.iter_rules()}
    pages = {operation.operation_id for operation in (*docs_operations({}), *page_operations())}
    assert rules - set(described.values()) == pages
    assert document["openapi"] == "3.1.0"


def test_headers_are_described_once_and_where_they_are_sent(plane: PublicPlane) -> None:
    """Generated clients can read each header of a response; each reference leads to a description."""
    document = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    described = document["components"]["headers"]
    responses = [
        *document["components"]["responses"].values(),
        *(
            it
            for methods in document["paths"].values()
            for op in methods.values()
            for it in op["responses"].values()
        ),
    ]
    named = [reference for it in responses for reference in it.get("headers", {}).items()]
    assert {name: reference["$ref"] for name, reference in named} == {
        name: f"#/components/headers/{name}" for name in described
    }
    release = document["paths"]["/v1/releases/{kind}/{target_id}/{epoch}"]["get"]["responses"]
    assert {"Likewise-Signature", "ETag", "RateLimit"} <= release["200"]["headers"].keys()
    purge = document["paths"]["/v1/moderation/purges"]["post"]["responses"]
    assert {"Location", "Idempotency-Replayed"} <= purge["202"]["headers"].keys()
    assert "Retry-After" in purge["409"]["headers"]
    likes = document["paths"]["/v1/videos/{video_id}/likes"]["get"]["responses"]["200"]["headers"]
    assert likes.keys() <= plane.get("/v1/videos/shown/likes").headers.keys()


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.operation_id)
def test_every_problem_is_documented(plane: PublicPlane, operation: Any) -> None:
    """Each operation documents the problems that it can answer, with their one schema."""
    document = plane.get("/v1/openapi.json", token=None).json()
    responses = document["paths"][operation.path][operation.method.lower()]["responses"]
    expected = {"200", "400", "500", "503"}
    expected |= {"401", "403", "429"} if operation.scope else set()
    expected |= {"304"} if operation.scope and operation.method == "GET" else set()
    expected |= {"404"} if operation.path_schema else set()
    assert expected <= set(responses)
    for reference in responses.values():
        if "$ref" in reference:
            name = reference["$ref"].rpartition("/")[2]
            content = document["components"]["responses"][name]["content"]
            assert content == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
