"""Speaks to a platform plane over HTTP, as a platform and its staff do."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import SplitResult, urlencode

from api.runtime.http_exchange import Answer, UnknownServerError, exchange, parse_server_url
from api.runtime.platform_answers import find_broken_promise
from privacy.errors import ConflictError, InvalidInputError, StoreBusyError

ANSWER_SECONDS: Final = 120.0
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
_OPTION: Final = "--platform-url"
_PROBLEM: Final = "application/problem+json"
_PLANE_RULE: Final = "the address of a platform plane"
_KEY: Final = re.compile("[\x21-\x7e]+")
_PAGE_ITEMS: Final = 200


@dataclass(frozen=True)
class PlatformClient:
    """A platform plane, and a key for it.

    Args:
        url: where it is.
        token: an API key with the scope of what is asked for; space around it is dropped.
        answer_seconds: how long an answer may take.
    """

    url: str
    token: str = field(repr=False)
    answer_seconds: float = ANSWER_SECONDS
    _server: SplitResult = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_server", parse_server_url(_OPTION, self.url))
        object.__setattr__(self, "token", check_key("--key", self.token))

    def get(self, path: str) -> dict[str, Any]:
        """Reads something.

        Raises:
            LikewiseError: as `send`.
        """
        return self._ask("GET", path, None, {})

    def post_json(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Posts a JSON document to an operation for staff; its answer has all that the operation promises.

        Raises:
            LikewiseError: as `send`.
        """
        answer = self.send(path, json.dumps(document).encode(), JSON)
        if (missing := find_broken_promise(path, answer)) is not None:
            raise _unknown(f"answers {path} without the {missing} that a plane gives")
        return answer

    def send(self, path: str, body: bytes, media_type: str, **headers: str) -> dict[str, Any]:
        """Sends a body; every call of the plane is safe to send again.

        Raises:
            ConflictError: it contradicts what is stored.
            InvalidInputError: the plane refuses it, or there is something else at its address.
            StoreBusyError: no answer, or one that says to come back.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask("POST", path, body, {"Content-Type": media_type} | named)

    def list_items(self, path: str, member: str, limit: int) -> Iterator[dict[str, Any]]:
        """Yields up to `limit` items of a list, page by page.

        Raises:
            LikewiseError: as `send`.
        """
        cursor = None
        while limit > 0:
            query = {"limit": min(limit, _PAGE_ITEMS)} | ({"cursor": cursor} if cursor else {})
            page = self.get(f"{path}?{urlencode(query)}")
            try:
                items, cursor = list(page[member]), page["next_cursor"]
            except (KeyError, TypeError):
                raise _unknown(f"has no list of {member}") from None
            yield from items[:limit]
            limit -= len(items)
            if not cursor:
                return

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        named = {"Authorization": f"Bearer {self.token}", "Accept": JSON} | headers
        answer = exchange(_OPTION, self._server, (method, path, body, named), self.answer_seconds)
        document = _parse(answer)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            if document is None or answer.media_type != JSON:
                raise _unknown(f"answers with {answer.media_type or 'something'} that is no JSON object")
            return document
        raise _refusal(path.partition("?")[0], answer, document)


def check_key(option: str, token: str) -> str:
    """Returns an API key without the space around it, as a file of another system leaves it.

    Raises:
        InvalidInputError: it cannot be a key; the message does not repeat it.
    """
    stripped = token.strip()
    if not _KEY.fullmatch(stripped):
        raise InvalidInputError(option, "is no API key", "the line that `likewise keys create` printed")
    return stripped


def _parse(answer: Answer) -> dict[str, Any] | None:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refusal(path: str, answer: Answer, document: dict[str, Any] | None) -> Exception:
    """Returns the error for an answer that is no success."""
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreBusyError(f"the platform plane answers {status}; try again")
    if status < HTTPStatus.BAD_REQUEST:
        return _unknown(f"redirects ({status}) to {answer.location[:200]!r}, which is not followed")
    if document is None or answer.media_type != _PROBLEM or not isinstance(document.get("detail"), str):
        return _unknown(f"answers {path} with {status} as no plane does")
    detail: str = document["detail"]
    if status == HTTPStatus.CONFLICT:
        return ConflictError(detail)
    message = f"is answered with {status}"
    hint = f" Is {_OPTION} {_PLANE_RULE}, and not of the public one?" if status in _OF_ANOTHER_PLANE else ""
    return InvalidInputError(path, message, "a success", detail=f"{path} {message}: {detail}{hint}")


_OF_ANOTHER_PLANE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


def _unknown(fault: str) -> UnknownServerError:
    return UnknownServerError(_OPTION, fault, _PLANE_RULE)
