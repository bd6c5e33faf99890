"""A real Redis for tests: the product's own embedded server, with one user more than the product knows."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import redis

from privacy.embedded.server import EmbeddedRedis
from privacy.store.acl import AclUser, Room
from privacy.store.connect import connect
from privacy.store.settings import StoreSettings
from privacy.store.users import (
    ADMIN,
    LIMITER,
    MAINTENANCE,
    PLATFORM,
    PUBLIC,
    PUBLISHER,
    REKEYER,
    RELAY,
    RELEASE,
    SIGNER,
    USERS,
)


class _Superuser(AclUser):
    @property
    def rules(self) -> tuple[str, ...]:
        return ("~*", "&*", "+@all")


ROOT: Final = _Superuser(
    name="root_of_tests",
    purpose="empties the store and looks at every key; the product has no such user",
    rooms=(Room.PRIVATE, Room.GALLERY),
    keyless=(),
    grants=(),
)


@dataclass(frozen=True)
class Store:
    """A store and a client of each of its users; replies are bytes.

    Args:
        server: of the private room.
        settings: addresses and passwords.
    """

    server: EmbeddedRedis
    settings: StoreSettings
    platform: redis.Redis
    maintenance: redis.Redis
    relay: redis.Redis
    release: redis.Redis
    publisher: redis.Redis
    signer: redis.Redis
    public: redis.Redis
    limiter: redis.Redis
    rekeyer: redis.Redis
    admin: redis.Redis
    root: redis.Redis

    def flush(self) -> None:
        """Empty the store."""
        self.root.flushall()

    def dump(self) -> dict[bytes, bytes]:
        """Return every key as `put_back` takes it."""
        keys = cast("list[bytes]", self.root.keys())
        reads = self.root.pipeline(transaction=False)
        for key in keys:
            reads.dump(key)
        return dict(zip(keys, reads.execute(), strict=True))

    def put_back(self, dumped: Mapping[bytes, bytes]) -> None:
        """Bring the store back to a state that it was in before: faster than the way there."""
        writes = self.root.pipeline(transaction=False)
        writes.flushall()
        for key, value in dumped.items():
            writes.restore(key, 0, value)
        writes.execute()

    @contextmanager
    def without_fsync(self) -> Iterator[None]:
        """Answer before the disk has it: 30 times faster, for tests that are not about durability."""
        self.root.config_set("appendfsync", "no")
        try:
            yield
        finally:
            self.root.config_set("appendfsync", "always")


def server_with_root(folder: Path) -> EmbeddedRedis:
    """Return a server, not yet started, that knows the tests' superuser too."""
    return EmbeddedRedis(folder, users=(*USERS, ROOT))


@contextmanager
def clients(server: EmbeddedRedis, settings: StoreSettings | None = None) -> Iterator[Store]:
    """Connect one client a user to a running store, and close them in the end.

    Args:
        server: of the private room.
        settings: where the rooms are; all on that server if not given.
    """
    settings = settings or server.settings
    users = (PLATFORM, MAINTENANCE, RELAY, RELEASE, PUBLISHER, SIGNER, PUBLIC, LIMITER, REKEYER, ADMIN, ROOT)
    with ExitStack() as opened:
        named = [opened.enter_context(closing(connect(settings, user))) for user in users]
        yield Store(server, settings, *named)
