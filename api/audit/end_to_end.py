"""The whole path on a real store of the audit's own: intake, vault, relay, release, gallery, public plane."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from api.audit.reads import read_findings
from api.audit.scenario import FLIPPED, LIKED, TOLD, Scenario
from api.audit.wall import wall_sections
from api.audit.write_once import once_findings
from api.http.system import clock_ms
from api.public.app import PLANE, build_public_app
from api.replay.in_process import InProcessSystem, time_machine
from api.replay.intake import SilentLog
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.policy_source import PolicySource
from api.runtime.store_setup import ONE_SHARD, PreparedStore, StoreSetup
from privacy.audit.check import Check
from privacy.audit.progress import ignore_progress
from privacy.audit.report_model import Finding, Section
from privacy.catalogue.catalogue import Catalogue
from privacy.embedded.rooms import EmbeddedRooms
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import KINDS_PER_TARGET, Kind, TargetType
from privacy.release.history import NET_CHANGE
from privacy.store.connect import connect
from privacy.store.settings import Settings
from privacy.store.users import LIMITER, PLATFORM, PUBLIC
from privacy.tally.series import DueSeries
from privacy.vault.pseudonym import Pseudonymiser

if TYPE_CHECKING:
    from flask.testing import FlaskClient

KEYS: Final = 3
HASHED: Final = 10
"""Accounts whose unkeyed hashes are looked for."""
_OWNER: Final = "end-to-end-audit"
_A_MINUTE: Final = 10_000_000
_HASHES: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
_SHORT: Final = (8, 16, 20, 32)


def end_to_end_check(
    source: PolicySource, entropy: EntropySource, reads: int, *, wall: bool = False
) -> Check:
    """Tell a store of its own a story and look at everything that comes of it.

    Args:
        source: the policy.
        entropy: of keys and noise.
        reads: how often each number is read.
        wall: whether the wall of that store is shown, too.
    """

    def conclude(results: Sequence[Sequence[Section]]) -> Sequence[Section]:
        return results[0]

    return Check("end to end on a real store", (partial(_rehearse, source, entropy, reads, wall),), conclude)


@dataclass(frozen=True)
class TestSystem:
    """The store after the story.

    Args:
        story: what was told.
        store: the founded store.
        folder: its data.
        machine: intake, relay and release workers under a virtual clock.
    """

    story: Scenario
    store: PreparedStore
    folder: Path
    machine: InProcessSystem

    def series(self) -> dict[str, DueSeries]:
        """What the tally holds of the likes of each video."""
        with closing(connect(self.store.settings, PLATFORM)) as client:
            catalogue = Catalogue(client, self.store.header.target_shards, self.story.policy, lambda _: None)
            known = catalogue.lookup(TargetType.VIDEO, self.story.exact)
        numbers = {video: target.number * KINDS_PER_TARGET + Kind.LIKE for video, target in known.items()}
        shard = self.machine.timeline.workers[0].shards[0]
        return dict(zip(numbers, shard.read_series(list(numbers.values())), strict=True))


def _rehearse(source: PolicySource, entropy: EntropySource, reads: int, wall: bool) -> Sequence[Section]:
    story = Scenario(source.policy, f"a{entropy(8).hex()}")
    with ExitStack() as held:
        folder = Path(held.enter_context(TemporaryDirectory(prefix="likewise-audit-"))) / "data"
        rooms = held.enter_context(EmbeddedRooms(folder))
        settings = Settings.from_environment({}, folder)
        key_file, guard = settings.pseudonym_key_file, settings.rollback_guard_dir
        store = StoreSetup(source, key_file, guard, clock_ms, entropy, ONE_SHARD).prepare(rooms.settings)
        machine = held.enter_context(time_machine(store, lambda _: None))
        machine.timeline.run(story.videos, story.events, story.end_ms)
        stage = TestSystem(story, store, folder, machine)
        public = held.enter_context(closing(connect(store.settings, PUBLIC)))
        limiter = held.enter_context(closing(connect(store.settings, LIMITER)))
        client = build_public_app(public, limiter, machine.clock, SilentLog()).test_client()
        registers = _registers_section(stage, entropy)
        written = _once_section(stage, entropy)
        read = _reads_section(stage, client, entropy, reads)
        shown = wall_sections(store.settings, ignore_progress) if wall else []
        return registers, written, read, *shown


def _registers_section(stage: TestSystem, entropy: EntropySource) -> Section:
    return Section(
        "registers",
        "Each engagement counts once, at most w times, and under a keyed pseudonym",
        f"A story of likes, un-likes and likes again was sent to the real intake, every batch {TOLD} times, "
        f"some events late; one account flipped {stage.story.policy.flip_cap} times and more. The tally's "
        "exact counts were compared with a count by hand, and everything that the store wrote to its disk "
        "was searched for the accounts.",
        "An event counted twice, a late one that counts, a flip beyond w, a cell that changes, a private "
        "account in a cell, an account id or an unkeyed hash of one on the disk, a trace of a child.",
        "Certain for this story. That histories in general end as a reference says is what the property "
        "tests hold.",
        (*_counts(stage), *_cells(stage), *_flips(stage), *_pseudonyms(stage, entropy)),
    )


def _once_section(stage: TestSystem, entropy: EntropySource) -> Section:
    return Section(
        "write-once",
        "A release is written once, whoever tries again",
        "On the same store: workers that release what is released, a second worker that made the same "
        "release at the same time, other bytes for a release that stands, the next epoch after a restart.",
        "A release, measurement or ledger entry that is replaced, drawn again, or written twice.",
        "Certain for what was tried.",
        tuple(once_findings(stage.store, stage.machine, stage.series, entropy)),
    )


def _reads_section(stage: TestSystem, client: FlaskClient, entropy: EntropySource, reads: int) -> Section:
    ring = ApiKeys.open(stage.store.settings, PLANE, clock_ms, entropy)
    terms = [ApiKeySpec(f"{_OWNER}-{number}", ["read"], 1, _A_MINUTE) for number in range(KEYS)]
    tokens = [ring.renew(one) for one in terms]
    return Section(
        "reads",
        "Reading draws nothing, and answers everybody alike",
        f"Every number of the story's videos was read {reads:,} times through the public plane, with {KEYS} "
        "keys in turn, before and after more likes had come in within the epoch.",
        "Two answers that differ in one byte; an answer that differs from the release; a video without "
        "likes that looks other than one with almost enough.",
        "Certain for what was tried.",
        tuple(read_findings(stage.story, stage.machine, client, tokens, reads)),
    )


def _counts(stage: TestSystem) -> Iterator[Finding]:
    for video, series in stage.series().items():
        found, expected = int(_net(series)[0].sum()), stage.story.exact[video]
        yield Finding(f"exact likes of {video}", f"{expected}, by hand", f"{found}", found == expected)


def _cells(stage: TestSystem) -> Iterator[Finding]:
    """Who comes back with another profile keeps the cell; private accounts are undisclosed."""
    policy, net = stage.story.policy, _net(stage.series()[LIKED])
    for dimension, place in zip(policy.domain.dimensions, policy.layout.breakdowns, strict=True):
        expected = stage.story.cells.get(dimension.name)
        if expected is None:
            continue
        sums = zip(dimension.cells, net[place].sum(axis=1).tolist(), strict=True)
        found = {cell: count for cell, count in sums if count}
        yield Finding(
            f"exact likes by {dimension.name}", f"{expected}, by hand", f"{found}", found == expected
        )


def _flips(stage: TestSystem) -> Iterator[Finding]:
    cap = stage.story.policy.flip_cap
    net = _net(stage.series()[FLIPPED])
    removed = int(net[stage.story.policy.layout.removals].sum())
    # All flips fall into one epoch, so that the removals tell how many of them counted.
    yield Finding(
        "removals by the account that flips too often",
        f"⌊w/2⌋ = {cap // 2}, and no like that stands",
        f"{removed}, and {int(net[0].sum())} that stand",
        removed == cap // 2 and int(net[0].sum()) == 0,
    )


def _net(series: DueSeries) -> Any:
    """Net change of each stream at each step, as the tally keeps it."""
    rows = np.frombuffer(series.net_changes, NET_CHANGE)
    net = np.zeros(
        (max(256, int(rows["stream"].max(initial=0)) + 1), int(rows["step"].max(initial=0)) + 1), int
    )
    net[rows["stream"], rows["step"]] = rows["value"]
    return net


def _pseudonyms(stage: TestSystem, entropy: EntropySource) -> Iterator[Finding]:
    story = stage.story
    disk = b"".join(path.read_bytes() for path in sorted(stage.folder.rglob("*.aof")))
    accounts = [*story.crowd, *story.private, story.flipper]
    named = sum(account.encode() in disk for account in (*accounts, story.child))
    looked_for = (*accounts[:HASHED], story.flipper, story.child)
    hashed = sum(digest in disk for account in looked_for for digest in _unkeyed(account))
    keys = stage.store.keys.current
    there = sum(keys.account(account).pseudonym in disk for account in accounts)
    yield Finding(
        "account ids on the disk",
        "none of them, and no unkeyed hash of one",
        f"{named} ids and {hashed} hashes of {len(looked_for)} in {len(disk):,} bytes, which hold {there} "
        f"of {len(accounts)} pseudonyms",
        named == hashed == 0 and there == len(accounts),
    )
    child = keys.account(story.child).pseudonym in disk
    yield Finding(
        "a child's event", "leaves nothing", "left its pseudonym" if child else "left nothing", not child
    )
    others = [
        Pseudonymiser(entropy(32), keys.outer_key).account(story.flipper),
        Pseudonymiser(keys.inner_key, entropy(32)).account(story.flipper),
    ]
    reference = keys.account(story.flipper)
    keyed = (
        reference.pseudonym not in {other.pseudonym for other in others}
        and reference.tombstone != others[0].tombstone
    )
    yield Finding(
        "pseudonym and tombstone of one account under other keys",
        "are others",
        "others" if keyed else "the same",
        keyed,
    )


def _unkeyed(account: str) -> Iterator[bytes]:
    """What somebody without a key would look for."""
    for name in _HASHES:
        digest = hashlib.new(name, account.encode()).digest()
        yield digest
        yield from (digest[:size] for size in _SHORT if size < len(digest))
        yield digest.hex().encode()
    for size in _SHORT:
        yield hashlib.blake2b(account.encode(), digest_size=size).digest()
