"""Runs a simulated platform in real time: posts its videos and sends the events since the last step."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from api.replay.records import TimedRecord
from api.runtime.platform_client import NDJSON, PlatformClient
from api.simulation.feed import RHYTHM, Feed
from api.simulation.live_staff import LiveStaff
from api.simulation.platform import SimulatedPlatform
from privacy.model.timestamp import MS_PER_HOUR, Clock

BURSTS_PER_DAY: Final = 12.0
"""More than in the history: live traffic is higher, and it is usually watched for a few hours only."""
_MAX_STRETCH_MS: Final = 10_000
"""Longest interval that is made up for after a pause."""


@dataclass
class LivePlatform:
    """Live traffic of one platform.

    Args:
        platform: the simulated platform.
        client: of the platform plane.
        likes_per_second: on average over a day.
        clock: the real clock.
        on_events: called with the number of events just sent.
        staff: purges bots, if given.
        verdicts: number of events by verdict.
    """

    platform: SimulatedPlatform
    client: PlatformClient
    likes_per_second: float
    clock: Clock
    on_events: Callable[[int], None]
    staff: LiveStaff | None = None
    verdicts: Counter[str] = field(default_factory=Counter, init=False)
    _feed: Feed = field(init=False)
    _sent_until_ms: int = field(init=False)
    _posted: int = field(default=0, init=False)
    _unsent: list[TimedRecord] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._sent_until_ms = self.clock()
        # Each start has its own random stream, so that earlier events are not repeated.
        self._feed = self.platform.feed(1 + self._sent_until_ms, BURSTS_PER_DAY)

    def step(self) -> int:
        """Sends new videos and events; returns 0, so that the caller waits before the next step.

        Raises:
            StoreBusyError: the plane did not answer; the next step sends the same events again.
            InvalidInputError: the plane refuses.
        """
        now_ms = self.clock()
        self._post_videos(now_ms)
        if not self._unsent:
            from_ms = max(self._sent_until_ms, now_ms - _MAX_STRETCH_MS)
            rhythm = float(RHYTHM[now_ms // MS_PER_HOUR % 24])
            likes = self.likes_per_second * rhythm * (now_ms - from_ms) / 1000
            self._unsent = self._feed.events(from_ms, now_ms, likes) if from_ms < now_ms else []
            self._sent_until_ms = now_ms
        if self._unsent:
            self.verdicts.update(self._send("/v1/events", self._unsent)["verdicts"])
            self.on_events(len(self._unsent))
            self._unsent = []
        if self.staff:
            self.staff.step(self._feed.bursts, now_ms)
        return 0

    def _post_videos(self, now_ms: int) -> None:
        if not self._posted:
            self._send("/v1/creators", self.platform.catalogue.creators())
        videos = self.platform.catalogue.videos(now_ms)
        if len(videos) > self._posted:
            self._send("/v1/videos", [video.registration() for video in videos[self._posted :]])
            self._posted = len(videos)

    def _send(self, path: str, items: Sequence[TimedRecord]) -> dict[str, Any]:
        return self.client.send(path, b"\n".join(item.line for item in items), NDJSON)
