"""Writes a release and its ledger entry from public facts and the figures that the release shows.

Both must have exactly these bytes: a time, a name, an order or a space that depends on the counts would tell
what the figures do not.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from privacy.audit.independent_accounting import IndependentAccounting
from privacy.model.engagement import Reason
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.tally.series import SeriesState

COMMIT_MS: Final = 1_000
"""A release that is written less than this before its tick is late."""


@dataclass(frozen=True)
class PublicFacts:
    """What is public about one release, whatever its counts are.

    Args:
        reference: the audit's own accounting.
        state: of the series before the release.
    """

    reference: IndependentAccounting
    state: SeriesState

    @property
    def _ages(self) -> tuple[int, ...]:
        return self.reference.policy.schedule_of(self.reference.kind).due_ages_seconds

    @property
    def _delay_ms(self) -> int:
        return self.reference.policy.public_delay_ms

    @property
    def due_ms(self) -> int:
        """End of the epoch."""
        return self._end_ms(self.state.epoch)

    @property
    def next_due_ms(self) -> int | None:
        """End of the next epoch; None after the last one."""
        last = self.state.epoch + 1 == len(self._ages)
        return None if last else self._end_ms(self.state.epoch + 1)

    def visible_ms(self, written_ms: int) -> int:
        """Returns from when the release is visible if it is written at a moment."""
        in_time_ms = self.due_ms + self._delay_ms
        if written_ms + COMMIT_MS <= in_time_ms:
            return in_time_ms
        return ((written_ms + COMMIT_MS) // self._delay_ms + 1) * self._delay_ms

    def write_release(self, shown: dict[str, Any]) -> bytes:
        """Returns the bytes of the release with these figures; other members are ignored.

        Raises:
            KeyError: a figure is missing.
        """
        policy, next_due_ms = self.reference.policy, self.next_due_ms
        since_epoch, span_seconds = self._locate_change()
        breakdowns = {}
        for dimension in policy.series_dimensions:
            figures = shown["breakdowns"][dimension.name]
            cells = {cell: figures["cells"][cell] for cell in (*dimension.values, dimension.cells[-1])}
            breakdowns[dimension.name] = {"cells": cells, "other": figures["other"]}
        reasons, changes = [reason.label for reason in Reason], shown["removal_changes"]
        return _encode(
            {
                "target_id": self.state.target_id,
                "kind": self.reference.kind.label,
                "epoch": self.state.epoch,
                "as_of_ms": self.due_ms,
                "next_release_at_ms": None if next_due_ms is None else next_due_ms + self._delay_ms,
                "policy_version": policy.version,
                "total": shown["total"],
                "change": shown["change"],
                "change_since_epoch": since_epoch,
                "change_span_seconds": span_seconds,
                "breakdowns": breakdowns,
                "removals": {reason: shown["removals"][reason] for reason in reasons},
                "removal_changes": {reason: changes[reason] for reason in reasons if reason in changes},
            }
            | ({"smoothed": shown["smoothed"]} if shown.get("smoothed") else {})
        )

    def write_entry(self, shard: int, sequence: int, previous: str, release: bytes) -> bytes:
        """Returns the bytes of the ledger entry of the release at a position."""
        policy = self.reference.policy
        return _encode(
            {
                "shard": shard,
                "sequence": sequence,
                "previous": previous,
                "target_id": self.state.target_id,
                "kind": self.reference.kind.label,
                "epoch": self.state.epoch,
                "as_of_ms": self.due_ms,
                "policy_version": policy.version,
                "policy_digest": policy.digest,
                "rho": policy.budgets[self.reference.kind].spent,
                "release_sha256": sha256(release).hexdigest(),
            }
        )

    def _end_ms(self, epoch: int) -> int:
        return 1000 * (self.state.starts_at_ms // 1000 + self._ages[epoch])

    def _locate_change(self) -> tuple[int | None, int | None]:
        """Returns the epoch that the change refers to, and the seconds since; None on the first day."""
        age = self._ages[self.state.epoch]
        if age < SECONDS_PER_DAY:
            return None, None
        earlier = [epoch for epoch in range(self.state.epoch) if self._ages[epoch] <= age - SECONDS_PER_DAY]
        since = max([-1, *earlier])
        if since < self.state.first_epoch:
            return -1, age
        return since, age - self._ages[since]


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
