"""Tests the whole path on a real store: intake, vault, relay, release, gallery, public plane."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from api.audit.admissions import admission_findings
from api.audit.audience_members import run_and_count
from api.audit.audited_system import AuditedSystem
from api.audit.outage import outage_findings
from api.audit.reads import read_findings
from api.audit.scenario import DAYS, DELIVERIES, FLIPPED, LIKED, Scenario
from api.audit.wall import wall_sections
from api.audit.write_once import write_once_findings
from api.http.system import clock_ms
from api.public.app import PLANE, build_public_app
from api.replay.in_process import open_in_process_system
from api.replay.intake import NullRequestLog
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.policy_source import PolicySource
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import ONE_SHARD, StoreSetup
from privacy.audit.check import Check, ignore_progress
from privacy.audit.report_model import Finding, Section
from privacy.embedded.rooms import EmbeddedRooms
from privacy.mechanism.entropy import EntropySource
from privacy.release.history import NET_CHANGE
from privacy.store.connect import connect
from privacy.store.settings import Settings
from privacy.store.users import LIMITER, PUBLIC
from privacy.tally.series import DueSeries
from privacy.vault.pseudonym import Pseudonymiser

if TYPE_CHECKING:
    from flask.testing import FlaskClient

KEYS: Final = 3
HASHED: Final = 10
"""Number of accounts whose unkeyed hashes are searched for."""
_OWNER: Final = "end-to-end-audit"
_REQUESTS_PER_MINUTE: Final = 10_000_000
_HASHES: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
_SHORT: Final = (8, 16, 20, 32)


def end_to_end_check(
    source: PolicySource, entropy: EntropySource, reads: int, *, wall: bool = False
) -> Check:
    """Makes the check that runs a scenario on a store of its own and verifies all results.

    Args:
        source: the policy.
        entropy: source of keys and noise.
        reads: number of reads of each number.
        wall: whether to test the wall of that store, too.
    """

    def conclude(results: Sequence[Sequence[Section]]) -> Sequence[Section]:
        return results[0]

    return Check(
        "end to end on a real store", (partial(_run_end_to_end, source, entropy, reads, wall),), conclude
    )


def _run_end_to_end(
    source: PolicySource, entropy: EntropySource, reads: int, wall: bool
) -> Sequence[Section]:
    scenario = Scenario(source.policy, f"a{entropy(8).hex()}")
    with ExitStack() as held:
        folder = Path(held.enter_context(TemporaryDirectory(prefix="likewise-audit-"))) / "data"
        rooms = held.enter_context(EmbeddedRooms(folder))
        settings = Settings.from_environment({}, folder)
        keys, guard = KeyFiles.of(settings), settings.rollback_guard_dir
        store = StoreSetup(source, keys, guard, clock_ms, entropy, ONE_SHARD).prepare(rooms.settings)
        in_process = held.enter_context(open_in_process_system(store, lambda _: None, equal_work=True))
        members = run_and_count(scenario, in_process)
        audited = AuditedSystem(scenario, store, folder, in_process)
        public = held.enter_context(closing(connect(store.settings, PUBLIC)))
        limiter = held.enter_context(closing(connect(store.settings, LIMITER)))
        header = store.header.of_gallery
        app = build_public_app(public, limiter, in_process.clock, NullRequestLog(), header=header)
        client = app.test_client()
        registers = _register_section(audited, members, entropy)
        written = _write_once_section(audited, entropy)
        read = _reads_section(audited, client, entropy, reads)
        outage = _outage_section(audited, entropy)
        admitted = _admission_section(audited)
        shown = wall_sections(store.settings, ignore_progress) if wall else []
        return registers, written, read, outage, admitted, *shown


def _register_section(audited: AuditedSystem, members: Sequence[Finding], entropy: EntropySource) -> Section:
    return Section(
        "registers",
        "Each engagement counts once, and each account once in an audience; pseudonyms are keyed",
        "A scenario of likes, unlikes and repeated likes was sent to the real intake, every batch "
        f"{DELIVERIES} times and some events late; one account flipped more than "
        f"{audited.scenario.policy.flip_cap} times. The scenario has the last {DAYS} days of the longest "
        "period of audiences: some accounts like on both days, and some are banned on the second. The "
        "tally's exact counts, and those of audiences of days, weeks and longer periods, were compared with "
        "counts made by hand, and everything the store wrote to disk was searched for the accounts.",
        "An event counted twice, an account counted twice in an audience or not taken out of it, more "
        "hashtags than count, a late event that counts, a flip beyond w, a cell that changes, a private "
        "account in a cell, an account id or an unkeyed hash of one on disk, a trace of a child.",
        "Certain for this scenario. Property tests compare arbitrary histories with a reference.",
        (
            *_check_counts(audited),
            *_check_cells(audited),
            *_check_flips(audited),
            *members,
            *_check_pseudonyms(audited, entropy),
        ),
    )


def _write_once_section(audited: AuditedSystem, entropy: EntropySource) -> Section:
    return Section(
        "write-once",
        "A release is written only once",
        "On the same store: workers that repeat a release, a second worker that makes the same release at "
        "the same time, other bytes for an existing release, and the next epoch after a restart.",
        "A release, measurement or ledger entry that is replaced, drawn again, or written twice.",
        "Certain for the cases tried.",
        tuple(write_once_findings(audited.store, audited.in_process, audited.read_series, entropy)),
    )


def _reads_section(
    audited: AuditedSystem, client: FlaskClient, entropy: EntropySource, reads: int
) -> Section:
    api_keys = ApiKeys.open(audited.store.settings, PLANE, entropy)
    specs = [ApiKeySpec(f"{_OWNER}-{number}", ["read"], 1, _REQUESTS_PER_MINUTE) for number in range(KEYS)]
    tokens = [api_keys.renew(one) for one in specs]
    return Section(
        "reads",
        "Reads draw no noise, and all keys get the same answers",
        f"Every number of the scenario's videos was read {reads:,} times through the public plane, with "
        f"{KEYS} keys in turn, before and after more likes arrived within the epoch.",
        "Two answers that differ in a byte, an answer that differs from the release, or different answers "
        "for a video without likes and one with almost enough.",
        "Certain for the cases tried.",
        tuple(read_findings(audited.scenario, audited.in_process, client, tokens, reads)),
    )


def _outage_section(audited: AuditedSystem, entropy: EntropySource) -> Section:
    return Section(
        "outage",
        "An epoch counts what was taken in before its end, and shows at its tick",
        "On the same store, a video with likes and one without were released while relay and workers were "
        "away: when an epoch ended, and for longer than the public delay. Likes arrived before the end of "
        "each epoch, between the end and the release, and later. The gallery was read with the public "
        "plane's credentials before each tick and at it, and the entropy of the workers was counted. The "
        "gallery's log on disk shows in which order a pass wrote its releases.",
        "A release that lacks likes of its epoch or has later ones, a release before its tick, one that "
        "shows when it is ready, work or an order that depends on counts.",
        "Certain for the cases tried; the entropy raises a false alarm with a probability below 1e-6.",
        tuple(outage_findings(audited, entropy)),
    )


def _admission_section(audited: AuditedSystem) -> Section:
    return Section(
        "admissions",
        "An account counts up to its caps, and not in a burst",
        "On the same store, one account liked more videos in a day than the policy counts, sent the likes "
        "again, was banned and reinstated on the next day, and liked more. Another liked in a burst, and "
        "once more when that was over. What the vault holds of them was compared with the policy.",
        "A like beyond the cap of a day or of a month that counts, or that counts later; a like in a burst "
        "that counts, or one after it that does not.",
        "Certain for the cases tried.",
        tuple(admission_findings(audited)),
    )


def _check_counts(audited: AuditedSystem) -> Iterator[Finding]:
    for video, series in audited.read_series().items():
        found, expected = int(_net_changes(series)[0].sum()), audited.scenario.exact[video]
        yield Finding(
            f"exact likes of {video}", f"{expected}, counted by hand", f"{found}", found == expected
        )


def _check_cells(audited: AuditedSystem) -> Iterator[Finding]:
    """Checks that returning accounts keep their cells, and that private accounts are undisclosed."""
    policy, net = audited.scenario.policy, _net_changes(audited.read_series()[LIKED])
    for dimension, index in zip(policy.series_dimensions, policy.layout.breakdowns, strict=True):
        expected = audited.scenario.cells.get(dimension.name)
        if expected is None:
            continue
        sums = zip(dimension.cells, net[index].sum(axis=1).tolist(), strict=True)
        found = {cell: count for cell, count in sums if count}
        yield Finding(
            f"exact likes by {dimension.name}", f"{expected}, counted by hand", f"{found}", found == expected
        )


def _check_flips(audited: AuditedSystem) -> Iterator[Finding]:
    cap = audited.scenario.policy.flip_cap
    net = _net_changes(audited.read_series()[FLIPPED])
    removed = int(net[audited.scenario.policy.layout.removals].sum())
    # All flips fall into one epoch, so the removals show how many of them counted.
    yield Finding(
        "removals by the account that flips too often",
        f"⌊w/2⌋ = {cap // 2}, and no counted like",
        f"{removed}, and {int(net[0].sum())} counted",
        removed == cap // 2 and int(net[0].sum()) == 0,
    )


def _net_changes(series: DueSeries) -> Any:
    """Returns the net change of each stream at each step, as stored in the tally."""
    rows = np.frombuffer(series.net_changes, NET_CHANGE)
    net = np.zeros(
        (max(256, int(rows["stream"].max(initial=0)) + 1), int(rows["step"].max(initial=0)) + 1), int
    )
    net[rows["stream"], rows["step"]] = rows["value"]
    return net


def _check_pseudonyms(audited: AuditedSystem, entropy: EntropySource) -> Iterator[Finding]:
    scenario = audited.scenario
    disk = b"".join(path.read_bytes() for path in sorted(audited.folder.rglob("*.aof")))
    accounts = [*scenario.accounts, *scenario.private, scenario.flipper]
    named = sum(account.encode() in disk for account in (*accounts, scenario.child))
    searched = (*accounts[:HASHED], scenario.flipper, scenario.child)
    hashed = sum(digest in disk for account in searched for digest in _unkeyed_hashes(account))
    keys = audited.store.keys.current
    there = sum(keys.pseudonymise(account).pseudonym in disk for account in accounts)
    yield Finding(
        "account ids on disk",
        "no id, and no unkeyed hash of one",
        f"{named} ids and {hashed} hashes of {len(searched)} in {len(disk):,} bytes, which contain {there} "
        f"of {len(accounts)} pseudonyms",
        named == hashed == 0 and there == len(accounts),
    )
    child = keys.pseudonymise(scenario.child).pseudonym in disk
    yield Finding(
        "a child's event", "leaves no trace", "left its pseudonym" if child else "no trace", not child
    )
    others = [
        Pseudonymiser(entropy(32), keys.outer_key).pseudonymise(scenario.flipper),
        Pseudonymiser(keys.inner_key, entropy(32)).pseudonymise(scenario.flipper),
    ]
    reference = keys.pseudonymise(scenario.flipper)
    keyed = (
        reference.pseudonym not in {other.pseudonym for other in others}
        and reference.tombstone != others[0].tombstone
    )
    yield Finding(
        "pseudonym and tombstone of one account under other keys",
        "different",
        "different" if keyed else "the same",
        keyed,
    )


def _unkeyed_hashes(account: str) -> Iterator[bytes]:
    """Yields the hashes that an attacker without a key would search for."""
    for name in _HASHES:
        digest = hashlib.new(name, account.encode()).digest()
        yield digest
        yield from (digest[:size] for size in _SHORT if size < len(digest))
        yield digest.hex().encode()
    for size in _SHORT:
        yield hashlib.blake2b(account.encode(), digest_size=size).digest()
