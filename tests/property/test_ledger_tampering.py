"""Verifying an exported ledger finds and names every change to it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.gallery.ledger_reader import LedgerReader
from privacy.signing.export import Closing, HeadLine, ReleaseLine, export_lines
from privacy.signing.jwks import PublicKeys
from privacy.signing.signing_key import SigningKey
from privacy.signing.verification import Verification, VerificationResult
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store
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
            world.signer().run()
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


def verify(lines: Sequence[bytes], **options: Any) -> VerificationResult:
    """Verifies lines."""
    return Verification(**options).run(lines)


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
    if line["line"] == "head" and number > of_kind(ledger, "head")[0] and rng.randrange(2):
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
    assert [fault.what for fault in verdict.faults] == ["is in no signed head"]


def test_an_export_must_go_on_from_an_earlier_one(ledger: list[bytes]) -> None:
    """Anyone with an old head finds a ledger that was rolled back or rewritten, whoever signed it."""
    heads = [json.loads(ledger[number])["jws"] for number in of_kind(ledger, "head")]
    assert verify(ledger, earlier=tuple(heads)).holds
    keys = PublicKeys.from_jwks(json.dumps({"keys": json.loads(ledger[1])["keys"]}))
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
    keys = PublicKeys.from_jwks(json.dumps({"keys": json.loads(ledger[1])["keys"]}))
    assert verify(ledger, trusted=keys).holds
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
