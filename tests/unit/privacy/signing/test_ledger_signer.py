"""The ledger signer on a real Redis: it signs everything once, whatever fails, and nothing doubtful."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from privacy.errors import StoreBusyError, StoreError
from privacy.gallery.ledger_reader import MAX_KEPT_HEADS, ReleaseName, decode_entry
from privacy.ledger.head import SignedHead, TreeHead
from privacy.ledger.merkle import GrowingTree, Node, Span, complete_nodes, join_hashes, leaf_hash
from privacy.signing import ledger_signer as signer_module
from privacy.signing.export import export_lines
from privacy.signing.signing_key import SigningKey
from privacy.signing.verification import Verification
from privacy.store.keys import gallery_key, tally_key
from tests.support.faults import Crash, LostConnectionError, every_fault
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.release_world import VIDEOS, ReleaseWorld, hours
from tests.support.signing_world import SigningWorld
from tests.support.turns import take_turns

EPOCHS = 3


@pytest.fixture
def world(store: Store) -> Iterator[SigningWorld]:
    """Three epochs of five videos, released and not signed yet, in a store without fsync."""
    with store.without_fsync():
        made = SigningWorld(ReleaseWorld(store))
        made.reset(EPOCHS)
        yield made


def check_everything_is_signed(world: SigningWorld) -> None:
    """Each tree has the entries of its chain, and their root and nodes; each release has its signature."""
    reader, head, signed = world.reader, world.head(), 0
    for shard in range(HEADER.target_shards):
        entries = reader.read_entries(shard, 0, 1000)
        tree = GrowingTree()
        for entry in entries:
            tree.append(leaf_hash(entry))
        assert (head.tree(shard).size, head.tree(shard).root) == (len(entries), tree.root.hex())
        assert join_hashes(reader.read_nodes(shard, complete_nodes(Span(0, len(entries))))) == tree.root
        names = [ReleaseName.from_entry(decode_entry(entry)) for entry in entries]
        for sequence, (entry, release, signature) in enumerate(
            zip(entries, reader.read_releases(names), reader.read_signatures(names), strict=True)
        ):
            assert release
            world.key.public_keys.verify_release(signature or "", release, entry, (shard, sequence))
            assert reader.read_nodes(shard, [Node(0, sequence)]) == [leaf_hash(entry)]
        signed += len(entries)
    assert signed == len(VIDEOS) * world.releases.now_ms // 3_600_000


def test_everything_is_signed_and_then_there_is_nothing_to_do(world: SigningWorld) -> None:
    """One run signs what exists; the next changes nothing; the run after a new epoch continues."""
    signer = world.signer()
    assert signer.run(world.releases.now_ms) == len(VIDEOS) * EPOCHS
    check_everything_is_signed(world)
    before, first = world.records(), world.reader.read_latest_head()
    assert signer.run(world.releases.now_ms) == 0
    assert world.records() == before
    world.release_epoch()
    assert signer.run(world.releases.now_ms) == len(VIDEOS)
    check_everything_is_signed(world)
    assert first
    assert (world.head().sequence, world.head().previous) == (1, first.digest)
    signer.check()


def test_a_canary_whose_releases_expired_stops_nothing(world: SigningWorld) -> None:
    """Its entries are signed; its releases, and their signatures, are gone like those signed in time."""
    root, reader = world.releases.store.root, world.reader
    shard = world.busiest_shard()
    entry = decode_entry(reader.read_entries(shard, 0, 1)[0])
    for key in ("releases", "points", "current"):
        root.delete(gallery_key(key, entry.target_id, entry.kind))
    with pytest.raises(StoreError, match="has no release"):
        world.sign()
    for number in range(root.llen(tally_key(shard, "ledger"))):
        rename_target(world, shard, number, entry.target_id)
    assert world.sign() == len(VIDEOS) * EPOCHS
    assert Verification().run(export_lines(reader, world.releases.now_ms)).faults == ()


def rename_target(world: SigningWorld, shard: int, number: int, target_id: str) -> None:
    """Makes the entries of a target those of a canary, and chains the following ones to them."""
    reader = world.reader
    before = reader.read_entries(shard, number - 1, 1)[0] if number else b""
    entry = decode_entry(reader.read_entries(shard, number, 1)[0])
    name = f"sandbox:{target_id}" if entry.target_id == target_id else entry.target_id
    previous = sha256(before).hexdigest() if before else ""
    world.overwrite(
        shard, number, msgspec.json.encode(msgspec.structs.replace(entry, target_id=name, previous=previous))
    )


def test_an_empty_ledger_has_a_head(store: Store) -> None:
    """Keys and a first head are there before the first release."""
    world = SigningWorld(ReleaseWorld(store))
    world.releases.reset()
    assert world.sign() == 0
    assert world.head().sequence == 0
    assert [tree.size for tree in world.head().trees] == [0] * HEADER.target_shards
    assert world.reader.read_jwks() == world.key.public_keys.to_jwks()


def test_many_entries_are_signed_in_bounded_steps(
    world: SigningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run takes a batch of each shard; repeated runs end in the same trees."""
    monkeypatch.setattr(signer_module, "MAX_BATCH_ENTRIES", 2)
    runs = iter(world.sign, 0)
    counts = list(runs)
    assert len(counts) > 1
    assert max(counts) <= 2 * HEADER.target_shards
    check_everything_is_signed(world)
    world.signer().check()


@pytest.mark.parametrize("error", [Crash, LostConnectionError])
def test_a_fault_at_any_store_call(error: type[BaseException], world: SigningWorld) -> None:
    """Run again after a fault, the store is byte for byte as it would be without one."""
    world.sign()
    expected, broken = world.records(), 0
    for fault in every_fault(error):
        world.releases.store.root.delete(*expected)
        try:
            world.sign(fault)
        except (Crash, StoreBusyError):
            broken += 1
            world.sign()
        assert world.records() == expected
    assert broken > 10


def test_two_signers_at_once(world: SigningWorld) -> None:
    """However their store calls interleave, one head becomes the latest, and everything is signed once."""
    world.sign()
    expected = world.records()
    for turns in ([0, 1] * 100, [1, 1, 0] * 60, [0] * 5 + [1] * 100, [0] * 12 + [1] * 100):
        world.releases.store.root.delete(*expected)
        take_turns([world.sign] * 2, turns)
        assert world.records() == expected


def test_a_rotated_key_continues(world: SigningWorld) -> None:
    """The next run signs with the new key, publishes both and says so in a head, without any new entry."""
    world.sign()
    old = world.key
    world.key = SigningKey(bytes(32), old.public_keys.keys)
    world.sign()
    assert world.head().keys == world.key.public_keys.key_ids
    assert len(world.head().keys) == 2
    assert world.reader.read_jwks() == world.key.public_keys.to_jwks()
    check_everything_is_signed(world)
    world.release_epoch()
    world.sign()
    check_everything_is_signed(world)
    world.key = old
    with pytest.raises(StoreError, match="not known"):
        world.sign()


def test_what_a_key_signed_before_a_crash_stays_after_its_rotation(world: SigningWorld) -> None:
    """A signature that was written before the head was is not replaced by another key's."""
    old = world.key
    for fault in every_fault():
        world.key = old
        world.releases.store.root.delete(*world.records())
        try:
            world.sign(fault)
        except Crash:
            world.key = SigningKey(bytes(32), old.public_keys.keys)
            world.sign()
        check_everything_is_signed(world)


def test_old_heads_make_room(world: SigningWorld) -> None:
    """The latest heads are kept, and the store does not grow by their number."""
    writer, latest = world.signer().gallery, None
    heads = [
        SignedHead(f"head {number}", TreeHead(number, 0, "", [], [])) for number in range(MAX_KEPT_HEADS + 3)
    ]
    for head in heads:
        assert writer.put_head(latest, head)
        latest = head
    assert world.reader.read_latest_head() == latest
    assert world.reader.read_heads() == heads[3:]
    assert not writer.put_head(heads[1], heads[2])
    assert world.reader.read_latest_head() == latest


def forged(entry: bytes, **changes: Any) -> bytes:
    """An entry with other content."""
    return msgspec.json.encode(msgspec.structs.replace(decode_entry(entry), **changes))


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_changed_entry_is_named_and_nothing_is_signed(place: str, world: SigningWorld) -> None:
    """A change to a signed entry, in both tally and gallery, ends the signing permanently."""
    world.sign()
    shard = world.busiest_shard()
    entries = world.reader.read_entries(shard, 0, 1000)
    sequence = {"first": 0, "middle": len(entries) // 2, "last": len(entries) - 1}[place]
    world.overwrite(shard, sequence, forged(entries[sequence], rho="0.1"))
    signed = world.records()
    with pytest.raises(StoreError, match=f"shard {shard}: entry {sequence} is not the one that was signed"):
        world.signer().check()
    world.release_epoch()
    if place == "last":
        for _ in range(2):
            with pytest.raises(StoreError, match=f"shard {shard}: entry {sequence} "):
                world.sign()
    assert world.records() == signed


def test_a_tally_that_is_older_than_what_was_signed(world: SigningWorld) -> None:
    """A restored tally lacks signed entries: the first missing one is named before anything is drawn."""
    world.sign()
    shard = world.busiest_shard()
    length = world.head().tree(shard).size
    world.releases.store.root.ltrim(tally_key(shard, "ledger"), 0, length - 3)
    with pytest.raises(StoreError, match=f"shard {shard}: entry {length - 2} is signed, but the tally"):
        world.signer().check()
    with pytest.raises(StoreError, match=f"shard {shard}: entry {length - 1} is signed, but the tally"):
        world.sign()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"previous": "0" * 64}, "does not name the previous one"),
        ({"sequence": 0}, "names another position as its own"),
        ({"release_sha256": "0" * 64}, "has another release"),
        ({"epoch": 1_000}, "has no release"),
    ],
)
def test_what_does_not_go_on_is_not_signed(changes: dict[str, Any], fault: str, world: SigningWorld) -> None:
    """A new entry must name the previous one and its own position, and match the published release."""
    world.sign()
    shard = world.busiest_shard()
    sequence = world.head().tree(shard).size
    world.release_epoch()
    (entry,) = world.reader.read_entries(shard, sequence, 1)
    world.overwrite(shard, sequence, forged(entry, **changes))
    with pytest.raises(StoreError, match=f"shard {shard}: entry {sequence} .*{fault}"):
        world.sign()
    assert world.head().tree(shard).size == sequence


def test_only_what_is_published_is_signed(world: SigningWorld) -> None:
    """Releases that wait for their tick are in no tree and have no signature; at the tick they get both."""
    world.sign()
    before = world.records()
    world.releases.like_everything()
    world.releases.now_ms += hours(1)
    world.releases.worker().run_due()
    assert world.sign() == 0
    assert world.records() == before
    world.releases.publish()
    assert world.sign() == len(VIDEOS)
    check_everything_is_signed(world)


def test_a_head_states_the_tick_that_it_is_given(world: SigningWorld) -> None:
    """The moment at which it was made would tell how long that took."""
    assert world.signer().run(5_000) > 0
    assert world.head().at_ms == 5_000


def test_tally_and_gallery_must_agree(world: SigningWorld) -> None:
    """An entry that differs between tally and gallery is not signed."""
    shard = world.busiest_shard()
    entry = world.reader.read_entries(shard, 0, 1)[0]
    world.overwrite(shard, 0, forged(entry, rho="0.1"), gallery=False)
    with pytest.raises(StoreError, match=f"shard {shard}: entry 0 .*is not the same in tally and gallery"):
        world.sign()


def test_a_release_is_signed_only_as_it_was_written(world: SigningWorld) -> None:
    """A published document that is not the one of its entry is named."""
    shard = world.busiest_shard()
    name = ReleaseName.from_entry(decode_entry(world.reader.read_entries(shard, 0, 1)[0]))
    key = gallery_key("releases", name.target_id, name.kind)
    world.releases.store.root.hset(key, str(name.epoch), b"{}")
    with pytest.raises(StoreError, match=f"entry 0 .*{name}.*has another release"):
        world.sign()


@pytest.mark.parametrize("node", ["0:0", "1:0"])
def test_a_changed_tree_is_not_continued(node: str, world: SigningWorld) -> None:
    """Nodes in the gallery are trusted only if their root was signed."""
    world.sign()
    shard = world.busiest_shard()
    key = gallery_key("tree", shard)
    assert len(raw(world.releases.store.root.hget(key, node))) == 32
    size = world.head().tree(shard).size
    for field in {node, *(f"{level}:{number}" for level, number in complete_nodes(Span(0, size)))}:
        world.releases.store.root.hset(key, field, bytes(32))
    with pytest.raises(StoreError, match=f"shard {shard}: the entries have another tree"):
        world.sign()


def test_a_foreign_head_is_not_continued(world: SigningWorld) -> None:
    """A head that none of our keys signed ends the signing."""
    world.sign()
    head = world.head()
    forged_head = SignedHead(SigningKey(bytes(32)).sign_head(head), head)
    world.releases.store.root.hset(gallery_key("heads"), "latest", msgspec.json.encode(forged_head))
    with pytest.raises(StoreError, match="restore the ledger key file"):
        world.sign()
    with pytest.raises(StoreError, match="restore the ledger key file"):
        world.signer().check()


def test_a_plain_head_that_differs_from_the_signed_one_ends_the_signing(world: SigningWorld) -> None:
    """Readers of the public plane see the plain head; it must be the one in the signature next to it."""
    world.sign()
    latest = world.reader.read_latest_head()
    assert latest
    changed = msgspec.structs.replace(latest, head=msgspec.structs.replace(latest.head, at_ms=0))
    world.releases.store.root.hset(gallery_key("heads"), "latest", msgspec.json.encode(changed))
    for step in (world.sign, world.signer().check):
        with pytest.raises(StoreError, match="differs from the one in its signature"):
            step()
    assert world.reader.read_latest_head() == changed
