"""The interactive API documentation and its OpenAPI document, all served by this server."""

import re
from collections.abc import Mapping
from importlib.resources import files
from os.path import normpath
from pathlib import Path
from typing import Any

import msgspec
from marshmallow import Schema, fields

from api.http.operation import PAGE, Operation, Request, Response, ResponseDoc
from api.http.responses import CONTENT_SECURITY_POLICY, etag_of
from privacy.errors import NotFoundError

PAGE_MAX_AGE_SECONDS = 300
HTML = "text/html; charset=utf-8"
ROOT = Path(__file__).resolve().parents[2]
"""In a checkout and in the image, documents lie next to the code."""
COMPLIANCE = ROOT / "docs" / "compliance"
"""Documents for reviewers."""
_PROOFS = ROOT / "docs" / "proofs"
_READERS_PAGES = tuple(
    ROOT / "docs" / name for name in ("reading.md", "follow.md", "browser.md", "why-did-my-likes-drop.md")
)
_LINK = re.compile(r"\[([^]]*)\]\(([^()\s#]+)(#[^()\s]*)?\)")
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
    """Path arguments of a page of a folder."""

    document = fields.String(required=True)


def docs_operations(document: Mapping[str, Any]) -> tuple[Operation[object], ...]:
    """Returns the operations that serve an OpenAPI document and the page that shows it.

    Args:
        document: the OpenAPI document.
    """
    described = msgspec.json.encode(document)
    openapi = Response(described, max_age_seconds=PAGE_MAX_AGE_SECONDS, etag=etag_of(described))
    page = _read_asset("api.web", "docs.html", HTML, _POLICY)
    assets = {name: _read_asset(*location) for name, location in _ASSETS.items()}
    pages = {path: _read_text(path) for path in _list_pages()}
    assets |= {path.name: page for path, page in pages.items() if path in _READERS_PAGES}

    def get_openapi(_services: object, _request: Request) -> Response:
        return openapi

    def get_docs(_services: object, _request: Request) -> Response:
        return page

    def get_compliance(_services: object, request: Request) -> Response:
        return _find_page(pages, COMPLIANCE, request)

    def get_proof(_services: object, request: Request) -> Response:
        return _find_page(pages, _PROOFS, request)

    def get_asset(_services: object, request: Request) -> Response:
        if request.path["asset"] not in assets:
            raise NotFoundError("there is no such file")
        return assets[request.path["asset"]]

    return (
        _make_operation("/v1/openapi.json", "get_openapi", get_openapi),
        _make_operation("/docs", "get_docs", get_docs),
        _make_operation("/docs/compliance/{document}", "get_compliance", get_compliance, DocumentPathSchema),
        _make_operation("/docs/proofs/{document}", "get_proof", get_proof, DocumentPathSchema),
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


def _list_pages() -> list[Path]:
    folders = (path for folder in (COMPLIANCE, _PROOFS) for path in folder.iterdir())
    return [path for path in (*folders, *_READERS_PAGES) if path.suffix in _TEXTS]


def _find_page(pages: Mapping[Path, Response], folder: Path, request: Request) -> Response:
    # A name with a separator cannot come this far, and would be no key.
    page = pages.get(folder / request.path["document"])
    if page is None:
        raise NotFoundError("there is no such document")
    return page


def _read_text(path: Path) -> Response:
    """Reads a page; of a link to what is not served, its text and its path in the project remain."""

    def replace_link(link: re.Match[str]) -> str:
        text, target, _ = link.groups()
        linked = Path(normpath(path.parent / target))
        if "://" in target or linked in served:
            return link[0]
        name = linked.relative_to(ROOT).as_posix()
        return name if text == name else f"{text} (`{name}`)"

    served = set(_list_pages())
    body = _LINK.sub(replace_link, path.read_text(encoding="utf-8")).encode()
    return Response(body, media_type=_TEXTS[path.suffix], max_age_seconds=PAGE_MAX_AGE_SECONDS)


def _read_asset(
    package: str, name: str, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    body = files(package).joinpath(name).read_bytes()
    return Response(
        body,
        media_type=media_type,
        max_age_seconds=PAGE_MAX_AGE_SECONDS,
        headers=headers or {},
        etag=etag_of(body),  # once: for a large file, it takes longer than all the rest
    )
