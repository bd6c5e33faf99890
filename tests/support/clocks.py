"""The clocks of a machine and of its store, which a test sets."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from redis import Redis

from privacy.store.acl import AclUser
from privacy.store.clock import StoreClock, Uptime
from privacy.store.connect import connect
from tests.support.platform_plane import NOW_MS
from tests.support.redis_server import Store


@dataclass
class Clocks:
    """A store's clock, a process's wall clock and the uptime of the machine of both.

    Args:
        store_ms: time by the store's server, in ms since 1970 UTC.
        wall_ms: time by the process's wall clock.
        uptime: of the machine.
    """

    store_ms: int = NOW_MS
    wall_ms: int = NOW_MS
    uptime: Uptime = field(default_factory=lambda: Uptime("the first boot", 3_600_000))

    def advance(self, ms: int) -> None:
        """Let time pass."""
        self.leap(ms)
        self.uptime = Uptime(self.uptime.boot, self.uptime.ms + ms)

    def leap(self, ms: int) -> None:
        """Set the store's clock and the wall clock, although no time has passed."""
        self.store_ms += ms
        self.wall_ms += ms

    def switch_off(self, ms: int, boot: str = "the next boot") -> None:
        """Let time pass while the machine is off."""
        self.leap(ms)
        self.uptime = Uptime(boot, 0)

    def store_clock(self, client: Redis, max_age_ms: int = 0, *, has_anchor: bool = True) -> StoreClock:
        """Return the clock of a process that starts now; its client sees the store's time as set here."""
        client.set_response_callback("TIME", lambda *_reply, **_options: divmod(self.store_ms * 1000, 10**6))
        return StoreClock(client, lambda: self.wall_ms, lambda: self.uptime, max_age_ms, has_anchor)


@contextmanager
def client_of(store: Store, user: AclUser) -> Iterator[Redis]:
    """Connect as a user with a client of the test's own, whose replies it may change."""
    with closing(connect(store.settings, user)) as client:
        yield client
