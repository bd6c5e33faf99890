"""What the tally keeps of a series, and the one step that turns its log into a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from privacy.store.connect import translated
from privacy.store.keys import tally_key, tally_prefix
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True)
class LedgerLog:
    """Reads the entries, and nothing else of the tally.

    Args:
        client: connection with the notary's credentials.
    """

    client: Redis

    def entries(self, shard: int, start: int, limit: int) -> list[bytes]:
        """At most `limit` entries of a shard from a sequence number on.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            found = self.client.lrange(tally_key(shard, "ledger"), start, start + limit - 1)
        return cast("list[bytes]", found)


_READ = Script.packaged("privacy.tally", "read.lua")
_COMMIT = Script.packaged("privacy.tally", "commit.lua")


@dataclass(frozen=True)
class SeriesState:
    """Where a series stands.

    Args:
        number: of the series.
        target_id: its target.
        starts_at_ms: from where its schedule counts.
        policy_version: what it is bound to.
        first_epoch: the epoch that ran when it was registered.
        epoch: the epoch to be released next.
        cut: bytes of the log that earlier releases have counted.
    """

    number: int
    target_id: str
    starts_at_ms: int
    policy_version: str
    first_epoch: int
    epoch: int
    cut: int


@dataclass(frozen=True)
class DueSeries:
    """A series with everything its next release is made from.

    Args:
        state: where it stands.
        log: changes since the cut, 4 bytes each.
        net_changes: exact net changes of earlier steps, as `privacy.release.history` packs them.
        measurements: measurements of earlier steps, likewise.
    """

    state: SeriesState
    log: bytes
    net_changes: bytes
    measurements: bytes


@dataclass(frozen=True)
class Commit:
    """One release, ready to be written.

    Args:
        due: what it was made from.
        next_due_ms: None after the last epoch.
        net_changes: of this step, to be appended.
        measurements: drawn for this release, to be appended.
        release: the document for the gallery.
        ledger_entry: its line in the ledger.
    """

    due: DueSeries
    next_due_ms: int | None
    net_changes: bytes
    measurements: bytes
    release: bytes
    ledger_entry: bytes


@dataclass(frozen=True)
class PendingRelease:
    """A written release on its way to the gallery.

    Args:
        shard: target shard whose ledger it stands in.
        sequence: of its ledger entry.
        release: the document.
        ledger_entry: its line in the ledger.
    """

    shard: int
    sequence: int
    release: bytes
    ledger_entry: bytes

    @property
    def place(self) -> str:
        """Its place in the queue."""
        return f"{self.sequence + 1}-0"


@dataclass(frozen=True)
class TallyShard:
    """One target shard, as the release side sees it.

    Args:
        client: connection with the release worker's credentials.
        shard: number of the target shard.
    """

    client: Redis
    shard: int

    def due(self, now_ms: int, limit: int) -> list[int]:
        """Numbers of at most `limit` series whose epoch is over, longest overdue first."""
        with translated():
            numbers = self.client.zrange(
                tally_key(self.shard, "due"), "-inf", now_ms, byscore=True, offset=0, num=limit
            )
        return [int(number) for number in cast("list[bytes]", numbers)]

    def next_due_ms(self) -> int | None:
        """When the next epoch of any series ends."""
        with translated():
            first = self.client.zrange(tally_key(self.shard, "due"), 0, 0, withscores=True)
        return int(first[0][1]) if first else None

    def read(self, numbers: Sequence[int]) -> list[DueSeries]:
        """Read what the next release of each series is made from."""
        prefixes = [tally_prefix(self.shard, name) for name in ("series", "log", "net", "measured")]
        with translated():
            rows = _READ.run(self.client, ScriptCall([tally_key(self.shard, "due")], [*prefixes, *numbers]))
        return [
            DueSeries(_state(number, row[:6]), *row[6:]) for number, row in zip(numbers, rows, strict=True)
        ]

    def head(self) -> str:
        """Hash of the last ledger entry; empty before the first."""
        with translated():
            head = self.client.get(tally_key(self.shard, "head"))
        return cast("bytes", head).decode() if head else ""

    def ledger_length(self) -> int:
        """Number of ledger entries."""
        with translated():
            return int(self.client.llen(tally_key(self.shard, "ledger")))

    def commit(self, commits: Sequence[Commit], head_before: str, head_after: str) -> list[PendingRelease]:
        """Write releases in one atomic step.

        Returns:
            The releases as they wait to be copied to the gallery. None, and nothing is written, when another
            worker has released one of them or moved the ledger: what was drawn for this attempt has never
            been seen and is thrown away.
        """
        arguments: list[str | bytes | int] = [
            *(tally_prefix(self.shard, name) for name in ("series", "net", "measured")),
            head_before,
            head_after,
        ]
        for commit in commits:
            state = commit.due.state
            arguments += [
                state.number,
                state.epoch,
                state.cut,
                state.cut + len(commit.due.log),
                "" if commit.next_due_ms is None else commit.next_due_ms,
                commit.net_changes,
                commit.measurements,
                commit.release,
                commit.ledger_entry,
            ]
        keys = [tally_key(self.shard, name) for name in ("due", "ledger", "head", "outgoing")]
        with translated():
            length = int(_COMMIT.run(self.client, ScriptCall(keys, arguments)))
        if not length:
            return []
        return [
            PendingRelease(self.shard, sequence, commit.release, commit.ledger_entry)
            for sequence, commit in enumerate(commits, length - len(commits))
        ]

    def outgoing(self, limit: int) -> list[PendingRelease]:
        """Releases not yet copied to the gallery, oldest first."""
        with translated():
            rows = self.client.xrange(tally_key(self.shard, "outgoing"), count=limit)
        return [
            PendingRelease(self.shard, int(row.partition(b"-")[0]) - 1, fields[b"release"], fields[b"entry"])
            for row, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", rows)
        ]

    def mark_published(self, copied: Sequence[PendingRelease]) -> None:
        """Drop releases that the gallery holds now."""
        with translated():
            self.client.xdel(tally_key(self.shard, "outgoing"), *(outgoing.place for outgoing in copied))


def _state(number: int, row: Sequence[bytes]) -> SeriesState:
    target_id, starts_at_ms, policy_version, first_epoch, epoch, cut = row
    return SeriesState(
        number,
        target_id.decode(),
        int(starts_at_ms),
        policy_version.decode(),
        int(first_epoch),
        int(epoch),
        int(cut),
    )
