"""Every script that writes, and how the product calls it on a store that has something of everything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
import redis

from api.http import idempotency
from privacy.catalogue import canary_places
from privacy.catalogue.catalogue import Catalogue
from privacy.model.account_status import AccountStatus
from privacy.model.audience import Period
from privacy.model.engagement import Reason, TargetType
from privacy.model.timestamp import MS_PER_DAY, SECONDS_PER_DAY
from privacy.moderation import jobs
from privacy.moderation.jobs import JobKind
from privacy.publishing import publisher, signature_writer
from privacy.store import clock
from privacy.store.connect import translated
from privacy.store.header import StoreHeader
from privacy.store.keys import CLOCK_ANCHOR, STORE_HEADER, vault_key
from privacy.store.script import Script, ScriptCall
from privacy.vault.audience_closing import AudienceClosing
from privacy.vault.blocks import Block, EngagementBlocks
from privacy.vault.bulk_status import BulkStatusChange, Chunk
from privacy.vault.entries import UNTIMED, AdmittedEvent
from privacy.vault.erasure import ERASE_SCRIPT
from privacy.vault.key_rotation import ShardKeyRotation
from privacy.vault.limits import put_limits_in_force, replace_limits
from privacy.vault.pseudonym import AccountRef, Pseudonymiser
from privacy.vault.recount import Recount, StatusTransition
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards, PseudonymKeys, vault_script
from tests.support.audience_policy import audience_policy
from tests.support.audiences import audience, end_slice, with_audiences
from tests.support.histories import LIKE, SERIES, UNLIKED
from tests.support.redis_server import Store
from tests.support.registers import POLICY, PSEUDONYMISER, put_in_force, registry_of, shards_on
from tests.support.targets import a_video

HEADER: Final = StoreHeader(STORE_HEADER, 1, 1, "0" * 32)
"""One shard, so that every call meets all accounts."""
NEWER: Final = Pseudonymiser(
    PSEUDONYMISER.inner_key, bytes(range(64, 96)), PSEUDONYMISER.outer_key, generation=1
)
YEAR: Final = 366 * SECONDS_PER_DAY
NOW_MS: Final = 20_000 * MS_PER_DAY + 5
Act = Callable[[Store], object]


@dataclass(frozen=True)
class Case:
    """A script, and how the product calls it.

    Args:
        script: name of its file.
        user: name of the client.
        act: calls it, again and again until nothing is left to do.
        prepare: what is there before, besides the accounts of all cases.
    """

    script: str
    user: str
    act: Act
    prepare: Act = lambda _store: None

    def __str__(self) -> str:
        """Name the case."""
        return f"{self.script} as {self.user}"


def shards(client: redis.Redis, keys: Pseudonymiser = PSEUDONYMISER) -> AccountShards:
    """Return the one shard under these keys."""
    known = shards_on(client, header=HEADER)
    return AccountShards(client, PseudonymKeys(lambda: keys), 1, known.limits)


def fill(store: Store) -> None:
    """Ada, bo and cyd like some videos; eve is closed."""
    put_in_force(store, registry_of(), HEADER)
    vault = RegisterStore(shards(store.platform))
    likes = [
        (name, series, 1_000 + series, LIKE, 7) for name in ("ada", "bo", "cyd") for series in SERIES[:3]
    ]
    record_in_audiences(vault, [*likes, ("bo", SERIES[0], 5_000, UNLIKED, 7)])
    eve = PSEUDONYMISER.pseudonymise("eve")
    store.root.hset(vault_key(0, "tombstones"), eve.tombstone, NOW_MS + MS_PER_DAY)


def record_in_audiences(vault: RegisterStore, likes: list[AdmittedEvent]) -> None:
    """Record events of videos that count in audiences, in slices that do not end during a test."""
    events = with_audiences(likes, {entry[1]: YEAR for entry in likes})
    vault.record_columns(events, NOW_MS, {"ada": "one", "dee": "two"})


def begin_rotation(store: Store) -> None:
    """Put a newer key in force; no account has moved yet. Bo was found in a burst, and cyd has a timer."""
    name = partial(PSEUDONYMISER.pseudonymise)
    store.root.hset(vault_key(0, "flagged"), name("bo").pseudonym, 2)
    restrict(store)
    store.root.set(vault_key(0, "outer-key"), NEWER.key_id + NEWER.previous_key_id)


def begin_timers(store: Store) -> None:
    """Give cyd a timer, and nobody another one."""
    restrict(store)
    store.root.zadd(vault_key(0, "timers"), {b"x" * 16: 1})


def restrict(store: Store) -> None:
    """Restrict cyd until a second from now."""
    transition = StatusTransition(AccountStatus.RESTRICTED, until_ms=NOW_MS + 1_000)
    Recount(shards(store.platform)).change_status(AccountRef("cyd"), transition, NOW_MS)


def events() -> list[AdmittedEvent]:
    """Return events of every kind: known and new accounts, a burst, a closed account, a resync, an end."""
    burst = [("dee", 4 * place, 1_000, LIKE, 3) for place in range(POLICY.integrity.burst_likes + 3)]
    return [
        ("ada", SERIES[3], 2_000, LIKE, 7),
        *burst,
        ("eve", SERIES[0], 2_000, LIKE, 7),
        ("bo", SERIES[0], 6_000, LIKE, 7),
        ("cyd", SERIES[4], 6_000, UNTIMED, 7),
        ("fay", SERIES[4], 6_000, UNTIMED, 7),
        ("ada", SERIES[0], 7_000, UNLIKED, 7),
    ]


def record(store: Store, keys: Pseudonymiser = PSEUDONYMISER) -> None:
    """Record events, some with a network."""
    record_in_audiences(RegisterStore(shards(store.platform, keys)), events())


def bring_in(store: Store, keys: Pseudonymiser = PSEUDONYMISER) -> None:
    """Import likes of new accounts, of two days and in a burst, and events of a known one."""
    day_ms = 19_000 * MS_PER_DAY
    burst = [("gil", 4 * place, day_ms, LIKE, 3) for place in range(POLICY.integrity.burst_likes + 3)]
    history = [
        ("hal", SERIES[0], day_ms, LIKE, 7),
        *burst,
        ("hal", SERIES[1], day_ms + MS_PER_DAY, LIKE, 7),
        ("hal", SERIES[2], day_ms, LIKE, 7),
        ("bo", SERIES[0], NOW_MS, LIKE, 7),
        ("eve", SERIES[0], day_ms, LIKE, 7),
    ]
    RegisterStore(shards(store.platform, keys)).record(history, NOW_MS, imported=True)


def block(store: Store, keys: Pseudonymiser = PSEUDONYMISER) -> None:
    """Block engagements of several accounts."""
    blocks = [Block(name, SERIES[1], int(Reason.POLICY)) for name in ("ada", "bo", "cyd", "none")]
    EngagementBlocks(shards(store.platform, keys)).apply(blocks, NOW_MS)


def change_status(
    to: AccountStatus, store: Store, keys: Pseudonymiser = PSEUDONYMISER, until_ms: int | None = None
) -> None:
    """Change the status of cyd."""
    Recount(shards(store.platform, keys)).change_status(
        AccountRef("cyd"), StatusTransition(to, until_ms=until_ms), NOW_MS
    )


def hide(store: Store) -> None:
    """Keep ada out of the breakdowns."""
    Recount(shards(store.platform)).hide(AccountRef("ada"), NOW_MS, hidden=True)


def purge_bots(store: Store, keys: Pseudonymiser = PSEUDONYMISER) -> None:
    """Let a job call four accounts fake, until it is done."""
    change = BulkStatusChange(shards(store.maintenance, keys))
    handles = [handle.name for handle in keys.derive_handles(["ada", "eve", "none", "bo"])]
    while (done := change.read_progress(9)[0].done) < len(handles):
        chunk = Chunk(done, 0, handles[done:])
        change.step(9, JobKind.PURGE.transition, {0: chunk}, NOW_MS)


def erase(store: Store, keys: Pseudonymiser = PSEUDONYMISER, **arguments: int) -> None:
    """Erase cyd."""
    arguments = {"now_ms": NOW_MS + 2_000, "cursor": 0, "page_size": 100, **arguments}
    shards(store.platform, keys).run_one(ERASE_SCRIPT, AccountRef("cyd"), arguments)


def vault_call(script: str, store: Store, arguments: dict[str, Any]) -> None:
    """Call a script of the maintenance worker."""
    shards(store.maintenance).run(vault_script(script), {0: arguments}, lambda _shard, given, _keys: given)


def tombstones_of(*names: str) -> list[bytes]:
    """Return the tombstones of accounts."""
    return [PSEUDONYMISER.pseudonymise(name).tombstone for name in names]


def close(store: Store) -> None:
    """Close two accounts."""
    bo, gus = tombstones_of("bo", "gus")
    vault_call("close_accounts.lua", store, {"tombstones": [bo, NOW_MS, gus, NOW_MS]})


def expire(store: Store) -> None:
    """Drop what is over by the day after tomorrow."""
    arguments = {"now_ms": NOW_MS + 2 * MS_PER_DAY, "tombstones": tombstones_of("eve", "gus")}
    vault_call("expire_tombstones.lua", store, arguments)


def list_timers(store: Store) -> None:
    """List due timers; one of them is of nobody."""
    vault_call("due_timers.lua", store, {"now_ms": NOW_MS + 2_000, "limit": 100})


def end_restriction(store: Store) -> None:
    """End the restriction of cyd, which is over."""
    found = PSEUDONYMISER.pseudonymise("cyd").pseudonym
    vault_call("end_restriction.lua", store, {"now_ms": NOW_MS + 2_000, "pseudonym": found})


def purge_sealed(store: Store) -> None:
    """Drop the registers of bo, who is idle."""
    known = shards(store.maintenance)
    (name, *_) = known.list_stored_names(PSEUDONYMISER.pseudonymise("bo"))
    arguments = {
        "key": name,
        "pseudonym": name[-16:],
        "idle_since_ms": NOW_MS + 9 * MS_PER_DAY,
        "series": list(SERIES[:3]),
    }
    vault_call("purge_sealed.lua", store, arguments)


def close_slice(store: Store) -> None:
    """Close the slice that has ended: days are emitted, and what belongs to a longer period is kept."""
    now_seconds = int(store.root.time()[0])
    found = {series // 4: {YEAR: [audience(1)], 2 * YEAR: [audience(2)]} for series in range(0, 200, 4)}
    closing = AudienceClosing(shards(store.maintenance), lambda _targets: found)
    closing.close(0, Period.at(1000 * now_seconds, YEAR).start_ms // 1000)


def rotate(store: Store) -> None:
    """Put a newer key in force, and move every account."""
    rotation = ShardKeyRotation(shards(store.rekeyer, NEWER))
    rotation.put_in_force(0)
    names = ("ada", "bo", "cyd")
    rotation.move_accounts(0, [PSEUDONYMISER.pseudonymise(name).pseudonym for name in names])
    rotation.end(0)


def put_limits(store: Store) -> None:
    """Put the limits of a stricter policy in force."""
    put_limits_in_force(store.admin, 1, registry_of(2, 50).limits)


def send(script: Script, keys: Sequence[str], arguments: Sequence[Any], client: redis.Redis) -> None:
    """Call a script that is not the vault's."""
    with translated():
        script.run(client, ScriptCall(keys, arguments))


def publish(store: Store) -> None:
    """Publish two releases of two series, and a third of the first."""
    keys = [f"g:{part}:{{g1}}:{name}:like" for name in "ab" for part in ("releases", "points", "current")]
    documents = [
        [epoch, msgspec.json.encode({"epoch": epoch}), msgspec.json.encode([epoch])] for epoch in (0, 0, 1)
    ]
    arguments = [part for document in documents for part in document]
    send(publisher._PUBLISH, [*keys, *keys[:3]], arguments, store.publisher)


def publish_fields(store: Store) -> None:
    """Publish three entries of a chain."""
    send(publisher._PUBLISH_FIELDS, ["g:ledger:0"], [0, "a", 1, "b", 2, "c"], store.publisher)


def publish_target(store: Store) -> None:
    """Publish a target that is there in an older revision."""
    target = [2, msgspec.json.encode({"revision": 2})]
    send(publisher._PUBLISH_TARGET, ["g:target:video:a"], target, store.publisher)


def put_head(store: Store) -> None:
    """Replace the first head by the second; done again, it changes nothing."""
    send(signature_writer._PUT_HEAD, ["g:heads"], ["first", '{"jws": "second"}', 1], store.signer)


def put_first_head(store: Store) -> None:
    """Put the first head."""
    send(signature_writer._PUT_HEAD, ["g:heads"], ["", '{"jws": "first"}', 0], store.signer)


def replace_anchor(store: Store) -> None:
    """Replace the anchor of the clock."""
    send(clock._REPLACE_ANCHOR, [CLOCK_ANCHOR], ["before", "after"], store.relay)


def replace_job(store: Store) -> None:
    """Replace the document of a job."""
    send(jobs._REPLACE, ["p:jobs:document:1"], ["before", "after", 100], store.maintenance)


def settle_claim(answer: str, store: Store) -> None:
    """End a claim."""
    send(idempotency._SETTLE, ["p:idempotency:x"], ["claim", answer, 100], store.platform)


def reserve_canaries(store: Store) -> None:
    """Reserve two places where two of three are taken, one of which has lapsed."""
    arguments = [NOW_MS, NOW_MS + 1_000, 3, "sandbox:b", "sandbox:c"]
    send(canary_places._RESERVE, ["p:canaries"], arguments, store.platform)


def register(store: Store) -> None:
    """Register two videos, one of them twice."""
    videos = [a_video(name, NOW_MS, creator_id="c") for name in ("v-1", "v-2", "v-1")]
    catalogue(store).register(videos, NOW_MS)


def close_all_audiences(store: Store) -> None:
    """Forget the videos, so that they are registered again, and close their audiences."""
    register(store)
    store.root.delete("t:{t0}:videos", "t:{t0}:audience-due")


def take_down(store: Store) -> None:
    """Take a video down."""
    catalogue(store).take_down(TargetType.VIDEO, "v-1", "a reason")


def catalogue(store: Store) -> Catalogue:
    """Return a catalogue that publishes nothing."""
    return Catalogue(store.platform, 1, audience_policy(), lambda _documents: None)


RESTRICTED, BANNED = AccountStatus.RESTRICTED, AccountStatus.BANNED
CASES: Final = [
    Case("record.lua", "platform", record, restrict),
    Case("record.lua", "platform", partial(record, keys=NEWER), begin_rotation),
    Case("record.lua", "platform", bring_in, restrict),
    Case("block.lua", "platform", block),
    Case("block.lua", "platform", partial(block, keys=NEWER), begin_rotation),
    Case("recount.lua", "platform", partial(change_status, RESTRICTED, until_ms=NOW_MS + 500)),
    Case("recount.lua", "platform", partial(change_status, BANNED, keys=NEWER), begin_rotation),
    Case("recount.lua", "platform", hide),
    Case("bulk_status.lua", "maintenance", purge_bots),
    Case("bulk_status.lua", "maintenance", partial(purge_bots, keys=NEWER), begin_rotation),
    Case("erase.lua", "platform", erase, restrict),
    Case("erase.lua", "platform", partial(erase, keys=NEWER), begin_rotation),
    Case(
        "erase.lua",
        "platform",
        partial(erase, deleted_by_ms=NOW_MS + 2_000),
        partial(change_status, AccountStatus.DELETED, until_ms=NOW_MS + 1_000),
    ),
    Case("close_accounts.lua", "maintenance", close),
    Case("expire_tombstones.lua", "maintenance", expire),
    Case(
        "due_timers.lua",
        "maintenance",
        list_timers,
        begin_timers,
    ),
    Case("end_restriction.lua", "maintenance", end_restriction, restrict),
    Case("purge_sealed.lua", "maintenance", purge_sealed),
    Case("close_audiences.lua", "maintenance", close_slice, end_slice),
    Case("key_rotation.lua", "rekeyer", rotate, restrict),
    Case(
        "put_limits.lua",
        "admin",
        lambda store: put_limits_in_force(store.admin, 1, registry_of(2, 50).limits),
    ),
    Case("replace_limits.lua", "admin", lambda store: replace_limits(store.admin, 1, lambda: [POLICY])),
    Case("publish.lua", "publisher", publish),
    Case("publish_fields.lua", "publisher", publish_fields),
    Case(
        "publish_target.lua",
        "publisher",
        publish_target,
        lambda store: store.root.set("g:target:video:a", '{"revision": 1}'),
    ),
    Case("put_head.lua", "signer", put_head, put_first_head),
    Case(
        "replace_anchor.lua",
        "relay",
        replace_anchor,
        lambda store: store.root.set(CLOCK_ANCHOR, "before"),
    ),
    Case(
        "replace_document.lua",
        "maintenance",
        replace_job,
        lambda store: store.root.set("p:jobs:document:1", "before"),
    ),
    Case(
        "reserve_canaries.lua",
        "platform",
        reserve_canaries,
        lambda store: store.root.zadd("p:canaries", {"sandbox:a": NOW_MS + 1, "sandbox:b": NOW_MS}),
    ),
    Case("register.lua", "platform", register),
    Case("start_audiences.lua", "platform", register, close_all_audiences),
    Case("replace.lua", "platform", take_down, register),
    Case(
        "settle_claim.lua",
        "platform",
        partial(settle_claim, "answer"),
        lambda store: store.root.set("p:idempotency:x", "claim"),
    ),
    Case(
        "settle_claim.lua",
        "platform",
        partial(settle_claim, ""),
        lambda store: store.root.set("p:idempotency:x", "claim"),
    ),
]
