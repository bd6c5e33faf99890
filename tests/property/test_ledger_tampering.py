"""Verifying an exported ledger finds and names every change to it."""

import json
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import repeat
from random import Random
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.gallery.ledger_reader import MAX_KEPT_HEADS, LedgerReader
from privacy.ledger.head import ShardTree, SignedHead, TreeHead
from privacy.signing.export import (
    FORMAT,
    AnyLine,
    Closing,
    HeadLine,
    KeysLine,
    Opening,
    ReleaseLine,
    export_lines,
)
from privacy.signing.jwks import PublicKeys
from privacy.signing.signing_key import SigningKey
from privacy.signing.verification import MAX_FAULTS, Verification, VerificationResult
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store
from tests.support.registers import HEADER
from tests.support.release_world import ReleaseWorld
from tests.support.signing_world import SIGNING_KEY, SigningWorld

EPOCHS: Final = 4
RELEASES: Final = 5 * EPOCHS
CHOICES: Final = st.integers(0, 2**64 - 1).map(Random)
"""What is done where, as one draw. Several of them, each within bounds that hang on the ledger, are taken for
inconsistent by Hypothesis 6.170 now and then, once the modules of all other tests are loaded too."""


def exported(store: Store) -> list[bytes]:
    """An export of four epochs, signed one by one, the last one with a rotated key."""
    with store.without_fsync():
        world = SigningWorld(ReleaseWorld(store))
        world.reset(0)
        for epoch in range(EPOCHS):
            if epoch == EPOCHS - 1:
                world.key = SigningKey(bytes(32), SIGNING_KEY.public_keys.keys)
            world.release_epoch()
            world.sign()
        return list(export_lines(LedgerReader(store.public), 1))


@pytest.fixture
def ledger(store: Store, request: pytest.FixtureRequest) -> list[bytes]:
    """The lines of the export; made once."""
    cache: dict[str, list[bytes]] = request.config.__dict__.setdefault("exported_ledger", {})
    if not cache:
        cache["lines"] = exported(store)
    return list(cache["lines"])


def closed(lines: Sequence[bytes]) -> list[bytes]:
    """Adds a matching closing line, as an attacker who knows the format would."""
    body = list(lines)
    closing = Closing(len(body), sha256(b"".join(body)).hexdigest())
    return [*body, msgspec.json.encode(closing) + b"\n"]


def verify(lines: Iterable[bytes], **options: Any) -> VerificationResult:
    """Verifies lines."""
    return Verification(**options).run(lines)


def encoded(lines: Sequence[AnyLine]) -> list[bytes]:
    """Returns lines as an export has them."""
    return [msgspec.json.encode(line) + b"\n" for line in lines]


def keys_of(lines: Sequence[bytes]) -> PublicKeys:
    """Returns the keys in an export."""
    return PublicKeys.from_jwks(json.dumps({"keys": json.loads(lines[1])["keys"]}))


def heads_of(lines: Sequence[bytes]) -> list[str]:
    """Returns the JWS of each head in an export, oldest first."""
    return [json.loads(lines[number])["jws"] for number in of_kind(lines, "head")]


def of_kind(lines: Sequence[bytes], name: str) -> list[int]:
    """Returns the numbers of the lines of one type."""
    return [number for number, line in enumerate(lines) if json.loads(line)["line"] == name]


def names(line: bytes) -> set[str]:
    """Returns the names of a release in a fault: by target, kind and epoch, or by position."""
    release = json.loads(line)
    entry = json.loads(release["entry"])
    return {
        f"{entry['kind']} of {entry['target_id']}, epoch {entry['epoch']}",
        f"shard {release['shard']}, entry {release['sequence']}",
    }


def named(verdict: VerificationResult, line: bytes) -> bool:
    """Returns whether a fault names the release of a line."""
    wanted = re.compile("|".join(re.escape(name) + "(?![0-9])" for name in names(line)))
    return any(wanted.search(fault.where) for fault in verdict.faults)


def test_the_ledger_as_it_is_holds(ledger: list[bytes]) -> None:
    """An untouched export verifies, including signatures of a rotated key."""
    verdict = verify(ledger)
    assert verdict.faults == ()
    assert verdict.releases == RELEASES
    assert len(verdict.key_ids) == 2
    assert verdict.head
    assert verdict.head.sequence == EPOCHS - 1


@settings(max_examples=examples(300), suppress_health_check=FIXED_FIXTURES)
@given(rng=CHOICES)
def test_a_changed_member_of_a_release_is_named(rng: Random, ledger: list[bytes]) -> None:
    """Entry, document or signature, any character of them, with a matching closing line."""
    number = rng.choice(of_kind(ledger, "release"))
    line = json.loads(ledger[number])
    member = rng.choice(["entry", "release", "signature"])
    place = rng.randrange(len(line[member]))
    other = "0" if line[member][place] != "0" else "1"
    line[member] = line[member][:place] + other + line[member][place + 1 :]
    tampered = [*ledger[:number], json.dumps(line).encode() + b"\n", *ledger[number + 1 : -1]]
    verdict = verify(closed(tampered))
    assert named(verdict, ledger[number]), verdict.faults
    # Only this place is blamed, whatever a changed entry says that it is about.
    places = {fault.where.partition("shard ")[2].rstrip(")") for fault in verdict.faults}
    assert {place for place in places if "entry" in place} == {f"{line['shard']}, entry {line['sequence']}"}


def test_an_entry_that_names_another_release_is_blamed_alone(ledger: list[bytes]) -> None:
    """Also where it takes the turn of a right one, which comes later and is not called a second one."""
    releases = of_kind(ledger, "release")
    entries = {number: json.loads(json.loads(ledger[number])["entry"]) for number in releases}
    series = {(entry["target_id"], entry["kind"]) for entry in entries.values()}
    for number in releases:
        line, entry = json.loads(ledger[number]), entries[number]
        for target_id, kind in series - {(entry["target_id"], entry["kind"])}:
            changed = json.dumps(entry | {"target_id": target_id, "kind": kind}, separators=(",", ":"))
            tampered = json.dumps(line | {"entry": changed}).encode() + b"\n"
            verdict = verify(closed([*ledger[:number], tampered, *ledger[number + 1 : -1]]))
            place = f"shard {line['shard']}, entry {line['sequence']}"
            wrong = f"{kind} of {target_id}, epoch {entry['epoch']} ({place})"
            assert {fault.where for fault in verdict.faults} == {wrong}


@settings(max_examples=examples(100), suppress_health_check=FIXED_FIXTURES)
@given(rng=CHOICES)
def test_a_missing_release_is_named(rng: Random, ledger: list[bytes]) -> None:
    """Its line, or its document alone."""
    number = rng.choice(of_kind(ledger, "release"))
    kept = [*ledger[:number], *ledger[number + 1 : -1]]
    if rng.randrange(2):
        line = json.loads(ledger[number]) | {"release": None}
        kept.insert(number, json.dumps(line).encode() + b"\n")
    assert named(verify(closed(kept)), ledger[number])


@pytest.mark.parametrize("declared", range(HEADER.target_shards + 2))
@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("since", [False, True])
def test_missing_shards_are_named(declared: int, *, pinned: bool, since: bool, ledger: list[bytes]) -> None:
    """All entries of one shard or of all, whatever number of shards the unsigned first line declares."""
    keys, heads = keys_of(ledger), heads_of(ledger)
    options = {"trusted": keys if pinned else None, "earlier": tuple(heads) if since else ()}
    opening = json.loads(ledger[0])
    assert opening["shards"] == HEADER.target_shards
    trees = keys.verify_head(heads[-1]).trees
    assert all(tree.size > 1 for tree in trees)
    for removed in (trees[:1], trees[1:], trees):
        shards = {tree.shard for tree in removed}
        kept = [line for line in ledger[1:-1] if json.loads(line).get("shard") not in shards]
        first = json.dumps(opening | {"shards": declared}).encode() + b"\n"
        verdict = verify(closed([first, *kept]), **options)
        expected = {f"shard {tree.shard}, entries 0 to {tree.size - 1}" for tree in removed}
        if declared != HEADER.target_shards:
            expected.add("the file")
        assert {fault.where for fault in verdict.faults} == expected
        assert verdict.releases == RELEASES


def test_a_wrong_number_of_shards_is_found(ledger: list[bytes]) -> None:
    """The number in the first line must be that of the signed heads."""
    for declared in (0, HEADER.target_shards - 1, HEADER.target_shards + 1):
        first = json.dumps(json.loads(ledger[0]) | {"shards": declared}).encode() + b"\n"
        verdict = verify(closed([first, *ledger[1:-1]]))
        assert [fault.where for fault in verdict.faults] == ["the file"]
        assert f"declares {declared} shards" in verdict.faults[0].what


def test_an_earlier_head_names_shards_too(ledger: list[bytes]) -> None:
    """A file whose own heads are of an empty ledger does not continue an earlier ledger."""
    empty = TreeHead(0, 0, "", SIGNING_KEY.public_keys.key_ids, [])
    keys = json.loads(SIGNING_KEY.public_keys.to_jwks())["keys"]
    lines = encoded([Opening(FORMAT, 1, 0), KeysLine(keys), HeadLine(SIGNING_KEY.sign_head(empty))])
    assert verify(closed(lines)).holds
    earlier = heads_of(ledger)[0]
    verdict = verify(closed(lines), earlier=(earlier,))
    missing = {fault.where.partition(",")[0] for fault in verdict.faults if "missing" in fault.what}
    assert missing == {f"shard {tree.shard}" for tree in keys_of(ledger).verify_head(earlier).trees}


@pytest.mark.parametrize("dropped", range(1, EPOCHS))
def test_missing_first_heads_are_found(dropped: int, ledger: list[bytes]) -> None:
    """Unless an earlier export has the head that the first one of the file follows."""
    heads, numbers = heads_of(ledger), of_kind(ledger, "head")
    kept = closed([*ledger[: numbers[0]], *ledger[numbers[dropped] : -1]])
    fault = (f"tree head {dropped}", "is the first one of the file; the heads before it are missing")
    assert verify(kept).faults == (fault,)
    assert verify(kept, earlier=tuple(heads[: dropped - 1])).faults == (fault,)
    assert verify(kept, earlier=tuple(heads[:dropped])).holds
    before = keys_of(ledger).verify_head(heads[dropped - 1])
    other = SIGNING_KEY.sign_head(msgspec.structs.replace(before, at_ms=before.at_ms + 1))
    verdict = verify(kept, earlier=(other,))
    assert verdict.faults == ((f"tree head {dropped}", "does not name the previous one"),)


def test_the_oldest_heads_need_not_be_kept() -> None:
    """The gallery keeps a limited number of heads; an export has all of these."""
    signed: list[SignedHead] = []
    for number in range(MAX_KEPT_HEADS + 1):
        previous = signed[-1].digest if signed else ""
        head = TreeHead(number, number, previous, SIGNING_KEY.public_keys.key_ids, [])
        signed.append(SignedHead(SIGNING_KEY.sign_head(head), head))
    keys = json.loads(SIGNING_KEY.public_keys.to_jwks())["keys"]
    opening: list[AnyLine] = [Opening(FORMAT, 1, 0), KeysLine(keys)]
    for dropped in (0, 1):
        lines = encoded([*opening, *(HeadLine(each.jws) for each in signed[dropped:])])
        assert verify(closed(lines)).faults == ()
    lines = encoded([*opening, *(HeadLine(each.jws) for each in signed[2:])])
    assert [fault.where for fault in verify(closed(lines)).faults] == ["tree head 2"]


@settings(max_examples=examples(100), suppress_health_check=FIXED_FIXTURES)
@given(rng=CHOICES)
def test_a_redrawn_release_is_named(rng: Random, ledger: list[bytes]) -> None:
    """Another document for an epoch with a matching entry: only the signer could have signed it."""
    number = rng.choice(of_kind(ledger, "release"))
    line = json.loads(ledger[number])
    release = json.loads(line["release"]) | {"total": [777, 700, 800]}
    entry = json.loads(line["entry"])
    line["release"] = json.dumps(release, separators=(",", ":"))
    entry["release_sha256"] = sha256(line["release"].encode()).hexdigest()
    line["entry"] = json.dumps(entry, separators=(",", ":"))
    place = (line["shard"], line["sequence"])
    forged = SigningKey(bytes([7] * 32))
    for signature in (
        line["signature"],
        forged.sign_release(line["release"].encode(), line["entry"].encode(), place),
    ):
        changed = json.dumps(line | {"signature": signature}).encode() + b"\n"
        verdict = verify(closed([*ledger[:number], changed, *ledger[number + 1 : -1]]))
        assert named(verdict, ledger[number])


def test_what_the_signer_himself_redraws_is_found_by_the_tree(ledger: list[bytes]) -> None:
    """The holder of the signing key can forge a release, but not the heads that covered the original."""
    number = of_kind(ledger, "release")[-1]  # no later entry names it, so only the tree is left
    line = json.loads(ledger[number])
    release = json.loads(line["release"]) | {"total": [777, 700, 800]}
    line["release"] = json.dumps(release, separators=(",", ":"))
    entry = json.loads(line["entry"]) | {"release_sha256": sha256(line["release"].encode()).hexdigest()}
    line["entry"] = json.dumps(entry, separators=(",", ":"))
    place = (line["shard"], line["sequence"])
    line["signature"] = SIGNING_KEY.sign_release(line["release"].encode(), line["entry"].encode(), place)
    changed = json.dumps(line).encode() + b"\n"
    verdict = verify(closed([*ledger[:number], changed, *ledger[number + 1 : -1]]))
    assert verdict.faults
    assert all(fault.what.startswith("are not those of tree head") for fault in verdict.faults)


def test_what_the_signer_himself_leaves_out_of_the_heads_is_found(ledger: list[bytes]) -> None:
    """Each head names the previous one, so that none can be removed."""
    number = of_kind(ledger, "head")[1]
    head = SIGNING_KEY.public_keys.verify_head(json.loads(ledger[number])["jws"])
    other = SIGNING_KEY.sign_head(msgspec.structs.replace(head, previous="0" * 64))
    changed = msgspec.json.encode(HeadLine(other)) + b"\n"
    verdict = verify(closed([*ledger[:number], changed, *ledger[number + 1 : -1]]))
    assert {fault.what for fault in verdict.faults} == {"does not name the previous one"}


@settings(max_examples=examples(100), suppress_health_check=FIXED_FIXTURES)
@given(rng=CHOICES)
def test_reordered_releases_are_named(rng: Random, ledger: list[bytes]) -> None:
    """If two lines of a shard are swapped, at least one of them is out of order."""
    numbers = of_kind(ledger, "release")
    first, second = sorted(rng.sample(numbers, 2))
    lines = ledger[:-1]
    lines[first], lines[second] = lines[second], lines[first]
    same_shard = json.loads(ledger[first])["shard"] == json.loads(ledger[second])["shard"]
    verdict = verify(closed(lines))
    assert verdict.holds is (not same_shard and _only_shards_mixed(lines))
    if same_shard:
        assert named(verdict, ledger[first]) or named(verdict, ledger[second])


def _only_shards_mixed(lines: Sequence[bytes]) -> bool:
    """Returns whether each shard's entries are still in order: then no chain was reordered."""
    seen: dict[int, int] = {}
    for number in of_kind(lines, "release"):
        line = json.loads(lines[number])
        if line["sequence"] != seen.get(line["shard"], 0):
            return False
        seen[line["shard"]] = line["sequence"] + 1
    return True


@settings(max_examples=examples(100), suppress_health_check=FIXED_FIXTURES)
@given(rng=CHOICES)
def test_a_release_told_twice_is_named(rng: Random, ledger: list[bytes]) -> None:
    """At any line after its first one."""
    number = rng.choice(of_kind(ledger, "release"))
    again = rng.randrange(number + 1, len(ledger))
    assert named(verify(closed([*ledger[:again], ledger[number], *ledger[again:-1]])), ledger[number])


@settings(max_examples=examples(150), suppress_health_check=FIXED_FIXTURES)
@given(rng=CHOICES)
def test_changed_heads_and_keys_are_found(rng: Random, ledger: list[bytes]) -> None:
    """A head or key that is changed or removed, from the middle or the end, is found."""
    number = rng.choice([*of_kind(ledger, "head"), *of_kind(ledger, "keys")])
    line = json.loads(ledger[number])
    if line["line"] == "head" and rng.randrange(2):
        assert not verify(closed([*ledger[:number], *ledger[number + 1 : -1]])).holds
        return
    if line["line"] == "head":
        text = line["jws"]
        place = rng.randrange(len(text))
        line["jws"] = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    else:
        key = rng.choice(line["keys"])
        member = rng.choice(sorted(key))
        key[member] = key[member][::-1] + "A"
    changed = json.dumps(line).encode() + b"\n"
    verdict = verify(closed([*ledger[:number], changed, *ledger[number + 1 : -1]]))
    assert not verdict.holds
    assert any("head" in fault.where or "keys" in fault.where for fault in verdict.faults)


@settings(max_examples=examples(300), suppress_health_check=FIXED_FIXTURES)
@given(rng=CHOICES)
def test_any_damage_to_the_file_is_found(rng: Random, ledger: list[bytes]) -> None:
    """A changed byte, a missing piece, a malformed line: always a fault, never a crash."""
    whole = b"".join(ledger)
    start = rng.randrange(len(whole) - 1)
    stop = rng.randint(start, min(len(whole), start + 2000))
    filling = rng.randbytes(rng.randrange(21))
    damaged = whole[:start] + filling + whole[stop:]
    if damaged in {whole, whole[:-1]}:
        return
    assert not verify(damaged.splitlines(keepends=True)).holds


def test_absurd_lines_cost_nothing(ledger: list[bytes]) -> None:
    """Impossible numbers are refused without counting up to them."""
    huge = 10**15
    line = ReleaseLine(0, huge, "{}", None, None)
    opening = json.loads(ledger[0]) | {"shards": huge}
    lines = [json.dumps(opening).encode() + b"\n", *ledger[1:-1], msgspec.json.encode(line) + b"\n"]
    verdict = verify(closed(lines))
    assert [fault.what for fault in verdict.faults] == [
        "is in no signed head",
        f"declares {huge} shards, but its tree heads have {HEADER.target_shards}",
    ]


def test_an_export_must_go_on_from_an_earlier_one(ledger: list[bytes]) -> None:
    """Anyone with an old head finds a ledger that was rolled back or rewritten, whoever signed it."""
    heads, keys = heads_of(ledger), keys_of(ledger)
    assert verify(ledger, earlier=tuple(heads)).holds
    latest = keys.verify_head(heads[-1])
    shorter = [
        line
        for line in ledger[:-1]
        if line != ledger[of_kind(ledger, "head")[-1]] and not _beyond(line, keys.verify_head(heads[-2]))
    ]
    assert verify(closed(shorter)).holds
    rolled_back = verify(closed(shorter), earlier=(heads[-1],))
    assert all("missing" in fault.what for fault in rolled_back.faults)
    assert len(rolled_back.faults) == sum(
        tree.size > keys.verify_head(heads[-2]).tree(tree.shard).size for tree in latest.trees
    )


def _beyond(line: bytes, head: Any) -> bool:
    """Returns whether a line is an entry that a head does not cover."""
    release = json.loads(line)
    return release["line"] == "release" and bool(release["sequence"] >= head.tree(release["shard"]).size)


def test_only_trusted_keys_are_believed(ledger: list[bytes]) -> None:
    """Trusted keys replace those in the file: a ledger that someone else signed does not verify."""
    assert verify(ledger, trusted=keys_of(ledger)).holds
    stranger = SigningKey(bytes([9] * 32)).public_keys
    assert not verify(ledger, trusted=stranger).holds


@pytest.mark.parametrize("content", [[], [b""], [b"\n"], [b"{}\n"], [b"[]"], [b"\xff\xfe"]])
def test_what_is_no_export_does_not_hold(content: list[bytes]) -> None:
    """An empty or foreign file is a fault, not a success."""
    assert not verify(content).holds


def test_heads_are_of_one_line_each(ledger: list[bytes]) -> None:
    """The command line finds the heads of an earlier export by how their lines begin."""
    for number in of_kind(ledger, "head"):
        assert ledger[number].startswith(b'{"line":"head"')
        assert msgspec.json.decode(ledger[number], type=HeadLine).jws


def with_head(ledger: list[bytes], number: int, **changes: Any) -> list[bytes]:
    """Returns a closed export whose head of that line the signer signed differently."""
    head = SIGNING_KEY.public_keys.verify_head(json.loads(ledger[number])["jws"])
    other = SIGNING_KEY.sign_head(msgspec.structs.replace(head, **changes))
    changed = msgspec.json.encode(HeadLine(other)) + b"\n"
    return closed([*ledger[:number], changed, *ledger[number + 1 : -1]])


@pytest.mark.parametrize(
    ("size", "root", "fault"),
    [
        (-1, "0" * 64, "has -1 entries of shard 0"),
        (0, "0" * 64, "has no entries of shard 0, and the root of some"),
        (10**18, "0" * 64, "are missing"),
    ],
)
def test_a_forged_size_of_a_tree_is_found(size: int, root: str, fault: str, ledger: list[bytes]) -> None:
    """A size that no number of entries has is a fault, and costs nothing."""
    number = of_kind(ledger, "head")[0]
    trees = SIGNING_KEY.public_keys.verify_head(json.loads(ledger[number])["jws"]).trees
    verdict = verify(with_head(ledger, number, trees=[ShardTree(0, size, root), *trees[1:]]))
    assert fault in {found.what for found in verdict.faults}


def test_a_shard_that_a_head_names_twice_is_found(ledger: list[bytes]) -> None:
    """A second tree of a shard is compared with nothing, so there may be none."""
    number = of_kind(ledger, "head")[0]
    trees = SIGNING_KEY.public_keys.verify_head(json.loads(ledger[number])["jws"]).trees
    verdict = verify(with_head(ledger, number, trees=[*trees, ShardTree(0, 7, "0" * 64)]))
    assert "does not have each shard once, in order" in {found.what for found in verdict.faults}


def test_a_first_head_that_follows_another_one_is_found(ledger: list[bytes]) -> None:
    """Head 0 names no previous one: heads that were cut off and numbered again are missing."""
    verdict = verify(with_head(ledger, of_kind(ledger, "head")[0], previous="0" * 64))
    assert "names a previous one, which is missing" in {found.what for found in verdict.faults}


def test_heads_that_were_cut_off_are_missing_however_many_are_left(ledger: list[bytes]) -> None:
    """A file with more heads than the gallery keeps, and not from the first one on, lacks some."""
    heads, previous = [], "1" * 64
    first = SIGNING_KEY.public_keys.verify_head(heads_of(ledger)[0])
    for sequence in range(1, MAX_KEPT_HEADS + 2):
        text = SIGNING_KEY.sign_head(msgspec.structs.replace(first, sequence=sequence, previous=previous))
        heads.append(msgspec.json.encode(HeadLine(text)) + b"\n")
        previous = SignedHead(text, first).digest
    others = [line for number, line in enumerate(ledger[:-1]) if number not in of_kind(ledger, "head")]
    fault = "is the first one of the file; the heads before it are missing"
    for count, found in ((MAX_KEPT_HEADS, False), (MAX_KEPT_HEADS + 1, True)):
        verdict = verify(closed([*others[:2], *heads[:count], *others[2:]]))
        assert (fault in {one.what for one in verdict.faults}) is found


def test_a_file_of_faults_alone_is_not_read_to_its_end() -> None:
    """What inflates to any size costs a bounded number of faults."""
    endless = repeat(b"\n")
    assert len(verify(endless).faults) <= MAX_FAULTS + 3
