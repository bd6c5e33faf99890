"""Speaks to a platform plane over HTTP, as a platform would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from privacy.errors import InvalidInputError, StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.cli.history.timeline import Moment

_ANSWER_SECONDS: Final = 30.0
_TRY_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True)
class PlatformClient:
    """A platform plane.

    Args:
        url: where it is.
        token: an API key with the scope `ingest`.
    """

    url: str
    token: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInputError(
                "--platform-url", f"is {self.url!r}", "http:// or https://, host and port"
            )

    def post(self, path: str, items: Sequence[Moment]) -> dict[str, Any]:
        """Send a batch; safe to send again.

        Returns:
            The answer.

        Raises:
            StoreBusyError: no answer, or one that says to come back.
            InvalidInputError: the plane refuses.
        """
        request = Request(  # noqa: S310 - the scheme was checked
            self.url.rstrip("/") + path,
            data=b"\n".join(item.line for item in items),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"},
            method="POST",
        )
        try:
            with urlopen(request, timeout=_ANSWER_SECONDS) as response:  # noqa: S310 - likewise
                answer: dict[str, Any] = json.load(response)
        except HTTPError as error:
            if error.code in _TRY_AGAIN:
                raise StoreBusyError(f"the platform plane answers {error.code}") from error
            detail = error.read().decode(errors="replace")
            raise InvalidInputError(path, f"is answered with {error.code}: {detail}", "200") from error
        except (URLError, OSError, ValueError) as error:
            raise StoreBusyError(f"the platform plane does not answer ({error})") from error
        return answer
