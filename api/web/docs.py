"""The interactive API documentation and its OpenAPI document, all served by this server."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from marshmallow import Schema, fields

from api.http.operation import PAGE, Operation, Request, Response, ResponseDoc
from api.http.responses import CONTENT_SECURITY_POLICY
from privacy.errors import NotFoundError

PAGE_MAX_AGE_SECONDS = 300
HTML = "text/html; charset=utf-8"
COMPLIANCE = Path(__file__).parents[2] / "docs" / "compliance"
"""Documents for reviewers: in a checkout and in the image, next to the code."""
_TEXTS = {".md": "text/markdown; charset=utf-8", ".yaml": "application/yaml"}
_JAVASCRIPT = "text/javascript; charset=utf-8"
_ASSETS = {
    "docs.js": ("api.web", "docs.js", _JAVASCRIPT),
    "swagger-ui.css": ("flask_swagger_ui", "dist/swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": ("flask_swagger_ui", "dist/swagger-ui-bundle.js", _JAVASCRIPT),
    "favicon-32x32.png": ("flask_swagger_ui", "dist/favicon-32x32.png", "image/png"),
}
# Swagger UI's stylesheet holds its small icons as data URLs.
_POLICY = {
    CONTENT_SECURITY_POLICY: "default-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


class AssetPathSchema(Schema):
    """Path arguments of a file of the documentation page."""

    asset = fields.String(required=True)


class DocumentPathSchema(Schema):
    """Path arguments of a document for reviewers."""

    document = fields.String(required=True)


def docs_operations(document: Mapping[str, Any]) -> tuple[Operation[object], ...]:
    """Returns the operations that serve an OpenAPI document and the page that shows it.

    Args:
        document: the OpenAPI document.
    """
    openapi = Response(msgspec.json.encode(document), max_age_seconds=PAGE_MAX_AGE_SECONDS)
    page = _read_asset("api.web", "docs.html", HTML, _POLICY)
    assets = {name: _read_asset(*location) for name, location in _ASSETS.items()}
    compliance = {path.name: _read_text(path) for path in COMPLIANCE.iterdir() if path.suffix in _TEXTS}

    def get_openapi(_services: object, _request: Request) -> Response:
        return openapi

    def get_docs(_services: object, _request: Request) -> Response:
        return page

    def get_compliance(_services: object, request: Request) -> Response:
        if request.path["document"] not in compliance:
            raise NotFoundError("there is no such document")
        return compliance[request.path["document"]]

    def get_asset(_services: object, request: Request) -> Response:
        if request.path["asset"] not in assets:
            raise NotFoundError("there is no such file")
        return assets[request.path["asset"]]

    return (
        _make_operation("/v1/openapi.json", "get_openapi", get_openapi),
        _make_operation("/docs", "get_docs", get_docs),
        _make_operation("/docs/compliance/{document}", "get_compliance", get_compliance, DocumentPathSchema),
        _make_operation("/docs/{asset}", "get_docs_asset", get_asset, AssetPathSchema),
    )


def _make_operation(
    path: str, operation_id: str, handler: Any, path_schema: type[Schema] | None = None
) -> Operation[object]:
    return Operation(
        method="GET",
        path=path,
        operation_id=operation_id,
        summary="A page for people",
        description="The interactive documentation of this API, or a part of it.",
        tag=PAGE,
        scope=None,
        handler=handler,
        responses={200: ResponseDoc("The page.")},
        path_schema=path_schema,
    )


def _read_text(path: Path) -> Response:
    return Response(path.read_bytes(), media_type=_TEXTS[path.suffix], max_age_seconds=PAGE_MAX_AGE_SECONDS)


def _read_asset(
    package: str, name: str, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    body = files(package).joinpath(name).read_bytes()
    return Response(body, media_type=media_type, max_age_seconds=PAGE_MAX_AGE_SECONDS, headers=headers or {})
