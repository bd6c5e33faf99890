"""Bounds the canaries of a reviewer and of a store: the ledger entries of their releases stay for good."""

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
PLACE_MS = 7 * MS_PER_DAY
"""How long a canary takes a place. So the ledger grows by at most `MAX_CANARIES` canaries in this time."""
_RESERVE = Script.from_package("privacy.catalogue", "reserve_canaries.lua")


@dataclass(frozen=True)
class CanaryPlaces:
    """Reserves places for canaries.

    Args:
        client: must have the platform ACL user.
        max_per_key: the greatest number of places of one API key.
        max_canaries: the greatest number of places of all API keys.
    """

    client: Redis
    max_per_key: int = MAX_CANARIES_PER_KEY
    max_canaries: int = MAX_CANARIES

    def reserve(self, key_id: str, canaries: Sequence[str], now_ms: int) -> None:
        """Reserve places; a canary that has one keeps it.

        Raises:
            ConflictError: there are too few places. None of the canaries may be registered.
            StoreBusyError: the store did not confirm; call again.
        """
        # The caller's own places first: a caller who has none left takes none from others.
        for name, places, whose in (
            (platform_key("canaries", key_id), self.max_per_key, "this API key"),
            (platform_key("canaries"), self.max_canaries, "all API keys"),
        ):
            arguments: list[str | int | bytes] = [now_ms, now_ms + PLACE_MS, places, *canaries]
            with translated():
                reserved = _RESERVE.run(self.client, ScriptCall([name], arguments))
            if not reserved:
                until = format_timestamp((now_ms + PLACE_MS) // 1000 * 1000)
                raise ConflictError(
                    f"There are places for {places} canaries of {whose}, and too few of them are left. A "
                    f"canary takes its place for {PLACE_MS // MS_PER_DAY} days: a new one, until {until}."
                )
