"""The pages for people: of creators and videos, to explore, on the guarantee. They read the public API."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from marshmallow import Schema, fields

from api.http.arguments import Identifier
from api.http.operation import PAGE, Operation, Request, Response, ResponseDoc
from api.http.responses import CONTENT_SECURITY_POLICY, etag_of
from privacy.errors import NotFoundError

MAX_AGE_SECONDS: Final = 300
HTML: Final = "text/html; charset=utf-8"
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_FOLDER: Final = "static"
_SHELL: Final = "shell.html"
_EMBEDDED: Final = "embed.html"
_PAGES: Final = {
    "/": ("get_home_page", _SHELL, "home.js"),
    "/explore": ("get_explore_page", _SHELL, "explore.js"),
    "/privacy": ("get_privacy_page", _SHELL, "private.js"),
    "/creators/{target_id}": ("get_creator_page", _SHELL, "creator.js"),
    "/videos/{target_id}": ("get_video_page", _SHELL, "video.js"),
    "/embed/videos/{target_id}": ("get_embedded_video", _EMBEDDED, "embed.js"),
}
"""Path, operation, frame and script of each page."""


class TargetPathSchema(Schema):
    """Path arguments of the page of a target; its script reads them."""

    target_id = Identifier(required=True)


class FilePathSchema(Schema):
    """Path arguments of a file."""

    file = fields.String(required=True)


def page_operations(frame_ancestors: str = "'none'") -> tuple[Operation[object], ...]:
    """Returns the operations that serve the pages and their files.

    Args:
        frame_ancestors: whose pages may frame the embeddable card, as a source list of a
            Content-Security-Policy.
    """
    assets = _read_files()

    def get_file(_services: object, request: Request) -> Response:
        if request.path["file"] not in assets:
            raise NotFoundError("there is no such file")
        return assets[request.path["file"]]

    pages = [
        _make_operation(path, name, _serve(_render(path, frame, script, frame_ancestors)), path_schema=schema)
        for path, (name, frame, script) in _PAGES.items()
        for schema in (TargetPathSchema if "{" in path else None,)
    ]
    return (*pages, _make_operation("/static/{file}", "get_page_file", get_file, FilePathSchema))


def _serve(page: Response) -> Any:
    return lambda _services, _request: page


def _render(path: str, frame: str, script: str, frame_ancestors: str) -> Response:
    """Renders the frame of a page, which names its files relatively: a proxy may serve all below a path."""
    text = files("api.web").joinpath(_FOLDER, frame).read_text("utf-8")
    depth = path.count("/") - 1
    body = text.replace("{root}", "../" * depth or "./").replace("{script}", script).encode()
    ancestors = frame_ancestors if frame == _EMBEDDED else "'none'"
    return Response(
        body, media_type=HTML, max_age_seconds=MAX_AGE_SECONDS, headers=_policy(ancestors), etag=etag_of(body)
    )


def _policy(frame_ancestors: str) -> Mapping[str, str]:
    return {
        CONTENT_SECURITY_POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {frame_ancestors}"
    }


def _read_files() -> dict[str, Response]:
    found = {}
    for file in files("api.web").joinpath(_FOLDER).iterdir():
        media_type = _TYPES.get(file.name.rpartition(".")[2])
        if media_type:
            body = file.read_bytes()
            found[file.name] = Response(
                body, media_type=media_type, max_age_seconds=MAX_AGE_SECONDS, etag=etag_of(body)
            )
    return found


def _make_operation(
    path: str, operation_id: str, handler: Any, path_schema: type[Schema] | None = None
) -> Operation[object]:
    return Operation(
        method="GET",
        path=path,
        operation_id=operation_id,
        summary="A page for people",
        description="A page for people, or a file of one.",
        tag=PAGE,
        scope=None,
        handler=handler,
        responses={200: ResponseDoc("The page.")},
        path_schema=path_schema,
    )
