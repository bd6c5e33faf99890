"""Sends a history to the real platform plane in this process, as requests with an API key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from api.replay.records import TimedRecord
from privacy.errors import StoreBusyError, StoreError

if TYPE_CHECKING:
    from flask.testing import FlaskClient

NDJSON = "application/x-ndjson"
REQUEST_ITEMS = 10_000
"""Maximum number of items in one request."""
PASSED = "passed"
_UNAVAILABLE = 503
_OK = 200

Listener = Callable[["Sequence[TimedRecord]", "Sequence[str]"], None]


class NullRequestLog:
    """A request log (`api.http.logs.RequestLog`) that writes nothing."""

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """Writes nothing: a history has thousands of requests."""

    def failed(self, operation_id: str, error: BaseException) -> None:  # noqa: ARG002 - the log's signature
        """Ends the run.

        Raises:
            BaseException: the error itself.
        """
        raise error


@dataclass
class InProcessIntake:
    """Sends a history's videos and events to the platform plane's app.

    Args:
        client: of the app, which uses the virtual clock.
        token: an API key of the platform plane with the scope `ingest`.
        listener: called with the verdict of every event; `passed` means counted or uncounted.
        videos: number of videos by verdict.
        events: number of events by verdict.
        problems: number of videos and events by problem.
    """

    client: FlaskClient
    token: str
    listener: Listener | None = None
    videos: Counter[str] = field(default_factory=Counter, init=False)
    events: Counter[str] = field(default_factory=Counter, init=False)
    problems: Counter[str] = field(default_factory=Counter, init=False)

    def post_videos(self, videos: Sequence[TimedRecord]) -> None:
        """Registers videos.

        Raises:
            StoreBusyError: the store did not confirm.
            StoreError: the plane refuses.
        """
        for start in range(0, len(videos), REQUEST_ITEMS):
            answer = self._post("/v1/videos", videos[start : start + REQUEST_ITEMS])
            self.videos.update(answer["verdicts"])
            self._note_problems(answer["not_registered"])

    def post_creators(self, creators: Sequence[TimedRecord]) -> None:
        """Registers creators.

        Raises:
            StoreBusyError: the store did not confirm.
            StoreError: the plane refuses.
        """
        for start in range(0, len(creators), REQUEST_ITEMS):
            answer = self._post("/v1/creators", creators[start : start + REQUEST_ITEMS])
            self._note_problems(answer["not_registered"])

    def post_events(self, events: Sequence[TimedRecord]) -> None:
        """Sends events.

        Raises:
            StoreBusyError: the store did not confirm.
            StoreError: the plane refuses.
        """
        answer = self._post("/v1/events", events)
        self.events.update(answer["verdicts"])
        self._note_problems(answer["not_counted"])
        if self.listener:
            verdicts = [PASSED] * len(events)
            for item in answer["not_counted"]:
                verdicts[item["index"]] = item["verdict"]
            self.listener(events, verdicts)

    def _note_problems(self, items: Sequence[dict[str, Any]]) -> None:
        for item in items:
            if problem := item.get("problem"):
                self.problems[f"{problem['field']}: {problem['message']}; {problem['expected']}"] += 1

    def _post(self, path: str, items: Sequence[TimedRecord]) -> Any:
        response = self.client.post(
            path,
            data=b"\n".join(item.line for item in items),
            content_type=NDJSON,
            headers={"Authorization": f"Bearer {self.token}"},
        )
        if response.status_code == _UNAVAILABLE:
            raise StoreBusyError("the store did not confirm; run the same command again to continue")
        if response.status_code != _OK:
            raise StoreError(f"the platform plane answered {path} with {response.text}")
        return response.get_json()
