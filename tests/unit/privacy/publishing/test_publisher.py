"""The publisher on a real Redis: everything once, nothing replaced."""

import msgspec
import pytest
from msgspec.structs import replace

from privacy.errors import StoreBusyError, StoreError
from privacy.model.documents import PointDocument, TargetDocument, published_life_ms
from privacy.model.sandbox import PUBLISHED_LIFE_MS
from privacy.publishing.publisher import Publisher
from privacy.store.keys import gallery_key, gallery_series_keys
from privacy.tally.pending_release import PendingRelease
from tests.support.faults import Crash, LostConnectionError, every_fault
from tests.support.profiles import entropy_of
from tests.support.redis_server import Store
from tests.support.registers import raw
from tests.support.release_world import calibration
from tests.support.simulation import LIKE, Simulation, log_of
from tests.support.stepped_redis import SteppedRedis


def releases(epochs: int = 3, noise: str = "published") -> list[PendingRelease]:
    """Releases of two targets for the given number of epochs; `noise` seeds what is drawn."""
    simulation, written = Simulation.start(calibration(), 2), list[PendingRelease]()
    entropy = entropy_of(noise)
    for _ in range(epochs):
        made = simulation.release([log_of(calibration().policy, [({}, LIKE, 60)])] * 2, entropy)
        for release in made:
            written.append(PendingRelease.parse(0, len(written), release.encoded, b"entry"))
        simulation = simulation.after(made)
    return written


def gallery(store: Store) -> dict[bytes, object]:
    """Return the whole content of the gallery."""
    keys = [raw(key) for key in store.root.keys("g:*")]
    return {
        key: store.root.hgetall(key) if store.root.type(key) == b"hash" else store.root.get(key)
        for key in keys
    }


def test_a_release_is_published_with_its_point_and_its_entry(store: Store) -> None:
    """The document byte for byte, its line in the time series, its ledger entry; the latest is current."""
    written = releases()
    Publisher(store.publisher).publish_releases(written)
    for number in range(2):
        documents = store.public.hgetall(gallery_key("releases", f"video-{number}", "like"))
        assert documents == {b"%d" % epoch: written[2 * epoch + number].release for epoch in range(3)}
        assert (
            store.public.get(gallery_key("current", f"video-{number}", "like")) == written[4 + number].release
        )
        point = raw(store.public.hget(gallery_key("points", f"video-{number}", "like"), "1"))
        document = msgspec.json.decode(documents[b"1"])
        assert msgspec.json.decode(point) == {
            name: document[name] for name in PointDocument.__struct_fields__
        }
    assert store.public.hgetall(gallery_key("ledger", 0)) == {b"%d" % line: b"entry" for line in range(6)}


def test_publishing_again_changes_nothing(store: Store) -> None:
    """In whole, in part and in any order: the gallery stays as it is."""
    written, publisher = releases(), Publisher(store.publisher)
    publisher.publish_releases(written)
    before = gallery(store)
    for again in (written, written[:2], written[::-1], []):
        publisher.publish_releases(again)
    assert gallery(store) == before


def test_an_older_release_never_becomes_current(store: Store) -> None:
    """Copies that arrive late or backwards leave the latest release current."""
    written, publisher = releases(), Publisher(store.publisher)
    for release in written[::-1]:
        publisher.publish_releases([release])
    assert store.public.get(gallery_key("current", "video-0", "like")) == written[4].release


@pytest.mark.parametrize("part", ["release", "ledger_entry"])
def test_other_bytes_are_refused_and_nothing_is_replaced(part: str, store: Store) -> None:
    """Other bytes for a published epoch or ledger entry are always refused."""
    first, _ = releases(1)
    other, _ = releases(1, "drawn again")
    publisher = Publisher(store.publisher)
    publisher.publish_releases([first])
    before = gallery(store)
    forged = (
        replace(first, release=other.release) if part == "release" else replace(first, ledger_entry=b"forged")
    )
    with pytest.raises(StoreError, match="never replaced"):
        publisher.publish_releases([forged])
    assert gallery(store) == before


@pytest.mark.parametrize("error", [Crash, LostConnectionError])
def test_a_fault_at_any_store_call(error: type[BaseException], store: Store) -> None:
    """Done again after a fault, the gallery is as it would be without one."""
    written = releases()
    Publisher(store.publisher).publish_releases(written)
    expected = gallery(store)
    for fault in every_fault(error):
        store.flush()
        try:
            Publisher(SteppedRedis(store.publisher, fault)).publish_releases(written)
        except (Crash, StoreBusyError):
            Publisher(store.publisher).publish_releases(written)
        assert gallery(store) == expected


def test_what_is_published_about_a_canary_expires(store: Store) -> None:
    """A week after its latest release or, before the last one, after the next; nothing of others expires."""
    written, publisher = releases(), Publisher(store.publisher)
    renamed = [replace(release, target_id=f"sandbox:{release.target_id}") for release in written[::2]]
    canary = a_document("sandbox:video-0", "sandbox:creator")
    publisher.publish_targets([canary, a_document("video-1", "creator")])
    publisher.publish_releases([*renamed, *written[1::2]])
    expiring = {name: store.root.pttl(name) for name in store.root.keys("g:*") if store.root.pttl(name) >= 0}
    series = gallery_series_keys("sandbox:video-0", "like")
    assert expiring.keys() == {
        *map(str.encode, (*series, gallery_key("target", "video", "sandbox:video-0"))),
        gallery_key("creator-videos", "sandbox:creator").encode(),
    }
    until_next_ms = published_life_ms(renamed[-1].release)
    assert until_next_ms > PUBLISHED_LIFE_MS
    assert all(until_next_ms - 60_000 < life_ms <= until_next_ms for life_ms in expiring.values())
    publisher.publish_targets([replace_revision(canary)])
    assert store.root.pttl(gallery_key("target", "video", "sandbox:video-0")) > PUBLISHED_LIFE_MS


def test_the_names_of_a_canary_expire_without_a_release(store: Store) -> None:
    """A week after its first release, or after registration; other canaries lengthen the life of a list."""
    publisher = Publisher(store.publisher)
    longer = msgspec.structs.replace(a_document("sandbox:b", "sandbox:creator"), first_release_at_ms=90_000)
    never = msgspec.structs.replace(a_document("sandbox:c"), first_release_at_ms=None)
    targets = [a_document("sandbox:a", "sandbox:creator"), longer, never]
    for again in (targets, targets[::-1]):
        publisher.publish_targets(again)
        lives = {raw(key).decode(): store.root.pttl(key) for key in store.root.keys("g:*")}
        expected = {
            gallery_key("target", "video", "sandbox:a"): 1,
            gallery_key("target", "video", "sandbox:b"): 90_000,
            gallery_key("target", "video", "sandbox:c"): 0,
            gallery_key("creator-videos", "sandbox:creator"): 90_000,
        }
        assert lives.keys() == expected.keys()
        for name, first_ms in expected.items():
            assert 0 <= PUBLISHED_LIFE_MS + first_ms - lives[name] < 60_000


def a_document(target_id: str, creator_id: str | None = None) -> TargetDocument:
    """A target without a release."""
    return TargetDocument(
        target_type="video",
        target_id=target_id,
        creator_id=creator_id,
        title=None,
        hashtags=[],
        sound_id=None,
        duration_seconds=None,
        starts_at_ms=0,
        taken_down=None,
        revision=0,
        policy_version="small",
        first_epoch=0,
        first_release_at_ms=1,
    )


def replace_revision(document: TargetDocument) -> TargetDocument:
    """The same in a newer revision."""
    return msgspec.structs.replace(document, revision=document.revision + 1)


def test_metadata_follows_the_platform(store: Store) -> None:
    """A target's document is replaced by its update and never by an older one; none at all is no error."""
    publisher = Publisher(store.publisher)
    target = TargetDocument("video", "v", None, "one", [], None, None, 0, None, 1, "small", 0, 5)
    publisher.publish_targets([])
    publisher.publish_targets([target, msgspec.structs.replace(target, target_id="w")])
    publisher.publish_targets([msgspec.structs.replace(target, title="two", revision=2)])
    publisher.publish_targets([msgspec.structs.replace(target, title="late", revision=1)])
    titles = {
        name: msgspec.json.decode(raw(store.public.get(gallery_key("target", "video", name))))["title"]
        for name in "vw"
    }
    assert titles == {"v": "two", "w": "one"}


def test_the_guarantee_of_every_version_stays(store: Store) -> None:
    """The newest is the current one; an older version is still explained."""
    publisher = Publisher(store.publisher)
    publisher.publish_guarantee("first", {"rho": 0.1}, 8)
    publisher.publish_guarantee("second", {"rho": 0.2}, 8)
    assert store.public.get(gallery_key("guarantee", "current")) == b"second"
    assert store.public.get(gallery_key("guarantee", "first")) == b'{"rho":0.1}'
    assert store.public.get(gallery_key("ledger", "shards")) == b"8"


def test_another_versions_guarantee_does_not_become_the_current_one(store: Store) -> None:
    """That of a sandbox can be read by its version, and the current guarantee stays current."""
    publisher = Publisher(store.publisher)
    publisher.publish_guarantee("first", {"rho": 0.1}, 8)
    publisher.publish_other_guarantee("first.sandbox", {"rho": 0.2})
    assert store.public.get(gallery_key("guarantee", "current")) == b"first"
    assert store.public.get(gallery_key("guarantee", "first.sandbox")) == b'{"rho":0.2}'
