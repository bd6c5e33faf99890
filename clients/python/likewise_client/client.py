"""A client of the public plane: requests with retries, and lists without pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import requests

from likewise_client.types import Answer, Creator, FeedRelease, ListedVideo, QueryRow, Video

_TIMEOUT_SECONDS: Final = 30
_MAX_PAGE: Final = 1_000
_MAX_FEED_PAGE: Final = 2_000
_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})


class ApiError(Exception):
    """The server refused a request, or did not answer it in all attempts.

    Args:
        status: the HTTP status.
        problem: the problem document (RFC 9457); its `detail` is the message.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"status {status}"))
        self.status = status
        self.problem = dict(problem)


class Likewise:
    """Reads one server with one credential.

    A request that is limited, or meets a server that is busy, is sent again after the time in `Retry-After`,
    or after one, two, four … seconds.

    Args:
        url: address of the public plane, as `http://127.0.0.1:8080`.
        credential: an API key, an access token, or the part of a share link behind its `#`.
        attempts: how often a request is sent at most.
        session: sends the requests.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        url: str,
        credential: str,
        *,
        attempts: int = 5,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._session = session or requests.Session()
        self._headers = {"Authorization": f"Bearer {credential}", "Accept": "application/json"}
        self._attempts = attempts
        self._sleep = sleep

    def get(self, path: str, **parameters: Any) -> Any:
        """Read a path, as `/v1/videos/v-1/likes`; a list of values is sent with commas.

        Raises:
            ApiError: the server refuses.
        """
        texts = {name: _join(value) for name, value in parameters.items() if value is not None}
        return self._send("GET", path, params=texts)

    def creator(self, creator_id: str) -> Creator:
        """Read the metadata of a creator."""
        return cast("Creator", self.get(f"/v1/creators/{creator_id}"))

    def video(self, video_id: str) -> Video:
        """Read the metadata of a video."""
        return cast("Video", self.get(f"/v1/videos/{video_id}"))

    def videos(self, **wanted: Any) -> Iterator[ListedVideo]:
        """Yield videos with their likes, the one that was posted last first.

        Args:
            wanted: `creator_id`, `hashtag`, `sound_id`, `posted_after`, `posted_before`; none for all videos.
        """
        for page in self._pages("/v1/videos", "cursor", "next_cursor", limit=_MAX_PAGE, **wanted):
            yield from page["videos"]

    def query(self, **members: Any) -> Answer:
        """Ask for numbers of many targets at once; `from` is written `from_`."""
        body = {name.rstrip("_"): value for name, value in members.items()}
        return cast("Answer", self._send("POST", "/v1/query", json=body))

    def query_all(self, **members: Any) -> Iterator[QueryRow]:
        """Yield the rows of a query about videos that a filter finds, however many these are."""
        cursor: dict[str, str] = {}
        while True:
            answer = self.query(limit=10 * _MAX_PAGE, **members, **cursor)
            yield from answer["rows"]
            if answer["next_cursor"] is None:
                return
            cursor = {"cursor": answer["next_cursor"]}

    def latest_cursor(self) -> str | None:
        """Return the cursor behind every release that there is now; None before the first one."""
        return cast("str | None", self.get("/v1/releases", after="latest")["resume_cursor"])

    def releases(self, after: str | None = None) -> Iterator[FeedRelease]:
        """Yield every release since a cursor, each once: keep the `cursor` of the last one."""
        for page in self._pages("/v1/releases", "after", "next_cursor", limit=_MAX_FEED_PAGE, after=after):
            yield from page["releases"]

    def _pages(self, path: str, name: str, following: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self.get(path, **parameters)
            yield page
            if page[following] is None:
                return
            parameters[name] = page[following]

    def _send(self, method: str, path: str, **options: Any) -> Any:
        for attempt in range(self._attempts):
            answer = self._session.request(
                method, self._url + path, headers=self._headers, timeout=_TIMEOUT_SECONDS, **options
            )
            if answer.ok:
                return answer.json()
            if answer.status_code not in _TRY_AGAIN or attempt + 1 == self._attempts:
                break
            self._sleep(float(answer.headers.get("Retry-After", 2**attempt)))
        raise ApiError(answer.status_code, _read_problem(answer))


def _read_problem(answer: requests.Response) -> Mapping[str, Any]:
    try:
        problem = answer.json()
    except requests.JSONDecodeError:
        return {"title": answer.reason}
    return problem if isinstance(problem, dict) else {"title": answer.reason}


def _join(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
