"""Reads a policy file into a `Policy`. The shape is checked here; values check themselves."""

from __future__ import annotations

import hashlib
import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec

from privacy.errors import PolicyError
from privacy.model.dimension import Dimension, JointDomain
from privacy.model.engagement import Kind
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.model.timestamp import parse_timestamp_ms
from privacy.policy.budget import Budget
from privacy.policy.integrity import Integrity
from privacy.policy.policy import IntakePolicy, Policy
from privacy.policy.retention import Retention
from privacy.policy.schedule import Phase, Schedule

MAX_EXPONENT = 100
DEFAULT_POLICY_PATH = Path(__file__).with_name("policy.toml")


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A TOML table: a field that the policy does not know is refused."""


class _Anonymity(_Table, frozen=True):
    k: int


class _Contribution(_Table, frozen=True):
    flip_cap: int
    daily_cap: int


class _Mechanism(_Table, frozen=True):
    factorisation: str
    gate_delta: Decimal


class _Budget(_Table, frozen=True):
    rho: Decimal
    total: Decimal
    removals: Decimal
    reserve: Decimal
    breakdowns: dict[str, Decimal]


class _Phase(_Table, frozen=True):
    every_seconds: int
    until_seconds: int


class _Children(_Table, frozen=True):
    dropped_age_bands: list[str]


class _Intake(_Table, frozen=True):
    earliest_occurred_at: str
    future_tolerance_seconds: int


class _Integrity(_Table, frozen=True):
    burst_likes: int
    burst_seconds: int
    least_account_age_seconds: int
    network_accounts: int
    sequence_targets: int
    sequence_accounts: int


class _Retention(_Table, frozen=True):
    idempotency_seconds: int
    audit_trail_seconds: int
    job_seconds: int
    advisory_seconds: int
    deleted_account_seconds: int
    idle_account_seconds: int
    backup_seconds: int


class _Sandbox(_Table, frozen=True):
    compress_schedule_by: int


class _PolicyFile(_Table, frozen=True):
    version: str
    anonymity: _Anonymity
    contribution: _Contribution
    mechanism: _Mechanism
    budgets: dict[str, _Budget]
    schedule: list[_Phase]
    dimensions: dict[str, list[str]]
    children: _Children
    intake: _Intake
    integrity: _Integrity
    retention: _Retention
    creator_schedule: list[_Phase] | None = None
    sandbox: _Sandbox | None = None


def load_policy(path: Path = DEFAULT_POLICY_PATH) -> Policy:
    """Read and check a policy file.

    Raises:
        PolicyError: the file cannot be read, is not TOML, or a value breaks a rule.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); a readable TOML file") from error
    return parse_policy(raw)


def parse_policy(raw: bytes) -> Policy:
    """Check a policy file's content.

    Raises:
        PolicyError: it is not UTF-8 TOML, or a value breaks a rule.
    """
    try:
        tables = tomllib.loads(raw.decode(), parse_float=Decimal)
        file = msgspec.convert(tables, _PolicyFile)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PolicyError(f"policy file: {error}") from error
    if file.version.endswith(POLICY_SUFFIX):
        raise PolicyError(f"version: is {file.version!r}; {POLICY_SUFFIX} is the sandbox's own ending")
    return _policy(file, hashlib.sha256(raw).hexdigest())


def parse_policies(raw: bytes) -> list[Policy]:
    """The policies that a file declares: its own, and its sandbox's where it has one.

    Raises:
        PolicyError: see `parse_policy`; or the schedules cannot be divided as the sandbox asks.
    """
    policy = parse_policy(raw)
    return [policy, *([policy.sandbox] if policy.sandbox else [])]


def _policy(file: _PolicyFile, digest: str) -> Policy:
    return Policy(
        version=file.version,
        k=file.anonymity.k,
        flip_cap=file.contribution.flip_cap,
        daily_cap=file.contribution.daily_cap,
        factorisation=file.mechanism.factorisation,
        gate_delta=_exact("mechanism.gate_delta", file.mechanism.gate_delta),
        budgets={_kind(label): _budget(label, table) for label, table in file.budgets.items()},
        schedule=_schedule(file.schedule),
        creator_schedule=_schedule(file.creator_schedule or file.schedule),
        domain=JointDomain(
            tuple(Dimension(name, tuple(values)) for name, values in file.dimensions.items()),
        ),
        dropped_age_bands=frozenset(file.children.dropped_age_bands),
        intake=IntakePolicy(
            _timestamp(file.intake.earliest_occurred_at), file.intake.future_tolerance_seconds
        ),
        integrity=Integrity(**msgspec.structs.asdict(file.integrity)),
        retention=Retention(**msgspec.structs.asdict(file.retention)),
        digest=digest,
        compress_schedule_by=file.sandbox.compress_schedule_by if file.sandbox else None,
    )


def _schedule(phases: list[_Phase]) -> Schedule:
    return Schedule(tuple(Phase(phase.every_seconds, phase.until_seconds) for phase in phases))


def _budget(label: str, table: _Budget) -> Budget:
    where = f"budgets.{label}"
    return Budget(
        kind=label,
        rho=_exact(f"{where}.rho", table.rho),
        total=_exact(f"{where}.total", table.total),
        removals=_exact(f"{where}.removals", table.removals),
        reserve=_exact(f"{where}.reserve", table.reserve),
        breakdowns={
            name: _exact(f"{where}.breakdowns.{name}", rho) for name, rho in table.breakdowns.items()
        },
    )


def _kind(label: str) -> Kind:
    try:
        return Kind[label.upper()]
    except KeyError:
        known = ", ".join(kind.label for kind in Kind)
        raise PolicyError(f"budgets.{label}: is no kind of engagement; one of {known}") from None


def _exact(field: str, value: Decimal) -> Fraction:
    # The bound keeps exact arithmetic quick and the doubles made from it above zero and finite.
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
        raise PolicyError(f"{field}: is {value}; a finite number with an exponent within ±{MAX_EXPONENT}")
    return Fraction(value)


def _timestamp(text: str) -> int:
    try:
        return parse_timestamp_ms(text)
    except ValueError as error:
        raise PolicyError(f"intake.earliest_occurred_at: {error}") from error
