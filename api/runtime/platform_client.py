"""Speaks to a platform plane over HTTP, as a platform and its staff do."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from privacy.errors import ConflictError, InvalidInputError, StoreBusyError

_ANSWER_SECONDS: Final = 120.0
_TRY_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"


@dataclass(frozen=True)
class PlatformClient:
    """A platform plane, and a key for it.

    Args:
        url: where it is.
        token: an API key with the scope of what is asked for.
    """

    url: str
    token: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInputError(
                "--platform-url", f"is {self.url!r}", "http:// or https://, host and port"
            )

    def get(self, path: str) -> dict[str, Any]:
        """Reads something.

        Raises:
            LikewiseError: as `send`.
        """
        return self._ask(Request(self.url.rstrip("/") + path, method="GET"))  # noqa: S310 - scheme was checked

    def post_json(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Posts a JSON document.

        Raises:
            LikewiseError: as `send`.
        """
        return self.send(path, json.dumps(document).encode(), JSON)

    def send(self, path: str, body: bytes, media_type: str, **headers: str) -> dict[str, Any]:
        """Sends a body; every call of the plane is safe to send again.

        Raises:
            ConflictError: it contradicts what is stored.
            InvalidInputError: the plane refuses it.
            StoreBusyError: no answer, or one that says to come back.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask(
            Request(  # noqa: S310 - the scheme was checked
                self.url.rstrip("/") + path,
                data=body,
                headers={"Content-Type": media_type} | named,
                method="POST",
            )
        )

    def _ask(self, request: Request) -> dict[str, Any]:
        request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urlopen(request, timeout=_ANSWER_SECONDS) as response:  # noqa: S310 - the scheme was checked
                answer: dict[str, Any] = json.load(response)
        except HTTPError as error:
            if error.code in _TRY_AGAIN:
                raise StoreBusyError(f"the platform plane answers {error.code}; try again") from error
            detail = _detail(error)
            if error.code == HTTPStatus.CONFLICT:
                raise ConflictError(detail) from error
            message = f"is answered with {error.code}"
            sentence = f"{request.selector} {message}: {detail}"
            raise InvalidInputError(request.selector, message, "a success", detail=sentence) from error
        except (URLError, OSError, ValueError) as error:
            raise StoreBusyError(f"the platform plane does not answer ({error})") from error
        return answer


def _detail(error: HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return text
