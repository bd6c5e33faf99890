"""Live traffic of a simulated platform."""

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from api.runtime.platform_client import PlatformClient
from api.simulation.feed import BOTS, MS_PER_WEEK, RHYTHM
from api.simulation.live import LivePlatform
from api.simulation.live_staff import DETECTION_DELAY_MS, LiveStaff
from api.simulation.platform import SimulatedPlatform, opening_ms
from privacy.errors import InvalidInputError, StoreBusyError
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.policy.file import load_policy

NOW_MS = 1_777_777_777_777


@dataclass
class FakePlane:
    """A settable clock, and a platform plane that records requests."""

    now_ms: int = NOW_MS
    busy: bool = False
    sent: list[tuple[str, list[Any]]] = field(default_factory=list)

    def clock(self) -> int:
        """Returns the time."""
        return self.now_ms

    def send(self, path: str, body: bytes, media_type: str) -> dict[str, Any]:
        """Records a batch."""
        assert media_type == "application/x-ndjson"
        if self.busy:
            raise StoreBusyError("busy")
        items = [json.loads(line) for line in body.splitlines()]
        self.sent.append((path, items))
        return {"verdicts": {"counted": len(items)}}

    def purged(self) -> list[list[str]]:
        """Returns the accounts of each purge."""
        return [
            [item["account_id"] for item in batch]
            for path, batch in self.sent
            if path.startswith("/v1/moderation/purges?")
        ]

    def events(self) -> list[Any]:
        """Returns all events so far."""
        return [event for path, batch in self.sent if path == "/v1/events" for event in batch]


def platform(plane: FakePlane, rate: float = 50) -> LivePlatform:
    """Makes a live platform that sends to a fake plane."""
    platform = SimulatedPlatform(load_policy(), 1, opening_ms(NOW_MS))
    client = cast("PlatformClient", plane)
    staff = LiveStaff(platform, client, plane.now_ms)
    return LivePlatform(platform, client, rate, plane.clock, lambda _count: None, staff)


def test_videos_are_registered_first_and_once() -> None:
    """Creators and all videos so far are sent before any event, and each new video at its hour."""
    plane = FakePlane()
    live = platform(plane)
    live.step()
    (creators, _), (path, videos), *_ = plane.sent
    assert creators == "/v1/creators"
    assert (path, len(videos)) == ("/v1/videos", len(live.platform.catalogue.videos(NOW_MS)))
    plane.now_ms += 12 * MS_PER_HOUR
    live.step()
    assert [len(batch) for path, batch in plane.sent if path == "/v1/videos"][1:] in ([1], [2])
    assert sum(path == "/v1/creators" for path, _ in plane.sent) == 1


def test_events_since_the_last_step_are_sent() -> None:
    """The number of likes matches rate and hour within 6 deviations of a Poisson count (false alarm 1e-8)."""
    plane = FakePlane()
    live = platform(plane, rate=200)
    for _ in range(20):
        plane.now_ms += 1000
        live.step()
    likes = [event for event in plane.events() if event["account_id"].startswith("u-")]
    likes = [event for event in likes if event["type"] == "like"]
    assert live.verdicts["counted"] == len(plane.events())
    expected = 200 * 20 * RHYTHM[NOW_MS // MS_PER_HOUR % 24]
    assert abs(len(likes) - expected) < 6 * expected**0.5


def test_a_batch_that_was_not_answered_is_sent_again_as_it_is() -> None:
    """If the plane does not answer, nothing is lost: the next step sends the same events first."""
    plane = FakePlane()
    live = platform(plane)
    live.step()
    plane.now_ms += 2000
    plane.busy = True
    with pytest.raises(StoreBusyError):
        live.step()
    unsent = list(live._unsent)
    assert unsent
    plane.now_ms += 5000
    plane.busy = False
    live.step()
    assert plane.sent[-1][1] == [json.loads(event.line) for event in unsent]


def test_a_long_pause_is_not_made_up_for() -> None:
    """After the machine was suspended, old events are not sent all at once."""
    plane = FakePlane()
    live = platform(plane)
    live.step()
    plane.now_ms += 8 * MS_PER_HOUR
    live.step()
    assert len(plane.events()) < 2000


def test_bots_are_purged_half_an_hour_after_their_likes() -> None:
    """Each burst is purged once, with exactly its bots, also if the plane did not answer at first."""
    plane = FakePlane()
    live = platform(plane, rate=1)
    live.step()
    plane.sent.clear()
    live._feed.bursts_per_day = 8_640  # one in these ten seconds, and then none
    plane.now_ms += 10_000
    live.step()
    live._feed.bursts_per_day = 0
    (burst,) = live._feed.bursts
    assert {event["account_id"] for event in plane.events() if event["account_id"].startswith("b-")} == set(
        burst.bots
    )
    plane.now_ms = burst.at_ms + DETECTION_DELAY_MS - 1
    live.step()
    assert burst.bots not in map(tuple, plane.purged())
    plane.now_ms += 1
    plane.busy = True
    with pytest.raises(StoreBusyError):
        live.step()
    plane.busy = False
    plane.now_ms += 1
    for _ in range(2):
        live.step()
    assert [tuple(bots) for bots in plane.purged()].count(burst.bots) == 1


def test_bots_of_an_earlier_session_are_purged_with_their_week() -> None:
    """The last weekly list is purged again at the start, then one list per week, a day after its end."""
    plane = FakePlane()
    live = platform(plane, rate=0.01)
    live.step()
    week = NOW_MS // MS_PER_WEEK - 1
    if NOW_MS % MS_PER_WEEK <= MS_PER_DAY:
        week -= 1
    assert [names[0] for names in plane.purged()] == [f"b-{week}-0"]
    plane.now_ms = (week + 2) * MS_PER_WEEK + MS_PER_DAY + 1
    live._feed.bursts.clear()
    for _ in range(2):
        live.step()
    assert [names[0] for names in plane.purged() if len(names) == BOTS] == [f"b-{week}-0", f"b-{week + 1}-0"]


def test_an_address_is_a_web_address() -> None:
    """Any other address is refused before a key is sent to it."""
    with pytest.raises(InvalidInputError, match="--platform-url"):
        PlatformClient("file:///etc/passwd", "key")
