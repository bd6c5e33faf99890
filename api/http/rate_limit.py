"""Rate limits by key: fixed windows of a minute, counted in Redis by the `limits` library.

Windows are aligned to the clock's minutes, so the one increment that counts a request also tells everything
that the headers say (draft-ietf-httpapi-ratelimit-headers). When the store fails, requests are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from werkzeug.exceptions import TooManyRequests

from privacy.errors import StoreBusyError

if TYPE_CHECKING:
    import redis

    from privacy.gallery.documents import KeyRecord

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still ask in the running window."""

    limit: int
    used: int
    reset_seconds: int

    @property
    def exceeded(self) -> bool:
        """Whether the request that was just counted is one too many."""
        return self.used > self.limit

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The response headers that say so."""
        return (
            ("RateLimit-Policy", f'"minute";q={self.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"minute";r={max(0, self.limit - self.used)};t={self.reset_seconds}'),
        )

    def refusal(self) -> TooManyRequests:
        """The 429 that answers an exceeding request."""
        return TooManyRequests(
            f"At most {self.limit} requests a minute with this key.", retry_after=self.reset_seconds
        )


class RateLimiter:
    """Counts requests by key and minute.

    Args:
        storage: of the `limits` library; raises its StorageError when it fails.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def hit(self, key: KeyRecord, now_ms: int) -> Allowance:
        """Count one request.

        Raises:
            StoreBusyError: the store does not answer.
        """
        window, elapsed_seconds = divmod(now_ms // 1000, WINDOW_SECONDS)
        try:
            used = self._storage.incr(f"{key.key_id}:{window}", WINDOW_SECONDS)
        except StorageError as error:
            raise StoreBusyError("the rate limit store does not answer") from error
        return Allowance(key.requests_a_minute, used, WINDOW_SECONDS - elapsed_seconds)


def redis_limiter(client: redis.Redis, plane: str) -> RateLimiter:
    """A limiter on a Redis of its own credentials; its keys are `l:<plane>:…`."""
    return RateLimiter(
        RedisStorage(
            "redis://", connection_pool=client.connection_pool, key_prefix=f"l:{plane}", wrap_exceptions=True
        )
    )
