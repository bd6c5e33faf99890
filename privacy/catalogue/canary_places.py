"""Bounds what reviewers leave: the canaries and the accounts of a sandbox, of an API key and of the store.

Of canaries, the ledger entries of their releases stay for good; of accounts, their registers until the sweep.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from privacy.errors import ConflictError
from privacy.model.timestamp import MS_PER_DAY, format_timestamp
from privacy.store.connect import translated
from privacy.store.keys import platform_key
from privacy.store.script import Script, ScriptCall

MAX_CANARIES_PER_KEY = 4_000
"""Enough for one audit of the greatest size at a time."""
MAX_CANARIES = 8_000
"""Of all API keys together."""
MAX_ACCOUNTS_PER_KEY = 200_000
MAX_ACCOUNTS = 400_000
PLACE_MS = 7 * MS_PER_DAY
"""How long a place is taken. So the ledger grows by at most `MAX_CANARIES` canaries in this time."""
_RESERVE = Script.from_package("privacy.catalogue", "reserve_canaries.lua")


@dataclass(frozen=True)
class SandboxPlaces:
    """Reserves places for one sort of things.

    Args:
        client: must have the platform ACL user.
        noun: what takes a place, in the plural.
        names: first parts of the names of the Redis keys.
        max_per_key: the greatest number of places of one API key.
        max_of_all: the greatest number of places of all API keys.
    """

    client: Redis
    noun: str
    names: tuple[str, ...]
    max_per_key: int
    max_of_all: int

    def reserve(self, key_id: str, things: Sequence[str | bytes], now_ms: int) -> None:
        """Reserve places; what has one keeps it.

        Raises:
            ConflictError: there are too few places. Nothing may be stored about any of the things.
            StoreBusyError: the store did not confirm; call again.
        """
        # The caller's own places first: a caller who has none left takes none from others.
        for name, places, whose in (
            (platform_key(*self.names, key_id), self.max_per_key, "this API key"),
            (platform_key(*self.names), self.max_of_all, "all API keys"),
        ):
            arguments: list[str | int | bytes] = [now_ms, now_ms + PLACE_MS, places, *things]
            with translated():
                reserved = _RESERVE.run(self.client, ScriptCall([name], arguments))
            if not reserved:
                until = format_timestamp((now_ms + PLACE_MS) // 1000 * 1000)
                raise ConflictError(
                    f"There are places for {places} {self.noun} of {whose}, and too few of them are left. "
                    f"Each takes its place for {PLACE_MS // MS_PER_DAY} days: a new one, until {until}."
                )


def canary_places(client: Redis) -> SandboxPlaces:
    """Return the places of canaries."""
    return SandboxPlaces(client, "canaries", ("canaries",), MAX_CANARIES_PER_KEY, MAX_CANARIES)


def account_places(client: Redis) -> SandboxPlaces:
    """Return the places of accounts in the sandbox, which are named by digests."""
    return SandboxPlaces(client, "accounts", ("canaries", "accounts"), MAX_ACCOUNTS_PER_KEY, MAX_ACCOUNTS)
