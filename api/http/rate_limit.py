"""Rate limits per API key: fixed windows of a minute, counted in Redis by the `limits` library.

Windows are aligned to the clock's minutes, so the one increment that counts a request also yields all values
of the headers (draft-ietf-httpapi-ratelimit-headers). When the store fails, requests are refused. When it
only has no room for writes, each process counts the requests that it answers itself: readers need no room.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

import msgspec
import redis
from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from werkzeug.exceptions import TooManyRequests

from api.http.caller import Caller
from privacy.errors import StoreBusyError
from privacy.store.connect import is_without_room
from privacy.store.patience import WouldWaitError, may_wait

WINDOW_SECONDS = 60
_KEPT_WINDOWS = 2
"""A counter lives longer than its window, so that it is never counted up as it expires."""
SLOTS_PER_LIMIT = 20
"""A reservation takes at most one slot: the limit divided by this."""
REFUNDS_PER_LIMIT = 10
"""Of one key, a process gives back at most the limit times this in a window."""


class Allowance(msgspec.Struct, frozen=True):
    """The requests of an API key in the current window: its limit, and how many are used.

    Args:
        limit: requests in a window.
        used: how many are used, with those that are counted here.
        reset_seconds: until the next window.
        window: number of the window.
        amount: how many are counted here; 0 if they exceed the limit, or were given back.
        exceeded: whether these requests exceed the limit.
    """

    limit: int
    used: int
    reset_seconds: int
    window: int
    amount: int
    exceeded: bool = False

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the response headers."""
        return (
            ("RateLimit-Policy", f'"minute";q={self.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"minute";r={max(0, self.limit - self.used)};t={self.reset_seconds}'),
        )

    def refusal(self) -> TooManyRequests:
        """Return the 429 for what exceeds the limit."""
        return TooManyRequests(
            f"This API key allows at most {self.limit} requests per minute.", retry_after=self.reset_seconds
        )


def count_requests(items: int, items_per_request: int) -> int:
    """Return as how many requests a large one counts: one for each so many items that are begun."""
    return max(1, -(-items // items_per_request))


class RateLimiter:
    """Counts requests by API key and minute.

    The requests of a busy key are reserved several at a time, never after the fact: all processes together
    stay within the limit. Reservations double up to a twentieth of the limit, so a process that stops
    asking wastes no more than that. A key with a small limit is counted request by request.

    What the store counts is the sum of what all processes have used and still hold. A process uses what it
    holds only down to the number by which the store's count exceeded the limit when it asked last, so what is
    given back, to the process or to the store, never lets more through than the limit.

    Args:
        storage: a storage of the `limits` library; raises its StorageError when it fails.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._window = 0
        self._reservations: dict[str, _Reservation] = {}

    def acquire(self, key: Caller, now_ms: int, amount: int = 1) -> Allowance:
        """Count requests: all of them, or one if they exceed the limit.

        Args:
            key: who asks.
            now_ms: the time, in ms since 1970 UTC.
            amount: how many requests it counts as.

        Raises:
            StoreBusyError: the store does not respond and too little is reserved.
        """
        window, elapsed_seconds = divmod(now_ms // 1000, WINDOW_SECONDS)
        if window != self._window:
            self._window, self._reservations = window, {}
        reservation = self._reservations.get(key.key_id)
        if reservation is None:
            reservation = self._reservations.setdefault(key.key_id, _Reservation())
        if not reservation.lock.acquire(blocking=may_wait()):
            raise WouldWaitError
        try:
            if reservation.left < amount:
                self._reserve(reservation, key, window, amount)
            reservation.left -= amount
            reservation.taken += amount
            exceeded = reservation.used > key.requests_per_minute
            if exceeded and amount > 1:
                self._give_back(reservation, key, window, amount - 1)
            used = reservation.used
        finally:
            reservation.lock.release()
        reset_seconds = WINDOW_SECONDS - elapsed_seconds
        return Allowance(
            key.requests_per_minute, used, reset_seconds, window, 0 if exceeded else amount, exceeded
        )

    def refund(self, key: Caller, allowance: Allowance) -> Allowance:
        """Give requests back that need not have been counted; return what is used then.

        Of one key, one process gives back ten times the limit in a window at most: nobody reads for nothing
        without end. What was counted in an earlier window stays counted there.
        """
        reservation = self._reservations.get(key.key_id)
        if reservation is None or allowance.window != self._window or not allowance.amount:
            return allowance
        if not reservation.lock.acquire(blocking=may_wait()):
            raise WouldWaitError
        try:
            reservation.refunded += allowance.amount
            if reservation.refunded > REFUNDS_PER_LIMIT * key.requests_per_minute:
                return allowance
            self._give_back(reservation, key, allowance.window, allowance.amount)
            return msgspec.structs.replace(allowance, used=reservation.used, amount=0)
        finally:
            reservation.lock.release()

    def ready(self) -> None:
        """Check that the store responds.

        Raises:
            StoreBusyError: it does not.
        """
        if not self._storage.check():
            raise StoreBusyError("the rate limit store does not respond")

    def _reserve(self, reservation: _Reservation, key: Caller, window: int, amount: int) -> None:
        """Reserve what is missing, or more: as much as was taken so far, within a slot."""
        wanted = max(amount - reservation.left, min(_max_slot(key), reservation.taken))
        reservation.end = self._add(_counter(key, window), reservation.end, wanted)
        reservation.left += wanted

    def _give_back(self, reservation: _Reservation, key: Caller, window: int, amount: int) -> None:
        """Put requests back into a reservation, and what exceeds a slot back into the store.

        What the store cannot take now stays with this process.
        """
        reservation.left += amount
        surplus = reservation.left - _max_slot(key)
        if surplus > 0 and may_wait():
            with suppress(StoreBusyError):
                reservation.end = self._add(_counter(key, window), reservation.end, -surplus)
                reservation.left -= surplus

    def _add(self, name: str, known: int, amount: int) -> int:
        """Adds to a counter; on a store without room for it, this process counts on from what it knows."""
        try:
            return self._storage.incr(name, WINDOW_SECONDS, amount)
        except StorageError as error:
            if is_without_room(error.storage_error):
                return known + amount
            raise StoreBusyError("the rate limit store does not respond") from error


def _max_slot(key: Caller) -> int:
    return max(1, key.requests_per_minute // SLOTS_PER_LIMIT)


def _counter(key: Caller, window: int) -> str:
    return f"{key.key_id}:{window}"


@dataclass(slots=True)
class _Reservation:
    """The requests that one process has reserved for a key: the last `left` ones up to number `end`."""

    end: int = 0
    left: int = 0
    taken: int = 0
    refunded: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def used(self) -> int:
        """The number of the request that was taken last."""
        return self.end - self.left


class _PlainRedisStorage(RedisStorage):
    """A counter of two plain commands: the library's is a script, and whoever may run one may block Redis.

    The key gets its time to live before it is counted up, so none is left without.
    """

    def __init__(self, client: redis.Redis, key_prefix: str) -> None:
        super().__init__(
            "redis://", connection_pool=client.connection_pool, key_prefix=key_prefix, wrap_exceptions=True
        )
        self._client = client

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a key up, and return its value."""
        name = self.prefixed_key(key)
        pipeline = self._client.pipeline(transaction=False)
        pipeline.set(name, 0, ex=_KEPT_WINDOWS * expiry, nx=True)
        pipeline.incrby(name, amount)
        replies = pipeline.execute(
            raise_on_error=False
        )  # a pipeline puts its own words before an error's code
        for reply in replies:
            if isinstance(reply, redis.RedisError):
                raise reply
        return int(replies[1])


def redis_limiter(client: redis.Redis, plane: str) -> RateLimiter:
    """Return a limiter on Redis; its keys are `l:<plane>:…`."""
    return RateLimiter(_PlainRedisStorage(client, f"l:{plane}"))
