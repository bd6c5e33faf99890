"""The release worker: makes the due releases, which then wait for their tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import Final, NamedTuple

from privacy.errors import LateCommitError, SeriesRefusedError
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.audience_accounting import AudienceCalibration, calibrate_audience
from privacy.mechanism.entropy import EntropySource
from privacy.model.audience import Scope, is_audience
from privacy.model.engagement import Kind
from privacy.model.timestamp import Clock
from privacy.release.audiences import NewAudience, make_audience_releases
from privacy.release.engine import NewRelease, make_releases
from privacy.release.ledger import LedgerHead
from privacy.release.publication import WRITING_MS, visible_at_ms
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.store.clock import StoreClock
from privacy.tally.audience_series import DueAudience
from privacy.tally.series import Commit, DueSeries, TallyShard

WORKERS_AT_ONCE = 2
"""Workers that one process runs at a time: one computes while the store works for the other."""
SPARE_MS = 9_000
"""Further time that is left for a commit after one was too late; a command that takes longer fails anyway."""
BATCH_SERIES = 256
"""Series that are released and written together; bounds the memory and the length of one atomic step."""
_NO_ONE_ELSE: Final = nullcontext()
"""Stands for a lock where no other worker runs in this process."""


class Turn(NamedTuple):
    """What a worker did in a turn.

    Args:
        written: number of releases.
        goes_on: whether more may be due.
    """

    written: int
    goes_on: bool


@dataclass(frozen=True)
class ReleaseWorker:
    """Releases due series. Any number of workers may run: exactly one of them writes each release.

    Args:
        shards: target shards to serve.
        calibrations: returns the mechanism for a policy version and kind.
        entropy: source of the noise.
        clock: decides which releases are too late for their tick, and that no watermark of the future counts.
            Under the clock of the tally's server, what is written later than was decided is made again.
        watermark: rollback protection; None for a store that is thrown away.
        equal_work: as in `measure`; false only for a past that is told in one go, whose releases nobody
            can time.
    """

    shards: Sequence[TallyShard]
    calibrations: Callable[[str, Kind], Calibration]
    entropy: EntropySource
    clock: Clock
    watermark: ReleaseWatermark | None = None
    equal_work: bool = True

    def run_due(self) -> int:
        """Release every series whose epoch is over, epoch by epoch. The releases wait to be published.

        Ends with what it has: the next call tries a series again that was refused, and a shard in which
        another worker was faster.

        Returns:
            The number of releases written by this worker.

        Raises:
            SeriesRefusedError, StoreBusyError, StoreError: as `run_turn`.
        """
        written, turn = 0, Turn(0, goes_on=True)
        while turn.goes_on:
            turn = self.run_turn()
            written += turn.written
        return written

    def run_turn(self, computing: AbstractContextManager[object] = _NO_ONE_ELSE) -> Turn:
        """Release the targets that are due, and one batch of audiences: no target waits for all audiences.

        Args:
            computing: is entered to compute, and left to read and to write.

        Raises:
            SeriesRefusedError: what the tally holds of some series is damaged; all others are released.
            StoreBusyError: a store did not confirm, or in time. Releases written so far stay; calling again
                continues.
            StoreError: the tally lacks published releases: it was restored from a backup.
        """
        released = [self._release_shard(shard, computing) for shard in self.shards]
        for shard, (_, refused) in zip(self.shards, released, strict=True):
            if refused:
                raise SeriesRefusedError(shard.shard, refused)
        turns = [turn for turn, _ in released]
        return Turn(sum(turn.written for turn in turns), any(turn.goes_on for turn in turns))

    def _release_shard(
        self, shard: TallyShard, computing: AbstractContextManager[object]
    ) -> tuple[Turn, frozenset[int]]:
        """Release a turn of a shard; returns the series that were refused, too: then the turn is the last."""
        written, refused, spare_ms = 0, frozenset[int](), 0
        while True:
            try:
                batch = self._release_batch(shard, refused, spare_ms, computing)
            except SeriesRefusedError as error:
                refused |= error.numbers
                continue
            except LateCommitError:
                if spare_ms:
                    raise
                spare_ms = SPARE_MS
                continue
            written += len(batch)
            has_audiences = any(map(is_audience, batch))
            if has_audiences:
                shard.audience_logs.drop_released()
            if not batch or (has_audiences and not refused):
                return Turn(written, bool(batch)), refused

    def _release_batch(
        self,
        shard: TallyShard,
        refused: frozenset[int],
        spare_ms: int,
        computing: AbstractContextManager[object],
    ) -> list[int]:
        """Write a batch without the series that were refused; returns their numbers.

        They are none if nothing is due, or another worker was faster: that one continues, and this one need
        not.
        """
        # The head is read first. A commit that finds it unchanged proves that no other worker has released
        # a series of this shard since: the length of the ledger and the due series are still as read here.
        before, length = shard.read_ledger_end()
        due = shard.list_due(BATCH_SERIES + len(refused), self.clock())
        numbers = [number for number in due if number not in refused][:BATCH_SERIES]
        if not numbers:
            return []
        head = LedgerHead(shard.shard, length, before)
        if self.watermark:
            self.watermark.check(shard.shard, head.length)
        targets, audiences = _read_inputs(shard, numbers)
        with computing:
            made = {made.release.due.state.number: made for made in self._make(targets, audiences)}
            now_ms = self.clock() + spare_ms
            written_by_ms = now_ms + WRITING_MS if isinstance(self.clock, StoreClock) else None
            commits = []
            # Targets first, by due times, then numbers as text: the ledger must not tell how work is divided.
            for one in (made[number] for number in numbers):
                entry, head = one.append_to(head)
                commits.append(one.make_commit(entry, now_ms))
        return numbers if shard.commit(commits, before, head.digest, written_by_ms) else []

    def _make(
        self, targets: Sequence[DueSeries], audiences: Sequence[DueAudience]
    ) -> Iterator[_MadeRelease | _MadeAudience]:
        """Make the releases of targets, then those of audiences."""
        for calibration, batch in self._by_calibration(targets):
            for release in make_releases(batch, calibration, self.entropy, equal_work=self.equal_work):
                yield _MadeRelease(release, calibration)
        for measured, counted in self._by_measured(audiences):
            for audience in make_audience_releases(counted, measured, self.entropy):
                yield _MadeAudience(audience, measured)

    def _by_calibration(self, batch: Sequence[DueSeries]) -> Iterator[tuple[Calibration, list[DueSeries]]]:
        def binding(due: DueSeries) -> tuple[str, Kind]:
            return due.state.policy_version, due.state.kind

        for (version, kind), group in groupby(sorted(batch, key=binding), key=binding):
            yield self.calibrations(version, kind), list(group)

    def _by_measured(
        self, batch: Sequence[DueAudience]
    ) -> Iterator[tuple[AudienceCalibration, list[DueAudience]]]:
        def binding(due: DueAudience) -> tuple[str, str, int]:
            return due.state.policy_version, due.state.scope.value, due.state.every_seconds

        for (version, scope, every_seconds), group in groupby(sorted(batch, key=binding), key=binding):
            policy = self.calibrations(version, Kind.LIKE).policy
            period = policy.find_audience(Scope(scope), every_seconds)
            yield calibrate_audience(policy, period), list(group)


def _read_inputs(
    shard: TallyShard, numbers: Sequence[int]
) -> tuple[Sequence[DueSeries], Sequence[DueAudience]]:
    """Read what the releases of targets and those of audiences are made from."""
    of_targets = [number for number in numbers if not is_audience(number)]
    of_audiences = [number for number in numbers if is_audience(number)]
    targets = shard.read_series(of_targets) if of_targets else ()
    return targets, shard.audience_logs.read_due(of_audiences) if of_audiences else ()


class _MadeRelease(NamedTuple):
    """A release of a target, and its mechanism."""

    release: NewRelease
    calibration: Calibration

    def append_to(self, head: LedgerHead) -> tuple[bytes, LedgerHead]:
        """Return its entry and the head after it."""
        return head.append(self.release, self.calibration)

    def make_commit(self, entry: bytes, now_ms: int) -> Commit:
        """Return what the tally keeps of it."""
        return make_commit(self.release, self.calibration, entry, now_ms)


class _MadeAudience(NamedTuple):
    """A release of an audience, and its mechanism."""

    release: NewAudience
    calibration: AudienceCalibration

    def append_to(self, head: LedgerHead) -> tuple[bytes, LedgerHead]:
        """Return its entry and the head after it."""
        return head.append_audience(self.release, self.calibration)

    def make_commit(self, entry: bytes, now_ms: int) -> Commit:
        """Return what the tally keeps of it: no measurement, which nothing needs again."""
        state = self.release.due.state
        return Commit(
            due=self.release.due,
            next_due_ms=state.next_due_ms,
            visible_ms=visible_at_ms(state.due_ms, self.calibration.policy.public_delay_ms, now_ms),
            net_changes=b"",
            measurements=b"",
            release=self.release.encoded,
            ledger_entry=entry,
            until_ms=state.until_ms,
        )


def make_commit(release: NewRelease, calibration: Calibration, entry: bytes, now_ms: int) -> Commit:
    """Return what the tally keeps of a release that is written now.

    Args:
        release: the release.
        calibration: its mechanism.
        entry: its encoded ledger entry.
        now_ms: the time now.
    """
    state = release.due.state
    return Commit(
        due=release.due,
        next_due_ms=calibration.schedule.next_due_ms(state.starts_at_ms, state.epoch),
        visible_ms=visible_at_ms(release.as_of_ms, calibration.policy.public_delay_ms, now_ms),
        net_changes=release.net_changes,
        measurements=release.measurements,
        release=release.encoded,
        ledger_entry=entry,
    )


def run_together(workers: Sequence[ReleaseWorker]) -> int:
    """Run the due releases of all workers turn by turn, `WORKERS_AT_ONCE` workers at a time.

    One of them computes at a time. Two that compute in step would leave the store idle, then wait for it.

    Returns:
        The number of releases written.

    Raises:
        SeriesRefusedError, StoreBusyError, StoreError: the first one of `ReleaseWorker.run_turn`; each
            worker has gone on until nothing was due, or until it failed.
    """
    written, failures, running, computing = 0, list[BaseException](), list(workers), Lock()
    with ThreadPoolExecutor(WORKERS_AT_ONCE, "release") as threads:
        while running:
            turns = [(worker, threads.submit(worker.run_turn, computing)) for worker in running]
            running = []
            for worker, turn in turns:
                if failure := turn.exception():
                    failures.append(failure)
                    continue
                written += turn.result().written
                running += [worker] if turn.result().goes_on else []
    if failures:
        raise failures[0]
    return written
