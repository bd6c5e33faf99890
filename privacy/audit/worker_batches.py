"""Recalculates what release workers make of whole batches: every kind, at different steps, in threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from redis import Redis

from privacy.audit.check import Check
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.noise_replay import draw_where
from privacy.audit.public_facts import PublicFacts
from privacy.audit.recalculation import Faults, add_up
from privacy.audit.recorded_entropy import RecordedEntropy, ReplayError
from privacy.audit.reference_sampler import ReferenceSampler
from privacy.audit.release_checker import RULES, ReleaseChecker
from privacy.audit.report_model import Section
from privacy.audit.synthetic_histories import ReleaseCase, SyntheticTarget
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.mechanism.factorisation import MAX_ENCODED
from privacy.model.engagement import Kind, Series
from privacy.model.identifier import MAX_IDENTIFIER_CHARACTERS
from privacy.model.timestamp import MS_PER_DAY
from privacy.release.engine import NewRelease
from privacy.release.history import NET_CHANGE
from privacy.release.worker import ReleaseWorker, run_together
from privacy.tally.series import Commit, DueSeries, SeriesState, TallyShard

RELEASES: Final = 2
"""Releases of each series: most streams are new in the first one, and known in the second one."""
SHARDS: Final = 2
LARGE: Final = 1_000_000
NUMBERS: Final = 1 << 24
"""Series have numbers of this size: targets of a deployment are not the first ones."""
YEARS_MS: Final = 20 * 365 * MS_PER_DAY
"""Targets are posted within these years, and released at a moment of them, in time or late."""
TIMES: Final = "ledger entries, their order, and all times follow from public facts"
MAX_DECODED: Final = 10 * LARGE
"""Doubles give estimates of totals up to this to a millionth, which the check of published numbers needs."""


@dataclass(frozen=True)
class _Past:
    """The earlier history of a series.

    Args:
        first_epoch: the epoch in which its target was registered.
        epoch: the epoch that is released first.
        gained: what it gained in each epoch between.
        is_quiet: whether nothing ever happens to it.
    """

    first_epoch: int
    epoch: int
    gained: int = 0
    is_quiet: bool = False


@dataclass(frozen=True)
class _Mechanism:
    """The mechanism of one kind, and the audit's own accounting and checker."""

    calibration: Calibration
    reference: IndependentAccounting
    checker: ReleaseChecker

    @classmethod
    def create(cls, calibration: Calibration) -> _Mechanism:
        coefficients = calibration.factorisation.coefficients
        reference = IndependentAccounting(calibration.policy, calibration.kind, coefficients)
        noise = tuple(int(calibration.stream_scales[streams.start]) for streams in reference.streams)
        return cls(calibration, reference, ReleaseChecker(reference, noise))

    def list_pasts(self) -> list[_Past]:
        """Returns pasts of different lengths, two of them with large counts; the shards take them in turn.

        Those to which nothing happens come first and last: no order puts all of them first or last by chance.
        """
        epochs = self.calibration.schedule.epochs
        last = epochs - min(RELEASES, epochs)
        half = min(epochs // 2, last)
        coefficients = self.calibration.factorisation.coefficients
        greatest = min(int(np.iinfo(NET_CHANGE["value"]).max), MAX_ENCODED // sum(coefficients))
        first_quiet, last_quiet = _Past(0, 0, is_quiet=True), _Past(last, last, is_quiet=True)
        return [
            *[first_quiet] * SHARDS,
            _Past(0, last),
            _Past(0, half, -(-LARGE // max(half, 1))),
            _Past(0, 0),
            _Past(half, last),
            _Past(0, half, greatest),
            _Past(last, last),
            *[last_quiet] * SHARDS,
        ]


@dataclass
class _AuditedSeries:
    """A series that is released several times.

    Args:
        mechanism: of its kind.
        target: counts it without the release code.
        due: the inputs of its next release.
        is_decodable: whether doubles give its estimates exactly enough.
        is_quiet: whether nothing ever happens to it.
    """

    mechanism: _Mechanism
    target: SyntheticTarget
    due: DueSeries
    is_decodable: bool
    is_quiet: bool

    @classmethod
    def create(
        cls, mechanism: _Mechanism, number: int, past: _Past, rng: np.random.Generator
    ) -> _AuditedSeries:
        target, net_changes = SyntheticTarget(mechanism.reference), b""
        for _ in range(past.first_epoch, past.epoch):
            if past.gained:
                net_changes += target.gain_at_once(rng, past.gained)
            else:
                target.rest(1)
        calibration = mechanism.calibration
        series = Series(number * NUMBERS + int(rng.integers(NUMBERS)), calibration.kind).number
        version = calibration.policy.version
        is_decodable = past.gained * (past.epoch - past.first_epoch) <= MAX_DECODED
        name = rng.bytes(int(rng.integers(1, MAX_IDENTIFIER_CHARACTERS // 2 + 1))).hex()
        start_ms = calibration.policy.intake.earliest_occurred_at_ms + int(rng.integers(YEARS_MS))
        state = SeriesState(series, name, start_ms, version, past.first_epoch, past.epoch)
        return cls(mechanism, target, DueSeries(state, b"", net_changes, b""), is_decodable, past.is_quiet)

    @property
    def step(self) -> int:
        """The step that is released next."""
        return self.due.state.epoch - self.due.state.first_epoch

    def advance(self, rng: np.random.Generator) -> DueSeries:
        """Passes an epoch, and returns the inputs of its release."""
        if not self.is_quiet:
            return msgspec.structs.replace(self.due, log=self.target.advance(rng))
        self.target.rest(1)
        return self.due

    def check(self, commit: Commit, noise: NDArray[np.int64] | ReplayError) -> list[tuple[str, str]]:
        """Returns the rule and a description for each fault of a release, and goes on to the next epoch."""
        due = cast("DueSeries", commit.due)
        release = NewRelease(due, 0, commit.release, commit.net_changes, commit.measurements)
        step, state = self.step, self.due.state
        own = noise if isinstance(noise, ReplayError) else noise[:, : step + 1]
        case = ReleaseCase(
            release, np.stack(self.target.exact), self.due.measurements, own, step, state.epoch
        )
        checker = self.mechanism.checker
        faults = checker.find_faults(case) if self.is_decodable else checker.find_exact_faults(case)
        self.due = DueSeries(
            msgspec.structs.replace(state, epoch=state.epoch + 1),
            b"",
            self.due.net_changes + commit.net_changes,
            self.due.measurements + commit.measurements,
        )
        return list(faults)


@dataclass(frozen=True)
class _HeldShard(TallyShard):
    """A target shard without a store; the client never connects.

    Args:
        due: the due series, by number.
        commits: what was written, in this order.
        heads: heads of the ledger after each step that wrote.
    """

    due: dict[int, DueSeries] = field(default_factory=dict)
    commits: dict[int, Commit] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)

    def list_due(self, limit: int, now_ms: int | None = None) -> list[int]:  # noqa: ARG002 - a TallyShard's
        """Returns the due series, in the order of their numbers."""
        return sorted(self.due)[:limit]

    def read_series(self, numbers: Sequence[int]) -> list[DueSeries]:
        """Returns the inputs of their releases."""
        return [self.due[number] for number in numbers]

    def read_ledger_end(self) -> tuple[str, int]:
        """Returns that of an empty ledger: this one starts again with each batch."""
        return "", 0

    def commit(
        self,
        commits: Sequence[Commit],
        head_before: str,  # noqa: ARG002 - of a shard
        head_after: str,
        written_by_ms: int | None = None,  # noqa: ARG002 - of a shard
    ) -> int:
        """Keeps the releases."""
        self.heads.append(head_after)
        for commit in commits:
            self.commits[commit.due.state.number] = commit
            del self.due[commit.due.state.number]
        return len(commits)


def batch_check(calibrations: Sequence[Calibration], entropy: EntropySource, jobs: int) -> Check:
    """Makes the check of batches of every kind, as two release workers of a process make them."""

    def conclude(results: Sequence[Faults]) -> Sequence[Section]:
        return [
            Section(
                "recalculation-batches",
                "Whole batches are measured as release workers measure them (all kinds)",
                "Two release workers, in threads of one process as in production, released batches of series "
                "of every kind, at the first, a middle and the last step of their schedules, with totals up "
                "to the largest that a series can hold, of targets with random names, numbers and times, "
                "some of them late. Each worker drew the noise of all kinds from one recorded entropy, and "
                "the audit's own sampler drew it again. All else is as in the other recalculations.",
                "A measurement that is off by one, ever: of a kind, at a step, in a thread, or from a total "
                "on; noise that two kinds share, or that depends on a target's name, number or time; a "
                "ledger entry, an order of entries or a time of showing that depends on counts; what fails "
                "in the other recalculations.",
                "Certain for the checked releases. Numbers of the largest totals are checked as measurements "
                "alone: doubles do not give them to a millionth.",
                add_up(results, (*RULES, TIMES)),
            )
        ]

    work = tuple(partial(_recalculate, tuple(calibrations), entropy) for _ in range(jobs))
    return Check("recalculation, whole batches", work, conclude)


def _recalculate(calibrations: Sequence[Calibration], entropy: EntropySource) -> Faults:
    rng = np.random.default_rng(int.from_bytes(entropy(16)))
    mechanisms = {calibration.kind: _Mechanism.create(calibration) for calibration in calibrations}
    batches = [
        [
            _AuditedSeries.create(mechanism, number, past, rng)
            for _, mechanism in sorted(mechanisms.items())
            for number, past in enumerate(mechanism.list_pasts())
            if number % SHARDS == shard
        ]
        for shard in range(SHARDS)
    ]
    releases = numbers = 0
    faults: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for _ in range(min(RELEASES, *(one.schedule.epochs for one in calibrations))):
        for series, found in _release(batches, mechanisms, entropy, rng):
            reference = series.mechanism.reference
            releases += 1
            numbers += reference.streams[-1].stop + len(reference.names) - 2 + 1
            for rule, detail in found:
                faults[rule] += 1
                examples.setdefault(rule, f"{reference.kind.label}: {detail}")
    return releases, numbers, faults, examples


def _release(
    batches: Sequence[Sequence[_AuditedSeries]],
    mechanisms: Mapping[Kind, _Mechanism],
    entropy: EntropySource,
    rng: np.random.Generator,
) -> Iterator[tuple[_AuditedSeries, list[tuple[str, str]]]]:
    """Releases every series of all batches, each batch by a worker of its own; yields their faults."""
    written_ms = batches[0][0].mechanism.reference.policy.intake.earliest_occurred_at_ms
    written_ms += int(rng.integers(YEARS_MS))
    shards, recorded = [], [RecordedEntropy(entropy) for _ in batches]
    for number, batch in enumerate(batches):
        due = {series.due.state.number: series.advance(rng) for series in batch}
        shards.append(_HeldShard(Redis(), number, due))
    run_together(
        [
            ReleaseWorker([shard], lambda _, kind: mechanisms[kind].calibration, source, lambda: written_ms)
            for shard, source in zip(shards, recorded, strict=True)
        ]
    )
    for batch, shard, source in zip(batches, shards, recorded, strict=True):
        times = dict(_find_wrong_times(batch, shard, written_ms))
        for series, noise in zip(batch, _draw_again(batch, source), strict=True):
            number = series.due.state.number
            wrong = [(TIMES, times[number])] if number in times else []
            yield series, [*wrong, *series.check(shard.commits[number], noise)]


def _find_wrong_times(
    batch: Sequence[_AuditedSeries], shard: _HeldShard, written_ms: int
) -> Iterator[tuple[int, str]]:
    """Yields the number of each series whose entry or times differ from those that public facts give."""
    in_order, previous = sorted(batch, key=lambda series: series.due.state.number), ""
    for sequence, (series, commit) in enumerate(zip(in_order, shard.commits.values(), strict=True)):
        facts = PublicFacts(series.mechanism.reference, series.due.state)
        entry = facts.write_entry(shard.shard, sequence, previous, commit.release)
        previous = sha256(entry).hexdigest()
        times = (facts.next_due_ms, facts.visible_ms(written_ms))
        found = (commit.next_due_ms, commit.visible_ms)
        if commit.ledger_entry != entry:
            yield facts.state.number, f"entry {sequence}: {commit.ledger_entry!r} instead of {entry!r}"
        elif found != times:
            yield facts.state.number, f"next end and time of showing {found} instead of {times}"
    if shard.heads != [previous]:
        yield in_order[-1].due.state.number, f"heads {shard.heads} instead of {previous}"


def _draw_again(
    batch: Sequence[_AuditedSeries], recorded: RecordedEntropy
) -> Sequence[NDArray[np.int64] | ReplayError]:
    """Returns the noise of each series of a batch, which has the order of kinds and numbers."""
    replay = recorded.replay()
    sampler = ReferenceSampler(replay)
    noise: list[NDArray[np.int64]] = []
    try:
        for kind in sorted({series.mechanism.reference.kind for series in batch}):
            of_kind = [series for series in batch if series.mechanism.reference.kind == kind]
            scales = of_kind[0].mechanism.calibration.stream_scales
            steps = np.array([series.step for series in of_kind])
            so_far = np.arange(steps.max() + 1) <= steps[:, None]
            drawn = np.repeat(so_far[:, None, :], len(scales), axis=1)
            noise += list(draw_where(drawn, scales, sampler))
        replay.finish()
    except ReplayError as error:
        return [error] * len(batch)
    return noise
