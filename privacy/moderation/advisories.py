"""Advisories: findings about many accounts, for staff. They expire, and change no count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

import msgspec
from redis import Redis

from privacy.store.connect import translated
from privacy.store.keys import ADVISORIES
from privacy.store.script import Script, ScriptCall

_REPLACE = Script.from_package("privacy.moderation", "replace_document.lua")

MAX_ADVISORIES = 1_000
"""The maximum number of advisories of one sweep; those about most accounts are kept."""


class Signal(Enum):
    """The kinds of findings, as the API spells them."""

    BURSTS = "bursts"
    """One account whose likes came in bursts, which were not counted."""
    NETWORK = "network"
    """Many accounts on one network."""
    SEQUENCE = "sequence"
    """Many accounts that engaged with the same targets in the same order."""


class Advisory(msgspec.Struct, frozen=True):
    """A finding about one or more accounts.

    Args:
        signal: the kind of finding.
        seen_at_ms: when the sweep that found it began.
        weight: the number of bursts, or of accounts.
        handles: of the accounts.
    """

    signal: Signal
    seen_at_ms: int
    weight: int
    handles: list[bytes]


_DECODE = msgspec.msgpack.Decoder(list[Advisory]).decode


@dataclass(frozen=True)
class Advisories:
    """Stores the advisories of the latest sweep.

    Args:
        client: must have the ACL user `platform` or `maintenance`.
    """

    client: Redis

    def replace(self, advisories: Iterable[Advisory], keep_seconds: int) -> None:
        """Replace all advisories.

        Args:
            advisories: the new ones.
            keep_seconds: how long they are kept.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        heaviest = sorted(advisories, key=lambda advisory: -advisory.weight)[:MAX_ADVISORIES]
        with translated():
            self.client.set(ADVISORIES, msgspec.msgpack.encode(heaviest), ex=keep_seconds)

    def read_all(self) -> Sequence[Advisory]:
        """Return all advisories, those with the greatest weight first.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            stored = self._read()
        return _DECODE(stored) if stored else []

    def forget(self, handle: bytes) -> None:
        """Remove an account from all advisories, and advisories that name no other account.

        What another process writes meanwhile stays, and loses the account as well.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with translated():
            while stored := self._read():
                advisories = _DECODE(stored)
                if not any(handle in advisory.handles for advisory in advisories):
                    return
                without = [
                    msgspec.structs.replace(
                        advisory, handles=[name for name in advisory.handles if name != handle]
                    )
                    for advisory in advisories
                ]
                left = msgspec.msgpack.encode([advisory for advisory in without if advisory.handles])
                if _REPLACE.run(self.client, ScriptCall([ADVISORIES], [stored, left])):
                    return

    def _read(self) -> bytes | None:
        return cast("bytes | None", self.client.get(ADVISORIES))
