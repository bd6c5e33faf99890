"""The policy: the declared guarantee, as frozen values that validate themselves.

Nothing else in Likewise sets a privacy parameter. `privacy.mechanism.accounting` computes what follows from
the policy (noise scales, margins, epsilon); `privacy.policy.file` parses the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from privacy.errors import PolicyError
from privacy.model.audience import Scope
from privacy.model.dimension import Dimension, JointDimension, JointDomain
from privacy.model.documents import CURRENT_VERSION
from privacy.model.engagement import Kind, TargetType
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.policy.audiences import AudiencePeriod, Audiences
from privacy.policy.budget import Accounting, Budget, CalibrationMethod
from privacy.policy.integrity import Integrity
from privacy.policy.retention import Retention
from privacy.policy.schedule import MAX_AGE_SECONDS, Schedule
from privacy.policy.streams import StreamLayout

_VERSION = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True)
class IntakePolicy:
    """Bounds on the times that incoming data may state.

    Args:
        earliest_occurred_at_ms: the first time that is accepted.
        future_tolerance_seconds: how far a time may lie ahead of our clock.
        late_registration_seconds: a video that is registered later than this after its posting counts its
            schedule from its registration; None to count it from its posting in any case.
    """

    earliest_occurred_at_ms: int
    future_tolerance_seconds: int
    late_registration_seconds: int | None = None

    def is_late(self, posted_at_ms: int, now_ms: int) -> bool:
        """Return whether a video that is registered now was posted too long ago for its schedule."""
        allowed_seconds = self.late_registration_seconds
        return allowed_seconds is not None and now_ms - posted_at_ms > 1000 * allowed_seconds


@dataclass(frozen=True)
class SandboxTerms:
    """In what the sandbox's policy differs.

    Args:
        compress_schedule_by: factor by which its epochs are shorter.
        public_delay_seconds: as in `Policy`.
    """

    compress_schedule_by: int
    public_delay_seconds: int


@dataclass(frozen=True)
class AccountMonth:
    """What an account's month may cost at most: a policy under which it costs more is refused.

    Args:
        epsilon: of all engagements of one account that are admitted in one month, up to the cap.
        delta: the delta at which epsilon is stated.
    """

    epsilon: Fraction
    delta: Fraction

    def __post_init__(self) -> None:
        if self.epsilon <= 0:
            raise PolicyError(f"account_month.epsilon: is {float(self.epsilon)}; above 0")
        if not 0 < self.delta <= MAX_DELTA:
            raise PolicyError(f"account_month.delta: is {float(self.delta)}; above 0 and at most 1e-6")


@dataclass(frozen=True)
class Policy:
    """The declared guarantee.

    Args:
        version: name of this policy; a target stays bound to the version it was registered under.
        k: minimum number of accounts behind a measured number: a total, a cell, a number of removals.
        flip_cap: w, maximum number of times that one engagement changes a count.
        daily_cap: M, maximum of newly counted engagements of one account on one UTC day, over all kinds.
        factorisation: name of the matrix factorisation of the continual release.
        gate_delta: the gate's share of delta, per engagement, over all streams and epochs.
        budgets: zCDP budget of each kind.
        schedule: epochs of a video.
        creator_schedule: epochs of a creator.
        public_delay_seconds: from the end of an epoch to the moment from which its release is visible.
        domain: dimensions of the breakdowns.
        dropped_age_bands: age bands whose events are acknowledged and dropped on admission.
        intake: bounds on event times.
        integrity: rules that make a like inauthentic.
        retention: retention periods.
        digest: SHA-256 of the file; distinguishes two files with the same version.
        sandbox_terms: in what the sandbox's policy differs; None for no sandbox.
        monthly_cap: maximum of newly counted engagements of one account in one UTC month, over all kinds;
            None for no such cap.
        accounting: how epsilon follows from rho.
        calibration: how the noise follows from rho.
        account_month: what an account's month may cost; None if nothing is promised.
        audiences: the audiences that are counted; None for none.

    Raises:
        PolicyError: a value breaks a rule; the message names the field, the value and the rule.
    """

    version: str
    k: int
    flip_cap: int
    daily_cap: int
    factorisation: str
    gate_delta: Fraction
    budgets: Mapping[Kind, Budget]
    schedule: Schedule
    creator_schedule: Schedule
    public_delay_seconds: int
    domain: JointDomain
    dropped_age_bands: frozenset[str]
    intake: IntakePolicy
    integrity: Integrity
    retention: Retention
    digest: str
    sandbox_terms: SandboxTerms | None = None
    monthly_cap: int | None = None
    accounting: Accounting = Accounting.ZCDP
    calibration: CalibrationMethod = CalibrationMethod.SEPARATE
    account_month: AccountMonth | None = None
    audiences: Audiences | None = None

    def __post_init__(self) -> None:
        if not self.budgets:
            raise PolicyError("budgets: are none; one for each kind of engagement that is counted")
        self._check_names()
        _check_range("anonymity.k", self.k, 2, 1_000_000)
        _check_range("contribution.flip_cap", self.flip_cap, 2, MAX_FLIP_CAP)
        _check_range("contribution.daily_cap", self.daily_cap, 1, 65_535)
        if self.monthly_cap is not None:
            _check_range("contribution.monthly_cap", self.monthly_cap, 1, MAX_MONTHLY_CAP)
        _check_delay("release.public_delay_seconds", self.public_delay_seconds)
        _check_range(
            "intake.future_tolerance_seconds", self.intake.future_tolerance_seconds, 0, SECONDS_PER_DAY
        )
        if (late := self.intake.late_registration_seconds) is not None:
            _check_range("intake.late_registration_seconds", late, 0, MAX_AGE_SECONDS)
        if self.flip_cap % 2:
            raise PolicyError(
                f"contribution.flip_cap: is {self.flip_cap}; even, so that a frozen engagement is not counted"
            )
        if not 0 < self.gate_delta <= MAX_DELTA:
            raise PolicyError(f"mechanism.gate_delta: is {float(self.gate_delta)}; above 0 and at most 1e-6")
        for kind, budget in self.budgets.items():
            self._check_budget(kind, budget)
        self._check_audiences()
        self._check_account_month()
        if self.retention.idle_account_seconds < self.longest_schedule_seconds:
            raise PolicyError(
                f"retention.idle_account_seconds: is {self.retention.idle_account_seconds}; at least the "
                f"longest schedule, {self.longest_schedule_seconds}, or an engagement could be counted again"
            )
        if terms := self.sandbox_terms:
            _check_delay("sandbox.public_delay_seconds", terms.public_delay_seconds)
            self.schedule.compress(terms.compress_schedule_by)
            self.creator_schedule.compress(terms.compress_schedule_by)
            if self.audiences:
                self.audiences.compress(terms.compress_schedule_by)

    def _check_names(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise PolicyError(f"version: is {self.version!r}; up to 64 of a-z, 0-9, dot and hyphen")
        if self.version == CURRENT_VERSION:
            raise PolicyError(f"version: is {self.version!r}, which readers use for the policy in force")
        if self.layout.count > MAX_STREAMS:
            raise PolicyError(
                f"dimensions: make {self.layout.count} streams per target and kind, with the total and the "
                f"removals; at most {MAX_STREAMS}, since each release measures all of them"
            )

    def _check_budget(self, kind: Kind, budget: Budget) -> None:
        where = f"budgets.{kind.label}"
        declared = {dimension.name for dimension in self.domain.dimensions}
        needed = declared - (self.audiences.dimension_names if self.audiences else set())
        shared = set(next(iter(self.budgets.values())).breakdowns)
        if not needed <= shared <= declared or set(budget.breakdowns) != shared:
            lacking = sorted((needed | shared) - set(budget.breakdowns))
            odd = sorted(set(budget.breakdowns) - (shared & declared))
            faults = [
                f"{verb} {', '.join(names)}" for verb, names in (("lack", lacking), ("have", odd)) if names
            ]
            raise PolicyError(
                f"{where}.breakdowns: {' and '.join(faults)}; one for each declared dimension, of which all "
                "kinds alike may leave out those of audiences"
            )
        if (budget.removals is None) != (self.calibration is CalibrationMethod.JOINT):
            raise PolicyError(
                f"{where}.removals: is left out if mechanism.calibration is 'joint', and declared otherwise"
            )
        cost = self.audiences.rho if self.audiences and kind is Kind.LIKE else Fraction(0)
        if budget.audiences != cost:
            raise PolicyError(
                f"{where}: has {float(budget.audiences)} for audiences; what they cost, {float(cost)}"
            )

    def _check_audiences(self) -> None:
        if self.audiences is None:
            return
        if Kind.LIKE not in self.budgets:
            raise PolicyError("audiences: count likes; a policy with a budget for likes")
        self.audiences.check_dimensions(self.domain)
        for period in self.audiences.periods:
            cells = sum(len(self.cells_of(name)) for name in period.breakdowns)
            if cells > MAX_STREAMS:
                raise PolicyError(
                    f"audiences.{period.scope.value}.breakdowns: have {cells} cells; at most {MAX_STREAMS}"
                )

    def _check_account_month(self) -> None:
        if self.account_month and self.monthly_cap is None:
            raise PolicyError("account_month: needs contribution.monthly_cap, which bounds a month")

    @cached_property
    def layout(self) -> StreamLayout:
        """Positions of the statistic streams of a series."""
        return StreamLayout(self.series_dimensions)

    @cached_property
    def series_dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions by which the counts of a target are broken down; audiences may use others."""
        budgets = next(iter(self.budgets.values())).breakdowns
        return tuple(dimension for dimension in self.domain.dimensions if dimension.name in budgets)

    def cells_of(self, name: str) -> tuple[str, ...]:
        """Return the cells of a dimension or of a joint dimension.

        Raises:
            KeyError: the policy declares no such dimension.
        """
        cells = {dimension.name: dimension.cells for dimension in self.domain.dimensions}
        return (cells | {dimension.name: dimension.cells for dimension in self._joint_dimensions})[name]

    def parts_of(self, name: str) -> tuple[Dimension, ...]:
        """Return the parts of a joint dimension; of another one, itself.

        Raises:
            KeyError: the policy declares no such dimension.
        """
        parts: dict[str, tuple[Dimension, ...]] = {
            dimension.name: (dimension,) for dimension in self.domain.dimensions
        }
        return (parts | {dimension.name: dimension.parts for dimension in self._joint_dimensions})[name]

    @property
    def _joint_dimensions(self) -> tuple[JointDimension, ...]:
        return self.audiences.joint_dimensions if self.audiences else ()

    def find_audience(self, scope: Scope, every_seconds: int) -> AudiencePeriod:
        """Return what is measured of audiences of a scope over periods of a length.

        Raises:
            KeyError: the policy declares no such audiences.
        """
        periods = self.audiences.periods if self.audiences else ()
        return {(period.scope, period.every_seconds): period for period in periods}[scope, every_seconds]

    @cached_property
    def sandbox(self) -> Policy | None:
        """The policy of the sandbox; it differs only in its epochs' length, the public delay and the version.

        It needs a version of its own because targets are bound to versions.
        """
        terms = self.sandbox_terms
        if terms is None:
            return None
        return replace(
            self,
            version=self.version + POLICY_SUFFIX,
            schedule=self.schedule.compress(terms.compress_schedule_by),
            creator_schedule=self.creator_schedule.compress(terms.compress_schedule_by),
            public_delay_seconds=terms.public_delay_seconds,
            audiences=self.audiences and self.audiences.compress(terms.compress_schedule_by),
            sandbox_terms=None,
        )

    def schedule_of(self, kind: Kind) -> Schedule:
        """Return the schedule of the targets of a kind."""
        return self.creator_schedule if kind.target_type is TargetType.CREATOR else self.schedule

    @property
    def public_delay_ms(self) -> int:
        """From the end of an epoch to the moment from which its release is visible, in ms."""
        return 1000 * self.public_delay_seconds

    def epochs_of(self, kind: Kind) -> int:
        """Return T, the number of epochs of a target of a kind."""
        return self.schedule_of(kind).epochs

    def kinds_of(self, target_type: TargetType) -> tuple[Kind, ...]:
        """Return the declared kinds of engagement with a type of target."""
        return tuple(kind for kind in self.budgets if kind.target_type is target_type)

    @property
    def longest_schedule_seconds(self) -> int:
        """The time after which every target registered now is sealed."""
        return max(schedule.due_ages_seconds[-1] for schedule in (self.schedule, self.creator_schedule))


MAX_STREAMS = 4_096
MAX_DELTA = Fraction(1, 1_000_000)
MAX_FLIP_CAP = 14
"""A register stores its flips in four bits."""
MAX_MONTHLY_CAP = 8_191
"""An account stores the admissions of its month in 13 bits."""


MIN_PUBLIC_DELAY_SECONDS = 2
"""A release must be computed, written and copied before it may be seen."""


def _check_delay(field: str, seconds: int) -> None:
    _check_range(field, seconds, MIN_PUBLIC_DELAY_SECONDS, SECONDS_PER_DAY)


def _check_range(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise PolicyError(f"{field}: is {value!r}; a whole number from {low} to {high}")
