"""What is shown to staff about many accounts: it names them by handles, has a life, changes no count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, cast

import msgspec

from privacy.store.connect import translated
from privacy.store.keys import ADVISORIES

if TYPE_CHECKING:
    from redis import Redis

MAX_ADVISORIES = 1_000
"""Of one look at the vault; those about most accounts."""


class Signal(Enum):
    """What was seen, as it is spelled outside."""

    BURSTS = "bursts"
    """One account whose likes came in bursts; they were not counted."""
    NETWORK = "network"
    """Many accounts on one network."""
    SEQUENCE = "sequence"
    """Many accounts that engaged with the same targets in the same order."""


class Advisory(msgspec.Struct, frozen=True):
    """One thing that was seen.

    Args:
        signal: of what sort.
        seen_at_ms: when.
        weight: how often it burst, or how many accounts there are.
        handles: of the accounts.
    """

    signal: Signal
    seen_at_ms: int
    weight: int
    handles: list[bytes]


@dataclass(frozen=True)
class Advisories:
    """Keeps what the latest look at the vault has found.

    Args:
        client: of a user that may.
    """

    client: Redis

    def replace(self, advisories: Iterable[Advisory], keep_seconds: int) -> None:
        """Put what was found in the place of what had been found before.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        heaviest = sorted(advisories, key=lambda advisory: -advisory.weight)[:MAX_ADVISORIES]
        with translated():
            self.client.set(ADVISORIES, msgspec.msgpack.encode(heaviest), ex=keep_seconds)

    def all(self) -> Sequence[Advisory]:
        """All of them, those about most accounts first."""
        with translated():
            stored = cast("bytes | None", self.client.get(ADVISORIES))
        return msgspec.msgpack.decode(stored, type=list[Advisory]) if stored else []

    def forget(self, handle: bytes) -> None:
        """Take an account that was erased out of all of them.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        kept = self.all()
        if not any(handle in advisory.handles for advisory in kept):
            return
        without = [
            msgspec.structs.replace(advisory, handles=[name for name in advisory.handles if name != handle])
            for advisory in kept
        ]
        with translated():
            self.client.set(
                ADVISORIES, msgspec.msgpack.encode([one for one in without if one.handles]), keepttl=True
            )
