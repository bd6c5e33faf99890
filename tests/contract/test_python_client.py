"""The Python client and the four tools, against the running plane: what they read, in how many requests."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import requests
from likewise_client import ApiError, Likewise, to_rows

from api.public.find.videos import MAX_VIDEOS
from api.public.release_feed import MAX_FEED_RELEASES
from examples.tools.compare import compare
from examples.tools.dashboard import dashboard
from examples.tools.export import export
from examples.tools.trending import trending
from privacy.mechanism.guarantee import guarantee
from privacy.model.audience import Scope, audience_kind, period_at, period_start_ms
from privacy.model.documents import AudienceDocument, BreakdownFigures, LedgerEntry
from privacy.model.engagement import TargetType
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.policy.file import load_policy
from privacy.publishing.publisher import Publisher
from privacy.tally.pending_release import PendingRelease
from tests.support.gallery import LEDGER_SHARDS, NOW_MS, publish, release, target
from tests.support.public_plane import PublicPlane, new_key, public_plane
from tests.support.redis_server import Store
from tests.support.signing_world import sign_gallery

VIDEOS: Final = 50
POLICY: Final = load_policy()
DAY, WEEK = SECONDS_PER_DAY, 7 * SECONDS_PER_DAY
REGIONS: Final[Any] = {
    "breakdowns": {"region": BreakdownFigures(cells={"US": (100, 60, 140), "DE": None}, other=None)}
}
MAX_REQUESTS: Final = {"dashboard": 5, "trending": 3, "compare": 3}


class Counting(requests.Session):
    """A session that counts its requests."""

    count = 0

    def request(self, *given: Any, **more: Any) -> requests.Response:
        """Sends one, and counts it."""
        self.count += 1
        return super().request(*given, **more)


def an_audience(scope: Scope, every: int, name: str, total: int) -> AudienceDocument:
    """The last period of an audience that is over."""
    period = period_at(NOW_MS, every) - 1
    return AudienceDocument(
        target_id=name,
        kind=audience_kind(scope, every, POLICY.version),
        epoch=period,
        starts_at_ms=period_start_ms(period, every),
        as_of_ms=period_start_ms(period + 1, every),
        next_release_at_ms=period_start_ms(period + 2, every) + POLICY.public_delay_ms,
        policy_version=POLICY.version,
        total=(total, total - 40, total + 40),
        breakdowns={"region": BreakdownFigures(cells={"US": (total // 2, 0, total)}, other=None)},
    )


def publish_world(store: Store) -> None:
    """Two creators, the first with fifty videos; audiences of both, and of two hashtags."""
    creators = [target(name, target_type="creator", creator_id=None) for name in ("c-1", "c-2")]
    videos = [target(f"v-{number}", creator_id="c-1") for number in range(VIDEOS)]
    publish(
        store,
        [*creators, *videos],
        [
            *(release(f"v-{number}", 0, (200 + number, 180, 260), **REGIONS) for number in range(VIDEOS - 1)),
            release(f"v-{VIDEOS - 1}", 0, None, **REGIONS),
            release("c-1", 0, (900, 870, 930), kind="follow"),
            release("c-2", 0, (400, 370, 430), kind="follow"),
        ],
    )
    publisher = Publisher(store.publisher)
    publisher.publish_guarantee(POLICY.version, guarantee(POLICY), LEDGER_SHARDS)
    found = [
        an_audience(Scope.CREATOR, WEEK, "c-1", 5_000),
        an_audience(Scope.CREATOR, WEEK, "c-2", 5_050),
        an_audience(Scope.HASHTAG, DAY, "baking", 9_000),
        an_audience(Scope.HASHTAG, DAY, "fog", 2_000),
    ]
    previous = ""
    for number, each in enumerate(found):
        encoded = msgspec.json.encode(each)
        entry = an_entry(number, previous, each, encoded)
        publisher.publish_releases([PendingRelease.parse(0, number, encoded, entry)])
        previous = sha256(entry).hexdigest()
    sign_gallery(store)


def an_entry(number: int, previous: str, audience: AudienceDocument, encoded: bytes) -> bytes:
    """The ledger entry of an audience."""
    entry = LedgerEntry(
        shard=0,
        sequence=number,
        previous=previous,
        target_id=audience.target_id,
        kind=audience.kind,
        epoch=audience.epoch,
        as_of_ms=audience.as_of_ms,
        policy_version=POLICY.version,
        policy_digest="0" * 64,
        rho="0.002",
        release_sha256=sha256(encoded).hexdigest(),
    )
    return msgspec.json.encode(entry)


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane with this world."""
    publish_world(store)
    with public_plane(store) as running:
        yield running


@pytest.fixture
def session() -> Counting:
    """A session that counts."""
    return Counting()


@pytest.fixture
def likewise(plane: PublicPlane, store: Store, session: Counting) -> Likewise:
    """The client with a key that may read, and nothing else."""
    return Likewise(plane.url, new_key(store, "read")[0], session=session)


def test_the_dashboard(likewise: Likewise, session: Counting) -> None:
    """Fifty videos in five requests."""
    lines = dashboard(likewise, "c-1")
    assert session.count <= MAX_REQUESTS["dashboard"]
    assert "followers: 900 [870, 930]" in lines
    assert f"{VIDEOS} videos:" in lines
    assert f"  v-{VIDEOS - 2:<10} {200 + VIDEOS - 2}" in lines
    assert f"  v-{VIDEOS - 1:<10} below_threshold" in lines
    assert any(line.startswith("accounts in the week") and "5,000" in line for line in lines)
    assert "  US           5,000 [4717, 5283]" in "\n".join(lines)


def test_the_trending_chart(likewise: Likewise, session: Counting) -> None:
    """Everywhere and by region."""
    assert [line.split()[1] for line in trending(likewise, None)[1:]] == ["#baking", "#fog"]
    assert session.count <= MAX_REQUESTS["trending"]
    assert "4,500 (0 to 9,000)" in trending(likewise, "US")[1]


def test_the_comparison(likewise: Likewise, session: Counting) -> None:
    """Followers differ clearly, audiences do not."""
    lines = compare(likewise, ("c-1", "c-2"))
    assert session.count <= MAX_REQUESTS["compare"]
    followers, audience = lines[1 : lines.index("audience")], lines[lines.index("audience") + 1 :]
    assert followers[-1].endswith("900 : 400  the first has more")
    assert audience[-1].endswith("5000 : 5050  too close to tell")


def test_the_export(likewise: Likewise, session: Counting, store: Store, tmp_path: Path) -> None:
    """The first run has every video; the next one what appeared since, and nothing twice."""
    assert export(likewise, tmp_path) == 0
    first_run = session.count
    with (tmp_path / "videos.csv").open() as file:
        rows = {row["video_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == VIDEOS
    assert (rows["v-1"]["likes"], rows[f"v-{VIDEOS - 1}"]["likes_reason"]) == ("201", "below_threshold")
    assert export(likewise, tmp_path) == 0
    publish(store, [], [release("v-1", 1, (250, 230, 270))], shard=2)
    sign_gallery(store)
    assert [export(likewise, tmp_path), export(likewise, tmp_path)] == [1, 0]
    (line,) = (tmp_path / "releases.ndjson").read_text().splitlines()
    assert (json.loads(line)["target_id"], json.loads(line)["release"]["total"][0]) == ("v-1", 250)
    assert first_run == 2


def test_a_hundred_thousand_videos_take_few_requests() -> None:
    """By the sizes of pages, and what a day's releases of videos of all ages up to a year are on average."""
    per_day = 100_000 * len(POLICY.kinds_of(TargetType.VIDEO)) * POLICY.schedule.epochs / 365
    assert 1 + ceil(100_000 / MAX_VIDEOS) <= 300
    assert ceil(per_day / MAX_FEED_RELEASES) <= 30


def test_lists_have_no_pages(plane: PublicPlane, store: Store, likewise: Likewise) -> None:
    """Videos and rows of a query follow each other, however many there are."""
    assert plane.url
    publish(store, [target(f"w-{number}", hashtags=["many"]) for number in range(1_200)], [])
    assert len({video["video_id"] for video in likewise.videos(hashtag="many")}) == 1_200
    assert len({row["video_id"] for row in likewise.query_all(hashtag="many", by=["video"])}) == 1_200


def test_rows_are_flat(likewise: Likewise) -> None:
    """A number has a column for itself, its interval, and why it is withheld."""
    row = next(to_rows(likewise.query(ids=["v-1"], by=["video"])["rows"]))
    assert row == {
        "video_id": "v-1",
        "likes": 201,
        "likes_low": 180,
        "likes_high": 260,
        "likes_reason": None,
    }


def test_a_refusal_is_an_error_with_its_problem(likewise: Likewise, session: Counting) -> None:
    """At once: it is not sent again."""
    with pytest.raises(ApiError, match="likers") as refused:
        likewise.query(metrics=["likers"])
    assert (refused.value.status, refused.value.problem["field"], session.count) == (400, "metrics", 1)


def test_what_is_limited_is_sent_again(plane: PublicPlane, store: Store, session: Counting) -> None:
    """After the time that the server names, and not without end."""
    token, _ = new_key(store, "read", requests_per_minute=1)
    waits: list[float] = []
    client = Likewise(plane.url, token, attempts=3, session=session, sleep=waits.append)
    client.creator("c-1")
    with pytest.raises(ApiError, match="at most 1 requests"):
        client.creator("c-1")
    assert (session.count, len(waits)) == (4, 2)
    assert all(0 < seconds <= 60 for seconds in waits)
