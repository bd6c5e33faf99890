"""The ledger's chain."""

from hashlib import sha256

import msgspec

from privacy.model.documents import LedgerEntry
from privacy.release.engine import NewRelease
from privacy.release.ledger import LedgerHead
from tests.support.profiles import entropy_of
from tests.support.release_world import calibration
from tests.support.simulation import LIKE, Simulation, log_of

POLICY = calibration().policy


def releases(likes: list[int]) -> list[NewRelease]:
    """Return the first releases of targets with the given numbers of likes."""
    logs = [log_of(POLICY, [({}, LIKE, count)]) for count in likes]
    return Simulation.start(calibration(), len(likes)).release(logs, entropy_of("ledger"))


def entries(made: list[NewRelease]) -> tuple[list[bytes], LedgerHead]:
    """Their entries in an empty ledger of shard 5, and its head."""
    head, lines = LedgerHead(5, 0, ""), []
    for release in made:
        line, head = head.append(release, calibration())
        lines.append(line)
    return lines, head


def test_every_entry_names_the_one_before() -> None:
    """The chain begins with nothing, and each entry holds the hash of the bytes before it."""
    lines, head = entries(releases([0, 50, 500]))
    decoded = [msgspec.json.decode(line, type=LedgerEntry) for line in lines]
    hashes = ["", *(sha256(line).hexdigest() for line in lines)]
    assert [entry.previous for entry in decoded] == hashes[:-1]
    assert [(entry.shard, entry.sequence) for entry in decoded] == [(5, 0), (5, 1), (5, 2)]
    assert (head.length, head.digest) == (3, hashes[-1])


def test_an_entry_says_what_was_released_and_at_which_cost() -> None:
    """Target, epoch, times, policy, the document's hash, and the cost: rho without the reserve, exactly."""
    (release,) = releases([50])
    (line,), _ = entries([release])
    entry = msgspec.json.decode(line, type=LedgerEntry)
    assert (entry.target_id, entry.kind, entry.epoch) == ("video-0", "like", 0)
    assert entry.as_of_ms == release.as_of_ms == release.document.as_of_ms
    assert (entry.policy_version, entry.policy_digest, entry.rho) == ("small", POLICY.digest, "1.75")
    assert entry.release_sha256 == sha256(release.encoded).hexdigest()


def test_an_entry_says_nothing_of_the_counts() -> None:
    """Entries of a target with no like and of one with many differ only in hashes."""
    few, many = (msgspec.to_builtins(msgspec.json.decode(entries(releases([n]))[0][0])) for n in (0, 100_000))
    assert {name for name in few if few[name] != many[name]} == {"release_sha256"}
