"""The limits in force: a process that was started before a stricter policy loosens nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from api.http.system import clock_ms
from privacy.errors import ClockError, StoreError
from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Verdict
from privacy.model.timestamp import MS_PER_DAY
from privacy.policy.file import DEFAULT_POLICY_PATH
from privacy.policy.registry import Limits, PolicyRegistry, register_policy
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.clock import MAX_DEVIATION_MS
from privacy.store.users import ADMIN, MAINTENANCE, PLATFORM
from privacy.vault.erasure import Erasure
from privacy.vault.limits import KnownLimits, limits_key, put_limits_in_force, require_limits_in_force
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Recount, StatusTransition
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards, PseudonymKeys
from tests.support.histories import LIKE, SERIES
from tests.support.platform_plane import erasures_of
from tests.support.redis_server import Store
from tests.support.registers import (
    HEADER,
    POLICY,
    PSEUDONYMISER,
    put_in_force,
    raw,
    read_registers,
    shards_on,
)

NOW_MS = 1_780_000_000_000
VIDEO = SERIES[0]


def changed(version: str, *replacements: tuple[str, str]) -> bytes:
    """Return the packaged policy under another version, with other values."""
    text = DEFAULT_POLICY_PATH.read_text().replace("2026-12-default", version)
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


STRICTER = changed("strict", ("flip_cap = 4 ", "flip_cap = 2 "))
LONGER = changed("long", ("until_seconds = 94608000", "until_seconds = 95040000"))
PERIODS = "86400 63072000 2592000 2592000 2592000 95040000 2592000"
BANDS = "under-13"
OTHERS = {
    f"4 50 94694400 30 10 600 {PERIODS} {BANDS}": ("daily_cap = 100", "daily_cap = 50"),
    f"4 100 94694400 30 10 600 {PERIODS} {BANDS} month=250": (
        "daily_cap = 100",
        "monthly_cap = 250\ndaily_cap = 100",
    ),
    f"4 100 94694400 20 10 600 {PERIODS} {BANDS}": ("burst_likes = 30", "burst_likes = 20"),
    f"4 100 94694400 30 60 600 {PERIODS} {BANDS}": ("burst_seconds = 10", "burst_seconds = 60"),
    f"4 100 94694400 30 10 900 {PERIODS} {BANDS}": ("account_age_seconds = 600", "account_age_seconds = 900"),
    f"4 100 94694400 30 10 600 86400 9{PERIODS.removeprefix('86400 6')} {BANDS}": (
        "audit_trail_seconds = 63072000",
        "audit_trail_seconds = 93072000",
    ),
    f"4 100 94694400 30 10 600 {PERIODS} 13-17,under-13": (
        'dropped_age_bands = ["under-13"]',
        'dropped_age_bands = ["under-13", "13-17"]',
    ),
}
"""Changes of M, the monthly cap, a rule, a period or the dropped bands, by the limits that follow."""


@dataclass(frozen=True)
class Deployment:
    """A store under the packaged policy, and a process of that time."""

    store: Store
    registry: PolicyRegistry

    @classmethod
    def on(cls, store: Store) -> "Deployment":
        """Set a store up."""
        found = cls(store, register_policy(store.admin, DEFAULT_POLICY_PATH.read_bytes()))
        found.put_in_force(found.registry)
        return found

    def put_in_force(self, registry: PolicyRegistry) -> None:
        """Put the limits of policies in force, as `likewise init` does."""
        put_limits_in_force(self.store.admin, HEADER.account_shards, registry.limits)

    def init(self, policy: bytes) -> PolicyRegistry:
        """Register another policy and put it in force; the processes go on."""
        registry = register_policy(self.store.admin, policy)
        self.put_in_force(registry)
        return registry

    def shards(self, registry: PolicyRegistry) -> AccountShards:
        """Return the account shards, as a process sees them that read these policies at its start."""
        client = self.store.platform
        limits = KnownLimits(registry, client)
        return AccountShards(client, PseudonymKeys(lambda: PSEUDONYMISER), HEADER.account_shards, limits)


@pytest.fixture
def deployment(store: Store) -> Deployment:
    """A deployment under the packaged policy."""
    return Deployment.on(store)


def in_force(store: Store) -> set[bytes]:
    """Return the limits in force on the shards."""
    return {raw(store.root.get(limits_key(shard))) for shard in range(HEADER.account_shards)}


def test_nobody_loosens_the_flip_cap_or_the_life_of_a_tombstone(deployment: Deployment) -> None:
    """Whatever is put in force later, w only falls and tombstones stay; all others are the policy's."""
    ttl_seconds = deployment.registry.limits.tombstone_ttl_seconds
    kept = deployment.registry.current.retention, deployment.registry.current.dropped_age_bands
    for limits, expected in (
        (Limits(2, 50, ttl_seconds + 9, 40, 5, 60, *kept), f"2 50 {ttl_seconds + 9} 40 5 60"),
        (Limits(14, 200, 1, 20, 9, 0, *kept), f"2 200 {ttl_seconds + 9} 20 9 0"),
        (deployment.registry.limits, f"2 100 {ttl_seconds + 9} 30 10 600"),
    ):
        put_limits_in_force(deployment.store.admin, HEADER.account_shards, limits)
        assert in_force(deployment.store) == {f"{expected} {PERIODS} {BANDS}".encode()}


def test_only_the_operator_puts_limits_in_force() -> None:
    """No process that serves or maintains may write them, whatever it knows."""
    writers = [
        user
        for user in (PLATFORM, MAINTENANCE, ADMIN)
        for grant in user.grants
        if "set" in grant.commands and any(pattern in ("v:*", "v:{a*}:limits") for pattern in grant.keys)
    ]
    assert writers == [ADMIN]


def test_an_older_process_flips_no_engagement_more_often(deployment: Deployment) -> None:
    """Under w = 2 now, a ban, a reinstatement and a ban by a process of w = 4 flip a like twice in all."""
    newer = deployment.shards(deployment.init(STRICTER))
    assert RegisterStore(newer).record([("ada", VIDEO, 1, LIKE, 0)], NOW_MS) == [Verdict.COUNTED]
    older = Recount(deployment.shards(deployment.registry))
    for to in (AccountStatus.BANNED, AccountStatus.GOOD, AccountStatus.BANNED):
        older.change_status(AccountRef("ada"), StatusTransition(to), NOW_MS)
    assert read_registers(deployment.store.root, ["ada"])["ada", VIDEO].flips == 2


def test_an_older_process_closes_an_erased_account_long_enough(deployment: Deployment) -> None:
    """With a longer schedule in force, an erasure by a process of before outlasts it."""
    newer = deployment.init(LONGER)
    store, older = deployment.store, deployment.shards(deployment.registry)
    erasure = Erasure(older, ErasureWatermark(store.platform, erasures_of(store)))
    erased = erasure.erase(AccountRef("ada"), NOW_MS)
    assert newer.limits.tombstone_ttl_seconds > deployment.registry.limits.tombstone_ttl_seconds
    assert erased.closed_until_ms == NOW_MS + 1000 * newer.limits.tombstone_ttl_seconds
    assert erased.closed_until_ms > NOW_MS + 1000 * newer.current.longest_schedule_seconds + MS_PER_DAY - 1
    (listed,) = erasure.watermark.erasures.read_after(0)
    assert listed.closed_until_ms == erased.closed_until_ms


def test_the_events_of_an_older_process_are_under_the_limits_in_force(deployment: Deployment) -> None:
    """It reads the policies again when it is refused, and its registers freeze at the smaller w."""
    vault = RegisterStore(deployment.shards(deployment.registry))
    deployment.init(STRICTER)
    verdicts = [vault.record([("ada", VIDEO, at, at % 2, 0)], NOW_MS)[0] for at in range(4)]
    assert verdicts == [Verdict.COUNTED, Verdict.UNCOUNTED, Verdict.UNCOUNTED, Verdict.UNCOUNTED]
    assert read_registers(deployment.store.root, ["ada"])["ada", VIDEO].flips == 2


@pytest.mark.parametrize("limits", OTHERS)
@pytest.mark.parametrize(
    "act",
    [
        lambda shards: RegisterStore(shards).record([("ada", VIDEO, 1, LIKE, 0)], NOW_MS),
        lambda shards: Recount(shards).run(AccountRef("ada"), NOW_MS),
        lambda shards: require_limits_in_force(shards.client, shards.count, shards.limits),
    ],
    ids=["events", "staff", "start"],
)
def test_a_process_whose_policy_is_no_longer_in_force_is_told_so(
    deployment: Deployment, act: Callable[[AccountShards], object], limits: str
) -> None:
    """Another M, rule, period or band is in the policy file that a process was started with."""
    older = deployment.shards(deployment.registry)
    deployment.init(changed("other", OTHERS[limits]))
    assert in_force(deployment.store) == {limits.encode()}
    own = f"4 100 94694400 30 10 600 {PERIODS} {BANDS}"
    with pytest.raises(StoreError, match=rf"in force are {limits} .*2026-12-default.* {own}: start"):
        act(older)
    assert not read_registers(deployment.store.root, ["ada"])


def test_a_store_without_limits_is_not_written_to(deployment: Deployment) -> None:
    """A shard that an older version set up refuses everything until `likewise init` has been run again."""
    store, shards = deployment.store, deployment.shards(deployment.registry)
    limits = KnownLimits(deployment.registry, store.platform)
    store.root.delete(*(limits_key(shard) for shard in range(HEADER.account_shards)))
    for act in (
        lambda: RegisterStore(shards).record([("ada", VIDEO, 1, LIKE, 0)], NOW_MS),
        lambda: require_limits_in_force(store.platform, HEADER.account_shards, limits),
    ):
        with pytest.raises(StoreError, match="limits in force are none"):
            act()
    deployment.put_in_force(deployment.registry)
    assert RegisterStore(shards).record([("ada", VIDEO, 1, LIKE, 0)], NOW_MS) == [Verdict.COUNTED]


def test_nothing_is_stamped_by_a_clock_that_has_leapt(store: Store) -> None:
    """A plane reads the store's clock once a second; the server stamps changes with it at each write.

    The ids of an outbox never go back: one entry of the second after a leap would take all later ones along.
    """
    register_policy(store.admin, DEFAULT_POLICY_PATH.read_bytes())
    registry = PolicyRegistry(POLICY, {POLICY.version: POLICY})
    put_in_force(store, registry)
    leap_ms = 0

    def believed() -> int:
        return clock_ms() - leap_ms

    vault = RegisterStore(replace(shards_on(store.platform, registry), clock=believed))
    like = ("ada", VIDEO, 1, LIKE, 0)
    for leap_ms in (MAX_DEVIATION_MS + 5_000, -MAX_DEVIATION_MS - 5_000):  # noqa: B007 - `believed` reads it
        with pytest.raises(ClockError, match="has leapt"):
            vault.record([like], believed())
        assert not store.root.keys("*outbox")
        assert not read_registers(store.root, ["ada"])
    leap_ms = 5_000
    assert vault.record([like], believed()) == [Verdict.COUNTED]


def test_a_process_that_stood_still_closes_an_account_long_enough(store: Store) -> None:
    """It read its time, was stopped for days, and goes on: the account is closed from the present time on."""
    register_policy(store.admin, DEFAULT_POLICY_PATH.read_bytes())
    registry = PolicyRegistry(POLICY, {POLICY.version: POLICY})
    put_in_force(store, registry)
    shards = replace(shards_on(store.platform, registry), clock=clock_ms)
    erasure = Erasure(shards, ErasureWatermark(store.platform, erasures_of(store)))
    now_ms = clock_ms()
    erased = erasure.erase(AccountRef("ada"), now_ms - 3 * MS_PER_DAY)
    assert erased.closed_until_ms >= now_ms + 1000 * registry.limits.tombstone_ttl_seconds
