"""The place of an entry in an outbox: a Redis stream id, in order."""

from __future__ import annotations

from typing import NamedTuple


class OutboxId(NamedTuple):
    """A stream id; tuples compare as the stream orders its entries."""

    moment_ms: int
    sequence: int

    @classmethod
    def parse(cls, raw: bytes | None) -> OutboxId:
        """Read an id as Redis spells it; nothing is the beginning."""
        if not raw:
            return BEGINNING
        moment_ms, sequence = raw.split(b"-")
        return cls(int(moment_ms), int(sequence))

    def __str__(self) -> str:
        """As Redis spells it."""
        return f"{self.moment_ms}-{self.sequence}"

    @property
    def stored(self) -> str:
        """As a mark is stored: the beginning is no mark at all."""
        return "" if self == BEGINNING else str(self)

    @property
    def successor(self) -> OutboxId:
        """The smallest id past this one."""
        return OutboxId(self.moment_ms, self.sequence + 1)


BEGINNING = OutboxId(0, 0)
"""Before the first entry of any outbox."""
