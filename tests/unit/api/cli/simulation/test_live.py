"""A simulated platform in real time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from api.cli.platform_client import PlatformClient
from api.cli.simulation.catalogue import MS_AN_HOUR
from api.cli.simulation.feed import RHYTHM
from api.cli.simulation.live import LivePlatform
from api.cli.simulation.world import World, opening_ms
from privacy.errors import InvalidInputError, StoreBusyError
from privacy.policy_file import load_policy

NOW_MS = 1_777_777_777_777


@dataclass
class Stage:
    """A clock to be set, and a platform plane that keeps what it is sent."""

    now_ms: int = NOW_MS
    busy: bool = False
    sent: list[tuple[str, list[Any]]] = field(default_factory=list)

    def clock(self) -> int:
        """The time."""
        return self.now_ms

    def send(self, path: str, body: bytes, media_type: str) -> dict[str, Any]:
        """Take a batch."""
        assert media_type == "application/x-ndjson"
        if self.busy:
            raise StoreBusyError("busy")
        items = [json.loads(line) for line in body.splitlines()]
        self.sent.append((path, items))
        return {"verdicts": {"counted": len(items)}}

    def events(self) -> list[Any]:
        """All events so far."""
        return [event for path, batch in self.sent if path == "/v1/events" for event in batch]


def platform(stage: Stage, rate: float = 50) -> LivePlatform:
    """A platform on a stage."""
    world = World(load_policy(), 1, opening_ms(NOW_MS))
    return LivePlatform(world, cast("PlatformClient", stage), rate, stage.clock, lambda _count: None)


def test_videos_are_registered_first_and_once() -> None:
    """Creators and all videos so far go out before any event, and a new one when its hour has come."""
    stage = Stage()
    live = platform(stage)
    live.step()
    (creators, _), (path, videos), *_ = stage.sent
    assert creators == "/v1/creators"
    assert (path, len(videos)) == ("/v1/videos", len(live.world.studio.videos(NOW_MS)))
    stage.now_ms += 12 * MS_AN_HOUR
    live.step()
    assert [len(batch) for path, batch in stage.sent if path == "/v1/videos"][1:] in ([1], [2])
    assert sum(path == "/v1/creators" for path, _ in stage.sent) == 1


def test_what_happened_since_the_last_step_is_sent() -> None:
    """As many likes as rate and hour say, within 6 deviations of a Poisson count: a false alarm in 10^8."""
    stage = Stage()
    live = platform(stage, rate=200)
    for _ in range(20):
        stage.now_ms += 1000
        live.step()
    likes = [event for event in stage.events() if event["account_id"].startswith("u-")]
    likes = [event for event in likes if event["type"] == "like"]
    assert live.verdicts["counted"] == len(stage.events())
    expected = 200 * 20 * RHYTHM[NOW_MS // MS_AN_HOUR % 24]
    assert abs(len(likes) - expected) < 6 * expected**0.5


def test_a_batch_that_was_not_answered_is_sent_again_as_it_is() -> None:
    """A plane that is away loses nothing: the next step sends the same events first."""
    stage = Stage()
    live = platform(stage)
    live.step()
    stage.now_ms += 2000
    stage.busy = True
    with pytest.raises(StoreBusyError):
        live.step()
    unsent = list(live._unsent)
    assert unsent
    stage.now_ms += 5000
    stage.busy = False
    live.step()
    assert stage.sent[-1][1] == [json.loads(event.line) for event in unsent]


def test_a_long_pause_is_not_made_up_for() -> None:
    """After a night's sleep of the machine no flood of old events goes out."""
    stage = Stage()
    live = platform(stage)
    live.step()
    stage.now_ms += 8 * MS_AN_HOUR
    live.step()
    assert len(stage.events()) < 2000


def test_an_address_is_a_web_address() -> None:
    """Anything else is refused before a key is sent there."""
    with pytest.raises(InvalidInputError, match="--platform-url"):
        PlatformClient("file:///etc/passwd", "key")
