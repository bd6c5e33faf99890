"""The state of each series in the tally, and the one atomic step that turns its log into a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import msgspec
from redis import Redis

from privacy.errors import LateCommitError, SeriesRefusedError
from privacy.model.audience import is_audience
from privacy.model.engagement import KINDS_PER_TARGET, Kind
from privacy.store.connect import translated
from privacy.store.keys import tally_key, tally_prefix
from privacy.store.script import Script, ScriptCall
from privacy.tally.audience_series import AudienceLogs, DueAudience, refuse_damaged
from privacy.tally.log_elements import LogCut, cut_logs, read_logs
from privacy.tally.outbox_relay import MAX_AHEAD_MS
from privacy.tally.pending_release import PendingRelease

_READ = Script.from_package("privacy.tally", "read.lua")
_COMMIT = Script.from_package("privacy.tally", "commit.lua")
_STATE_FIELDS = 5
"""Values of a series state at the beginning of each row that `read.lua` returns."""


class SeriesState(msgspec.Struct, frozen=True, gc=False):
    """The state of one series.

    Args:
        number: number of the series.
        target_id: identifier of its target.
        starts_at_ms: start of its schedule.
        policy_version: the policy that the target is bound to.
        first_epoch: the epoch that was running when the target was registered.
        epoch: the epoch to be released next.
    """

    number: int
    target_id: str
    starts_at_ms: int
    policy_version: str
    first_epoch: int
    epoch: int

    @property
    def kind(self) -> Kind:
        """The kind of engagement that the series counts."""
        return Kind(self.number % KINDS_PER_TARGET)


class DueSeries(msgspec.Struct, frozen=True, gc=False):
    """A series with all inputs of its next release.

    Args:
        state: its state.
        log: changes of its epoch, 4 bytes each: what was taken in before its end and no release has counted.
        net_changes: exact net changes of earlier steps, packed by `privacy.release.history`.
        measurements: measurements of earlier steps, packed in the same way.
        due_ms: end of its epoch; None after the last one, and without a store.
        cut: where these changes lie in its log, for `commit.lua`.
    """

    state: SeriesState
    log: bytes
    net_changes: bytes
    measurements: bytes
    due_ms: int | None = None
    cut: bytes = b""

    @classmethod
    def parse(cls, number: int, row: Sequence[Any], due_ms: int | None, cut: LogCut) -> DueSeries:
        """Parse a row that `read.lua` returned.

        Args:
            number: number of the series.
            row: the row.
            due_ms: the end of the epoch in it.
            cut: the cut of the log at this end.
        """
        net_changes, measurements = row[_STATE_FIELDS + 2 :]
        return cls(
            _parse_state(number, row[:_STATE_FIELDS]),
            cut.changes,
            b"".join(net_changes),
            b"".join(measurements),
            due_ms,
            cut.places,
        )


class Commit(msgspec.Struct, frozen=True, gc=False):
    """A release, ready to be written.

    Args:
        due: its inputs.
        next_due_ms: None after the last epoch.
        visible_ms: from when it is visible.
        net_changes: net changes of this step, to be appended.
        measurements: measurements drawn for this release, to be appended.
        release: the encoded release document.
        ledger_entry: its encoded ledger entry.
        until_ms: until when videos of an audience may be liked; None for a target.
    """

    due: DueSeries | DueAudience
    next_due_ms: int | None
    visible_ms: int
    net_changes: bytes
    measurements: bytes
    release: bytes
    ledger_entry: bytes
    until_ms: int | None = None

    @property
    def fields(self) -> tuple[bytes, ...]:
        """Its fields, as `commit.lua` reads them."""
        state = self.due.state
        return (
            b"%d" % state.number,
            b"%d" % state.epoch,
            _text(self.due.due_ms),
            self.due.cut,
            _text(self.next_due_ms),
            b"%d" % self.visible_ms,
            self.net_changes,
            self.measurements,
            self.release,
            self.ledger_entry,
            _text(self.until_ms),
        )


@dataclass(frozen=True)
class TallyShard:
    """A target shard, as the release worker reads and writes it. All methods may raise `StoreBusyError`.

    Args:
        client: must have the release ACL user.
        shard: number of the target shard.
    """

    client: Redis
    shard: int

    @cached_property
    def audience_logs(self) -> AudienceLogs:
        """Reads its audiences."""
        return AudienceLogs(self.client, self.shard)

    def list_due(self, limit: int, now_ms: int | None = None) -> list[int]:
        """Return the numbers of at most `limit` series that are due: targets, then audiences.

        Targets, like audiences, are sorted by due time, the earliest first. All audiences are due at the same
        moments: late ones delay no target.

        A series is due when every outbox is applied up to the end of its epoch, by the watermark that the
        relay wrote; an audience, when every account shard has closed its period. None is while that time is
        ahead of the one given, if one is: the clock was set back since.
        """
        with translated():
            times = self.client.hmget(tally_key(self.shard, "offsets"), "watermark", "closed")
            watermark, closed = cast("list[bytes | None]", times)
            last_due_ms = {
                "due": int(watermark) + 1 if watermark else 0,
                "audience-due": int(closed) if closed else 0,
            }
            pipeline = self.client.pipeline(transaction=False)
            for name, last_ms in last_due_ms.items():
                if now_ms is None or last_ms <= now_ms + MAX_AHEAD_MS:
                    key, begin = tally_key(self.shard, name), "-inf"
                    pipeline.zrange(key, begin, last_ms, byscore=True, withscores=True, offset=0, num=limit)
            found = [(due_ms, number) for rows in pipeline.execute() for number, due_ms in rows]
        numbers = [int(number) for _, number in sorted(found)]
        return sorted(numbers, key=is_audience)[:limit]

    def read_next_due_ms(self) -> int | None:
        """Return when the next epoch or period of any series ends; None if no series has one."""
        pipeline = self.client.pipeline(transaction=False)
        for name in ("due", "audience-due"):
            pipeline.zrange(tally_key(self.shard, name), 0, 0, withscores=True)
        with translated():
            dues = [int(due_ms) for rows in pipeline.execute() for _, due_ms in rows]
        return min(dues, default=None)

    def read_series(self, numbers: Sequence[int]) -> list[DueSeries]:
        """Read the inputs of the next release of each series.

        Raises:
            SeriesRefusedError: of some series, the state is damaged.
        """
        prefixes = [tally_prefix(self.shard, name) for name in ("series", "log", "net", "measured")]
        with translated():
            rows = _READ.run(self.client, ScriptCall([tally_key(self.shard, "due")], [*prefixes, *numbers]))
            refuse_damaged(self.shard, numbers, [row[:_STATE_FIELDS] for row in rows])
            lengths = {
                tally_key(self.shard, "log", number): row[_STATE_FIELDS + 1]
                for number, row in zip(numbers, rows, strict=True)
            }
            logs = read_logs(self.client, lengths)
        dues = [int(float(row[_STATE_FIELDS])) if row[_STATE_FIELDS] else None for row in rows]
        cuts = cut_logs([(due_ms or 0) // 1000 for due_ms in dues], list(logs.values()))
        return [DueSeries.parse(*each) for each in zip(numbers, rows, dues, cuts, strict=True)]

    def read_ledger_end(self) -> tuple[str, int]:
        """Return the hash of the last ledger entry, empty before the first, and the number of entries."""
        pipeline = self.client.pipeline(transaction=False)
        pipeline.get(tally_key(self.shard, "head"))
        pipeline.llen(tally_key(self.shard, "ledger"))
        with translated():
            head, length = cast("tuple[bytes | None, int]", pipeline.execute())
        return (head.decode() if head else ""), length

    def count_ledger_entries(self) -> int:
        """Return the number of ledger entries."""
        with translated():
            return int(self.client.llen(tally_key(self.shard, "ledger")))

    def commit(
        self,
        commits: Sequence[Commit],
        head_before: str,
        head_after: str,
        written_by_ms: int | None = None,
    ) -> int:
        """Write releases in one atomic step; they wait until they are visible.

        Args:
            commits: the releases, in the order of their ledger entries.
            head_before: head of the ledger required now.
            head_after: its head after these.
            written_by_ms: time of the store's server after which they must not be written; None under a clock
                that is not the server's.

        Returns:
            The number of releases. 0, and nothing is written, when another worker has moved the ledger: the
            noise drawn for this attempt has never been seen and is discarded.

        Raises:
            SeriesRefusedError: nothing is written, although no other worker has moved the ledger.
            LateCommitError: nothing is written, because it is too late.
        """
        fields = [field for commit in commits for field in commit.fields]
        arguments: list[str | bytes | int] = [
            *(tally_prefix(self.shard, name) for name in ("series", "log", "net", "measured")),
            head_before,
            head_after,
            "" if written_by_ms is None else written_by_ms,
            msgspec.msgpack.encode(list(map(len, fields))),
            b"".join(fields),
        ]
        names = ("due", "ledger", "head", "pending", "offsets", "visible", "audience-due")
        keys = [tally_key(self.shard, name) for name in names]
        with translated():
            reply: int | list[bytes] = _COMMIT.run(self.client, ScriptCall(keys, arguments))
        if isinstance(reply, list):
            raise SeriesRefusedError(self.shard, [int(number) for number in reply])
        if reply < 0:
            raise LateCommitError("the releases were written too late for their tick: try again")
        return len(commits) if reply else 0

    def list_visible(self, tick_ms: int) -> list[tuple[int, int]]:
        """Return the pending releases that are visible at a tick: sequence numbers, and from when each is."""
        with translated():
            rows = self.client.zrange(
                tally_key(self.shard, "visible"), "-inf", tick_ms, byscore=True, withscores=True
            )
        waiting = cast("list[tuple[bytes, float]]", rows)
        return [(int(sequence), int(visible_ms)) for sequence, visible_ms in waiting]

    def read_last_visible_ms(self) -> int | None:
        """Return from when the last pending release is visible; None if there is none."""
        with translated():
            # By score: for places redis-py sends another command.
            last = self.client.zrange(
                tally_key(self.shard, "visible"),
                "+inf",
                "-inf",
                desc=True,
                byscore=True,
                offset=0,
                num=1,
                withscores=True,
            )
        return int(last[0][1]) if last else None

    def read_pending(self, sequences: Sequence[int]) -> list[PendingRelease]:
        """Read pending releases, in the given order, without those that were published meanwhile."""
        pipeline = self.client.pipeline(transaction=False)
        ordered = sorted(sequences)
        starts = [each for each, before in zip(ordered, [None, *ordered], strict=False) if each - 1 != before]
        ends = [each for each, after in zip(ordered, [*ordered[1:], None], strict=True) if each + 1 != after]
        for start, end in zip(starts, ends, strict=True):
            pipeline.xrange(tally_key(self.shard, "pending"), _stream_id(start), _stream_id(end))
        with translated():
            found = {entry: fields for rows in pipeline.execute() for entry, fields in rows}
        return [
            PendingRelease.parse(self.shard, sequence, fields[b"release"], fields[b"entry"])
            for sequence in sequences
            if (fields := found.get(_stream_id(sequence).encode()))
        ]

    def mark_published(self, sequences: Sequence[int]) -> None:
        """Drop pending releases that the gallery now holds."""
        pipeline = self.client.pipeline(transaction=False)
        pipeline.xdel(tally_key(self.shard, "pending"), *map(_stream_id, sequences))
        pipeline.zrem(tally_key(self.shard, "visible"), *sequences)
        with translated():
            pipeline.execute()


def _parse_state(number: int, row: Sequence[bytes]) -> SeriesState:
    target_id, starts_at_ms, policy_version, first_epoch, epoch = row
    return SeriesState(
        number,
        target_id.decode(),
        int(starts_at_ms),
        policy_version.decode(),
        int(first_epoch),
        int(epoch),
    )


def _text(number: int | None) -> bytes:
    """Return a number as scripts read it: empty for none."""
    return b"" if number is None else b"%d" % number


def _stream_id(sequence: int) -> str:
    """Return the id of a release in the stream of pending releases."""
    return f"{sequence + 1}-0"
