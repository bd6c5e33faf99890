"""The catalogue on a real Redis."""

import os
from dataclasses import replace

import msgspec
import pytest

from privacy.catalogue.catalogue import Catalogue, Registration
from privacy.model.documents import TargetDocument
from privacy.model.engagement import TargetType
from privacy.model.timestamp import MS_PER_HOUR
from privacy.policy.file import load_policy
from privacy.publishing.publisher import Publisher
from privacy.store.header import StoreHeader
from privacy.store.keys import gallery_key, tally_key, target_shard
from tests.support.redis_server import Store
from tests.support.targets import a_video


@pytest.fixture
def catalogue(store: Store) -> Catalogue:
    """A catalogue in an empty store."""
    header = StoreHeader.create_or_verify(store.admin, os.urandom)
    return Catalogue(
        store.platform, header.target_shards, load_policy(), Publisher(store.publisher).publish_targets
    )


def titles(store: Store, video_id: str, shards: int) -> tuple[str | None, str | None]:
    """Return what catalogue and gallery hold as title of a video."""
    record = store.root.hget(tally_key(target_shard(video_id, shards), "videos"), video_id)
    published = store.root.get(gallery_key("target", "video", video_id))
    assert isinstance(record, bytes)
    assert isinstance(published, bytes)
    decode = msgspec.json.Decoder(TargetDocument).decode
    return decode(record.partition(b" ")[2]).title, decode(published).title


@pytest.mark.parametrize("batch", [("b", "a"), ("b", "c"), ("a", "b", "a"), ("a", "a")])
def test_one_id_twice_in_a_batch_ends_as_if_sent_one_after_the_other(
    store: Store, catalogue: Catalogue, batch: tuple[str, ...]
) -> None:
    """Catalogue and gallery agree on the last one, and each outcome is what sending it alone would give."""
    catalogue.register([a_video("v", 0, title="a")], MS_PER_HOUR)
    outcomes = catalogue.register([a_video("v", 0, title=title) for title in batch], MS_PER_HOUR)
    before = ("a", *batch)
    assert outcomes == [
        Registration.UNCHANGED if now == then else Registration.UPDATED
        for then, now in zip(before, batch, strict=False)
    ]
    assert titles(store, "v", catalogue.target_shards) == (batch[-1], batch[-1])


def test_posted_at_never_changes(store: Store, catalogue: Catalogue) -> None:
    """A schedule hangs on posted_at: another one is a conflict, and nothing of that item is taken over."""
    assert catalogue.register([a_video("v", 0, title="a")], MS_PER_HOUR) == [Registration.CREATED]
    conflicting = a_video("v", 1, title="b")
    assert catalogue.register([conflicting], MS_PER_HOUR) == [Registration.CONFLICT]
    assert titles(store, "v", catalogue.target_shards) == ("a", "a")


def test_lookup_finds_registered_targets_only(catalogue: Catalogue) -> None:
    """Every video has a number of its own, in the shard that its id belongs to; unknown ids are absent."""
    ids = [f"v{index}" for index in range(100)]
    catalogue.register([a_video(video_id, 5) for video_id in ids], MS_PER_HOUR)
    found = catalogue.lookup(TargetType.VIDEO, [*ids, "unknown"])
    assert set(found) == set(ids)
    assert len({target.number for target in found.values()}) == len(ids)
    shards = catalogue.target_shards
    assert all(target.number % shards == target_shard(video_id, shards) for video_id, target in found.items())
    assert catalogue.lookup(TargetType.VIDEO, ids) == found


def test_a_video_registered_late_starts_at_the_running_epoch(store: Store, catalogue: Catalogue) -> None:
    """Epochs that were over at registration are never released; one past its last epoch has no schedule.

    The policy starts every schedule with the posting, as all did before they could name a time for that.
    """
    policy = load_policy()
    policy = replace(policy, intake=replace(policy.intake, late_registration_seconds=None))
    year_ms = 1000 * policy.schedule.due_ages_seconds[-1]
    now_ms = year_ms + 5 * MS_PER_HOUR
    replace(catalogue, policy=policy).register(
        [a_video("new", now_ms - 3 * MS_PER_HOUR), a_video("sealed", now_ms - year_ms)], now_ms
    )
    new, sealed = (
        msgspec.json.decode(store.root.get(gallery_key("target", "video", name)), type=TargetDocument)  # type: ignore[arg-type]  # bytes
        for name in ("new", "sealed")
    )
    assert (new.first_epoch, new.first_release_at_ms) == (3, now_ms + MS_PER_HOUR + policy.public_delay_ms)
    assert (sealed.first_epoch, sealed.first_release_at_ms) == (None, None)
