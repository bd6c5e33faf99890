"""Rate limits: never more than the limit, for any number of processes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from hypothesis import given, strategies
from limits.errors import StorageError
from limits.storage import MemoryStorage
from redis.exceptions import OutOfMemoryError, ResponseError

from api.http.caller import Caller
from api.http.rate_limit import Allowance, RateLimiter
from privacy.errors import StoreBusyError
from privacy.model.timestamp import MS_PER_MINUTE
from privacy.store.patience import WouldWaitError, call_without_waiting


class Storage(MemoryStorage):
    """Counts its calls, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.down = 0, False
        self.refusal: Exception | None = None

    def incr(self, *args: Any, **options: Any) -> int:
        """Count."""
        self.asked += 1
        if self.refusal:
            raise StorageError(self.refusal)
        if self.down:
            raise StorageError(OSError("down"))
        return super().incr(*args, **options)


class SlowStorage(Storage):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.was_asked, self.answers = Event(), Event()

    def incr(self, *args: Any, **options: Any) -> int:
        """Count, later."""
        self.was_asked.set()
        assert self.answers.wait(10)
        return super().incr(*args, **options)


def key(requests_per_minute: int, key_id: str = "k") -> Caller:
    """A key with a limit."""
    return Caller(key_id, "o", frozenset({"read"}), requests_per_minute)


@pytest.mark.parametrize("limit", [1, 7, 20, 21, 600])
def test_exactly_the_limit_is_granted(limit: int) -> None:
    """One process grants a key exactly its limit in a minute, and the whole of it again in the next."""
    limiter = RateLimiter(Storage())
    for minute in range(2):
        allowances = [limiter.acquire(key(limit), minute * MS_PER_MINUTE) for _ in range(2 * limit)]
        assert [allowance.exceeded for allowance in allowances] == [False] * limit + [True] * limit
        assert [allowance.used for allowance in allowances[:limit]] == list(range(1, limit + 1))


@pytest.mark.parametrize("limit", [5, 100, 1000])
def test_processes_together_stay_within_the_limit(limit: int) -> None:
    """Four processes on one store grant no more than the limit together, and waste at most a fifth."""
    storage = Storage()
    processes = [RateLimiter(storage) for _ in range(4)]
    granted = sum(not processes[turn % 4].acquire(key(limit), 30_000).exceeded for turn in range(limit * 2))
    assert limit * 4 // 5 <= granted <= limit


@pytest.mark.parametrize(
    "refusal",
    [
        ResponseError("NOREPLICAS Not enough good replicas"),
        ResponseError("MISCONF Errors writing to the AOF"),
        OutOfMemoryError("command not allowed", status_code="OOM"),
    ],
)
def test_a_store_without_room_for_writes_can_be_read(refusal: Exception) -> None:
    """The process counts on by itself, from what it knew; one that knows nothing grants the limit again."""
    storage = Storage()
    limiter = RateLimiter(storage)
    granted = [limiter.acquire(key(5), 30_000).used for _ in range(2)]
    storage.refusal = refusal
    granted += [limiter.acquire(key(5), 30_000).used for _ in range(4)]
    assert granted == [1, 2, 3, 4, 5, 6]
    assert limiter.acquire(key(5), 30_000).exceeded
    assert RateLimiter(storage).acquire(key(5), 30_000).used == 1


def test_what_is_given_back_can_be_used_again() -> None:
    """Requests that are given back do not count, whichever way they go back, and the numbers say so."""
    storage = Storage()
    limiter = RateLimiter(storage)
    for _ in range(10):
        taken = limiter.acquire(key(100), 30_000, 60)
        assert (taken.used, taken.exceeded) == (60, False)
        assert limiter.refund(key(100), taken).used == 0
    assert storage.get("k:0") == 5


def test_what_exceeds_the_limit_counts_as_one_request() -> None:
    """A request that is too large leaves what there was to the others, and to other processes."""
    storage = Storage()
    first, second = RateLimiter(storage), RateLimiter(storage)
    first.acquire(key(100), 30_000, 40)
    refused = first.acquire(key(100), 30_000, 70)
    assert (refused.exceeded, refused.used, refused.amount) == (True, 41, 0)
    assert first.refund(key(100), refused) == refused
    assert not second.acquire(key(100), 30_000, 50).exceeded


def test_refunds_end() -> None:
    """One process gives back ten times the limit in a window, and no more."""
    limiter = RateLimiter(Storage())
    for _ in range(10 * 7):
        assert limiter.refund(key(7), limiter.acquire(key(7), 0)).used == 0
    for used in range(1, 8):
        assert limiter.refund(key(7), limiter.acquire(key(7), 0)).used == used
    assert limiter.acquire(key(7), 0).exceeded


def test_nothing_is_given_back_to_another_minute() -> None:
    """What was counted in an earlier minute frees nothing in this one."""
    limiter = RateLimiter(Storage())
    before = limiter.acquire(key(3), 0)
    limiter.acquire(key(3), MS_PER_MINUTE)
    assert limiter.refund(key(3), before) == before
    assert limiter.acquire(key(3), MS_PER_MINUTE).used == 2


def test_a_store_that_fails_keeps_what_is_given_back() -> None:
    """What the store does not take back is used by this process, and harms no response."""
    storage = Storage()
    limiter = RateLimiter(storage)
    taken = limiter.acquire(key(100), 0, 50)
    storage.down = True
    assert limiter.refund(key(100), taken).used == 0
    assert limiter.acquire(key(100), 0, 50).used == 50


@given(
    limit=strategies.integers(1, 45),
    steps=strategies.lists(
        strategies.tuples(strategies.integers(0, 2), strategies.integers(1, 9), strategies.integers(0, 3)),
        min_size=20,
        max_size=90,
    ),
)
def test_refunds_never_let_more_through_than_the_limit(limit: int, steps: list[tuple[int, int, int]]) -> None:
    """Three processes grant, refuse and give back in any order: what stays granted is within the limit."""
    storage = Storage()
    processes = [RateLimiter(storage) for _ in range(3)]
    granted: list[list[Allowance]] = [[], [], []]
    for number, amount, takes in steps:
        process, own = processes[number], granted[number]
        if own and not takes:
            place = amount % len(own)
            own[place] = process.refund(key(limit), own[place])
        elif not (taken := process.acquire(key(limit), 0, amount)).exceeded:
            own.append(taken)
        assert sum(each.amount for own in granted for each in own) <= limit


def test_threads_share_a_reservation() -> None:
    """Threads of one process never grant the same request twice."""
    limiter = RateLimiter(Storage())
    with ThreadPoolExecutor(8) as threads:
        used = list(threads.map(lambda _: limiter.acquire(key(10_000), 0).used, range(4000)))
    assert sorted(used) == list(range(1, 4001))


def test_what_may_not_wait_waits_for_no_other_thread() -> None:
    """While a thread waits for the store, a call that may not wait is told so, and counts nothing."""
    storage = SlowStorage()
    limiter = RateLimiter(storage)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(limiter.acquire, key(10_000), 0)
        assert storage.was_asked.wait(10)
        try:
            with pytest.raises(WouldWaitError):
                call_without_waiting(lambda: limiter.acquire(key(10_000), 0))
        finally:
            storage.answers.set()
        assert waiting.result().used == 1
    assert limiter.acquire(key(10_000), 0).used == 2


def test_what_may_not_wait_gives_back_later() -> None:
    """While a thread waits for the store, a refund that may not wait is told so, and is made later."""
    storage = SlowStorage()
    limiter = RateLimiter(storage)
    storage.answers.set()
    taken = limiter.acquire(key(10_000), 0)
    storage.was_asked.clear()
    storage.answers.clear()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(limiter.acquire, key(10_000), 0)
        assert storage.was_asked.wait(10)
        try:
            with pytest.raises(WouldWaitError):
                call_without_waiting(lambda: limiter.refund(key(10_000), taken))
        finally:
            storage.answers.set()
        assert waiting.result().used == 2
    assert call_without_waiting(lambda: limiter.refund(key(10_000), taken)).used == 1


def test_a_busy_key_calls_the_store_rarely() -> None:
    """A key with a large limit costs the store a few calls a minute, not one a request."""
    storage = Storage()
    limiter = RateLimiter(storage)
    for _ in range(10_000):
        limiter.acquire(key(100_000), 0)
    assert storage.asked <= 15


def test_keys_do_not_share() -> None:
    """The requests of one key do not count against another."""
    limiter = RateLimiter(Storage())
    assert [limiter.acquire(key(1, name), 0).exceeded for name in ("a", "b", "a")] == [False, False, True]


def test_closed_when_the_store_fails() -> None:
    """Without its store the limiter refuses; it continues when the store is back."""
    storage = Storage()
    limiter = RateLimiter(storage)
    storage.down = True
    for _ in range(3):
        with pytest.raises(StoreBusyError):
            limiter.acquire(key(10), 0)
    storage.down = False
    assert limiter.acquire(key(10), 0).used == 1


def test_headers_say_what_is_left() -> None:
    """The headers name limit, window, what is left and the seconds to the next minute."""
    limiter = RateLimiter(Storage())
    limiter.acquire(key(10), 61_500)
    allowance = limiter.acquire(key(10), 75_000)
    assert dict(allowance.headers()) == {
        "RateLimit-Policy": '"minute";q=10;w=60',
        "RateLimit": '"minute";r=8;t=45',
    }
    assert dict(allowance.refusal().get_headers())["Retry-After"] == "45"
