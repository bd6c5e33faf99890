"""Lets relay and release worker be away: what does an epoch count then, and when does its release show?"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Final

from api.audit.audited_system import AuditedSystem
from api.audit.copy_order import check_copy_order
from api.audit.scenario import Scenario
from api.audit.written import check_mechanisms, check_written
from api.replay.in_process import InProcessSystem
from api.runtime.release import make_release_workers
from privacy.audit.recorded_entropy import RecordedEntropy
from privacy.audit.report_model import Finding
from privacy.gallery.reader import GalleryReader
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_DAY
from privacy.release.worker import ReleaseWorker
from privacy.store.connect import connect
from privacy.store.users import PUBLIC

WATCHED: Final = "audit-watched"
CONTROL: Final = "audit-control"
EARLIER: Final = "audit-earlier"
BEFORE: Final = 300
AFTER: Final = 100
LATE: Final = 50
"""Likes of the watched video in its first epoch, in its second one, and after that."""
BATCH: Final = 100
"""Likes of the first epoch that arrive together."""
AT_THE_END: Final = 50
"""Those of the second epoch that arrive in the millisecond at which the first one ends."""
OFFSET_MS: Final = 7_000
"""The two videos are due this long after a full hour, at which other videos are due."""
CONTROL_LATER_MS: Final = 1_000
"""The control is due this much later, so that a worker can release one without the other. A third video is
due this much earlier, so that neither what shows a total nor what shows none is first by its time."""
COMMIT_MS: Final = 1_000
"""A release that is written less than this before its tick is late."""
MAX_WORK_GAP: Final = 0.3
"""The bytes of several hundred draws differ by less, but for a chance of 1e-6."""


def outage_findings(audited: AuditedSystem, entropy: EntropySource) -> Iterator[Finding]:
    """Yields what an epoch counted, when its releases showed, and how much noise they took."""
    recorded = RecordedEntropy(entropy)
    store, clock = audited.store, audited.in_process.clock
    with ExitStack() as held:
        workers = make_release_workers(store.settings, store.header, store.erasures, recorded, clock)
        held.callback(workers[0].shards[0].client.close)
        gallery = GalleryReader(held.enter_context(closing(connect(store.settings, PUBLIC))))
        outage = _Outage(audited, workers, gallery, recorded, _start_ms(clock()))
        yield from outage.cut_while_the_relay_is_away()
        yield from outage.release_late()
        yield from outage.compare_work()
        yield outage.check_order()
        yield check_mechanisms(audited.scenario.policy, workers[0])


def _start_ms(now_ms: int) -> int:
    return (now_ms // MS_PER_DAY + 1) * MS_PER_DAY + OFFSET_MS


@dataclass(frozen=True)
class _Outage:
    """Three videos: one with likes between two without any, one of which is the control.

    Args:
        audited: the store after the scenario.
        workers: release workers of this check alone.
        gallery: reads with the credentials of the public plane.
        entropy: what the workers read.
        start_ms: when the watched video is posted.
    """

    audited: AuditedSystem
    workers: Sequence[ReleaseWorker]
    gallery: GalleryReader
    entropy: RecordedEntropy
    start_ms: int

    @property
    def _in_process(self) -> InProcessSystem:
        return self.audited.in_process

    @property
    def _scenario(self) -> Scenario:
        return self.audited.scenario

    @property
    def _delay_ms(self) -> int:
        return self._scenario.policy.public_delay_ms

    def _due_ms(self, epoch: int) -> int:
        return self.start_ms + 1000 * self._scenario.policy.schedule_of(Kind.LIKE).due_ages_seconds[epoch]

    def _like(self, accounts: Sequence[str]) -> None:
        now_ms = self._in_process.clock()
        self._in_process.intake.post_events(
            [self._scenario.like(WATCHED, account, now_ms) for account in accounts]
        )

    def _run_workers(self) -> int:
        return sum(worker.run_due() for worker in self.workers)

    def _relay_and_run(self) -> None:
        self._in_process.timeline.relay.drain()
        self._run_workers()

    def _shown_epochs(self, moment_ms: int) -> list[int]:
        """Publishes at a moment, and returns the epochs that readers see then; −1 for none."""
        self._in_process.clock.advance_to(moment_ms)
        self._in_process.timeline.publication.publish(self._in_process.clock())
        current = self.gallery.read_current_releases([WATCHED, CONTROL], Kind.LIKE)
        return [one.release.epoch if one and one.release else -1 for one in current]

    def cut_while_the_relay_is_away(self) -> Iterator[Finding]:
        """The relay stands still while an epoch ends, and comes back when the next one has begun."""
        clock, accounts = self._in_process.clock, self._scenario.accounts
        clock.advance_to(self.start_ms)
        self._relay_and_run()
        self._in_process.intake.post_videos(
            [
                self._scenario.video(EARLIER, self.start_ms - CONTROL_LATER_MS),
                self._scenario.video(WATCHED, self.start_ms),
                self._scenario.video(CONTROL, self.start_ms + CONTROL_LATER_MS),
            ]
        )
        due_ms = self._due_ms(0)
        clock.advance_to(due_ms - CONTROL_LATER_MS)
        self._relay_and_run()  # the third video's epoch ends now, and the relay leaves
        clock.advance_to(due_ms - 1)
        for start in range(0, BEFORE, BATCH):
            self._like(accounts[start : start + BATCH])
        clock.advance_to(due_ms)
        self._like(accounts[BEFORE : BEFORE + AT_THE_END])
        clock.advance_to(due_ms + CONTROL_LATER_MS)
        early = self._run_workers()
        yield Finding(
            "a worker at the end of an epoch, while the relay is away",
            "releases nothing: not everything is counted yet",
            f"{early} releases",
            early == 0,
        )
        replace(self._in_process.timeline.relay, entries_per_step=1).step()
        early = self._run_workers()
        yield Finding(
            "a worker when the relay has moved a part of that epoch",
            "releases nothing: the rest is not counted yet",
            f"{early} releases",
            early == 0,
        )
        clock.advance_to(due_ms + min(self._delay_ms, self._due_ms(1) - due_ms) // 4)
        self._like(accounts[BEFORE + AT_THE_END : BEFORE + AFTER])
        self._relay_and_run()
        counted = self.audited.read_total_change(WATCHED, 0)
        yield Finding(
            "likes of that epoch, released after later likes have arrived",
            f"{BEFORE}, those that were taken in before its end",
            f"{counted}",
            counted == BEFORE,
        )
        tick_ms = due_ms + self._delay_ms
        ticks_ms = (tick_ms, tick_ms + CONTROL_LATER_MS)
        yield self._check_ticks("releases that are ready long before their tick", ticks_ms, 0)

    def release_late(self) -> Iterator[Finding]:
        """Relay and worker are away for longer than the public delay."""
        clock, due_ms = self._in_process.clock, self._due_ms(1)
        clock.advance_to(due_ms + self._delay_ms)
        self._like([f"{self._scenario.name}-late-{number}" for number in range(LATE)])
        clock.advance_to(due_ms + 2 * self._delay_ms + self._delay_ms // 3)
        self._relay_and_run()
        counted = self.audited.read_total_change(WATCHED, 1)
        yield Finding(
            "likes of the next epoch, released late and after still later likes",
            f"{AFTER}, those that were taken in between both ends",
            f"{counted}",
            counted == AFTER,
        )
        tick_ms = ((clock() + COMMIT_MS) // self._delay_ms + 1) * self._delay_ms
        yield self._check_ticks("releases that are late", (tick_ms, tick_ms), 1)

    def _check_ticks(self, what: str, ticks_ms: tuple[int, int], epoch: int) -> Finding:
        """Checks that readers see an epoch of both videos, each from its tick on, and not before."""
        clock, (first_ms, second_ms) = self._in_process.clock, ticks_ms
        found, expected = [], []
        for moment_ms in (clock(), first_ms - 1, first_ms, second_ms - 1, second_ms):
            found.append(self._shown_epochs(moment_ms))
            expected.append([epoch - (clock() < tick_ms) for tick_ms in ticks_ms])
        return Finding(
            f"{what}, with and without likes",
            f"readers see epoch {epoch} from the tick on, and not before: {expected}",
            f"at once, then before and at each tick: {found}",
            found == expected,
        )

    def compare_work(self) -> Iterator[Finding]:
        """The workers release one video after the other, each at the same step."""
        due_ms, sizes = self._due_ms(2), []
        self._in_process.clock.advance_to(due_ms - 1)
        self._relay_and_run()
        before = self.audited.read_raw(WATCHED, "measured")
        for end_ms in (due_ms, due_ms + CONTROL_LATER_MS):
            self._in_process.clock.advance_to(end_ms)
            self.entropy.replay()
            self._relay_and_run()
            sizes.append(self.entropy.size)
            if end_ms == due_ms:
                yield check_written(
                    self._scenario.policy,
                    before,
                    self.audited.read_raw(WATCHED, "measured"),
                    self.audited.read_raw(WATCHED, "net"),
                    self.entropy.replay(),
                )
        yield Finding(
            "entropy that a worker reads for a video with likes, and for one without",
            f"the same, within {100 * MAX_WORK_GAP:g} %: work does not depend on counts",
            f"{sizes[0]:,} and {sizes[1]:,} bytes",
            min(sizes) > 0 and max(sizes) - min(sizes) <= MAX_WORK_GAP * min(sizes),
        )

    def check_order(self) -> Finding:
        """Check that what the workers have released since is copied in one pass, with likes and without."""
        tick_ms = self._due_ms(2) + self._delay_ms + CONTROL_LATER_MS
        self._in_process.clock.advance_to(tick_ms)
        publication, shard = self._in_process.timeline.publication, self.workers[0].shards[0]
        return check_copy_order(publication, shard, self.audited.folder, tick_ms)
