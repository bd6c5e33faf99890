"""Rate limits per API key: fixed windows of a minute, counted in Redis by the `limits` library.

Windows are aligned to the clock's minutes, so the one increment that counts a request also yields all values
of the headers (draft-ietf-httpapi-ratelimit-headers). When the store fails, requests are refused. When it
only has no room for writes, each process counts the requests that it answers itself: readers need no room.
"""

from __future__ import annotations

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


class Allowance(msgspec.Struct, frozen=True):
    """The requests of an API key in the current window: its limit, and how many are used."""

    limit: int
    used: int
    reset_seconds: int

    @property
    def exceeded(self) -> bool:
        """True if the request that was just counted exceeds the limit."""
        return self.used > self.limit

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the response headers."""
        return (
            ("RateLimit-Policy", f'"minute";q={self.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"minute";r={max(0, self.limit - self.used)};t={self.reset_seconds}'),
        )

    def refusal(self) -> TooManyRequests:
        """Return the 429 for a request that exceeds the limit."""
        return TooManyRequests(
            f"This API key allows at most {self.limit} requests per minute.", retry_after=self.reset_seconds
        )


class RateLimiter:
    """Counts requests by API key and minute.

    The requests of a busy key are reserved several at a time, never after the fact: all processes together
    stay within the limit. Reservations double up to a twentieth of the limit, so a process that stops
    asking wastes no more than that. A key with a small limit is counted request by request.

    Args:
        storage: a storage of the `limits` library; raises its StorageError when it fails.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._window = 0
        self._reservations: dict[str, _Reservation] = {}

    def acquire(self, key: Caller, now_ms: int) -> Allowance:
        """Count one request.

        Raises:
            StoreBusyError: the store does not respond and nothing is reserved.
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
            if not reservation.left:
                self._reserve(reservation, key, window)
            reservation.left -= 1
            reservation.taken += 1
            used = reservation.end - reservation.left
        finally:
            reservation.lock.release()
        return Allowance(key.requests_per_minute, used, WINDOW_SECONDS - elapsed_seconds)

    def ready(self) -> None:
        """Check that the store responds.

        Raises:
            StoreBusyError: it does not.
        """
        if not self._storage.check():
            raise StoreBusyError("the rate limit store does not respond")

    def _reserve(self, reservation: _Reservation, key: Caller, window: int) -> None:
        max_amount = max(1, key.requests_per_minute // SLOTS_PER_LIMIT)
        amount = min(max_amount, max(1, reservation.taken))
        reservation.end = self._add(f"{key.key_id}:{window}", reservation.end, amount)
        reservation.left = amount

    def _add(self, name: str, known: int, amount: int) -> int:
        """Adds to a counter; on a store without room for it, this process counts on from what it knows."""
        try:
            return self._storage.incr(name, WINDOW_SECONDS, amount)
        except StorageError as error:
            if is_without_room(error.storage_error):
                return known + amount
            raise StoreBusyError("the rate limit store does not respond") from error


@dataclass(slots=True)
class _Reservation:
    """The requests that one process has reserved for a key: the last `left` ones up to number `end`."""

    end: int = 0
    left: int = 0
    taken: int = 0
    lock: Lock = field(default_factory=Lock)


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
