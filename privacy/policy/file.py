"""Parses a policy file into a `Policy`. This module checks the shape; the values validate themselves."""

import codecs
import hashlib
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec

from privacy.errors import PolicyError
from privacy.model.audience import Scope
from privacy.model.dimension import Dimension, JointDimension, JointDomain
from privacy.model.engagement import Kind
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.model.timestamp import parse_timestamp_ms
from privacy.policy.audiences import AudiencePeriod, Audiences
from privacy.policy.budget import Accounting, Budget, CalibrationMethod
from privacy.policy.integrity import Integrity
from privacy.policy.policy import AccountMonth, IntakePolicy, Policy, SandboxTerms
from privacy.policy.retention import Retention
from privacy.policy.schedule import Phase, Schedule
from privacy.policy.shape import describe_shape_error

MAX_EXPONENT = 100
MAX_POLICY_BYTES = 4 * 1024 * 1024
_OTHER_ENCODINGS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
DEFAULT_POLICY_PATH = Path(__file__).with_name("policy.toml")


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A TOML table; unknown fields are refused."""


class _Anonymity(_Table, frozen=True):
    k: int


class _Contribution(_Table, frozen=True):
    flip_cap: int
    daily_cap: int
    monthly_cap: int | None = None


class _Mechanism(_Table, frozen=True):
    factorisation: str
    gate_delta: Decimal
    accounting: Accounting = Accounting.ZCDP
    calibration: CalibrationMethod = CalibrationMethod.SEPARATE


class _Budget(_Table, frozen=True):
    rho: Decimal
    total: Decimal
    reserve: Decimal
    breakdowns: dict[str, Decimal]
    removals: Decimal | None = None


class _AudiencePeriod(_Table, frozen=True):
    scope: Scope
    every_seconds: int
    total: Decimal | None = None
    breakdowns: dict[str, Decimal] = {}


class _Audiences(_Table, frozen=True):
    hashtags_per_video: int
    periods: tuple[_AudiencePeriod, ...]
    joint_dimensions: dict[str, list[str]] = {}


class _AccountMonth(_Table, frozen=True):
    epsilon: Decimal
    delta: Decimal


class _Children(_Table, frozen=True):
    dropped_age_bands: list[str]


class _Intake(_Table, frozen=True):
    earliest_occurred_at: str
    future_tolerance_seconds: int
    late_registration_seconds: int | None = None


class _Release(_Table, frozen=True):
    public_delay_seconds: int


class _Sandbox(_Table, frozen=True):
    compress_schedule_by: int
    public_delay_seconds: int


class _PolicyFile(_Table, frozen=True):
    version: str
    anonymity: _Anonymity
    contribution: _Contribution
    mechanism: _Mechanism
    budgets: dict[str, _Budget]
    schedule: tuple[Phase, ...]
    dimensions: dict[str, list[str]]
    children: _Children
    intake: _Intake
    integrity: Integrity
    retention: Retention
    release: _Release
    creator_schedule: tuple[Phase, ...] | None = None
    sandbox: _Sandbox | None = None
    audiences: _Audiences | None = None
    account_month: _AccountMonth | None = None


def load_policy(path: Path = DEFAULT_POLICY_PATH) -> Policy:
    """Read and validate a policy file.

    Raises:
        PolicyError: the file cannot be read, is not TOML, or a value breaks a rule.
    """
    return parse_policy(read_policy_text(path))


def read_policy_text(path: Path) -> bytes:
    """Read the text of a policy file.

    Raises:
        PolicyError: the file cannot be read, or is far too long for a policy.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_POLICY_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); a readable TOML file") from error
    if len(raw) > MAX_POLICY_BYTES:
        raise PolicyError(f"{path}: has more than {MAX_POLICY_BYTES} bytes; a TOML file")
    return raw


def _decode(raw: bytes) -> str:
    """Returns the text of a policy, which is UTF-8, with or without a mark at its start."""
    for mark, name in _OTHER_ENCODINGS:
        if raw.startswith(mark):
            raise PolicyError(f"policy file: is {name}; save it as UTF-8")
    return raw.decode("utf-8-sig")


def parse_policy(raw: bytes) -> Policy:
    """Parse and validate the content of a policy file.

    Raises:
        PolicyError: it is not UTF-8 TOML, or a value breaks a rule.
    """
    try:
        tables = tomllib.loads(_decode(raw), parse_float=Decimal)
        file = _convert(tables)
    except (ValueError, ArithmeticError) as error:  # of TOML, of a number with too many digits
        raise PolicyError(f"policy file: {str(error) or 'has a number that cannot be read'}") from error
    except RecursionError:
        raise PolicyError("policy file: is nested too deeply; tables as in the packaged one") from None
    if file.version.endswith(POLICY_SUFFIX):
        raise PolicyError(f"version: is {file.version!r}; {POLICY_SUFFIX} is reserved for the sandbox")
    return _build_policy(file, hashlib.sha256(raw).hexdigest())


def _convert(tables: Mapping[str, Any]) -> _PolicyFile:
    try:
        return msgspec.convert(tables, _PolicyFile)
    except msgspec.ValidationError as error:
        raise describe_shape_error(error, tables) from error


def parse_policies(raw: bytes) -> list[Policy]:
    """Parse the policies that a file declares: its own, and that of its sandbox if it has one.

    Raises:
        PolicyError: as `parse_policy`; or the schedules cannot be compressed as the sandbox requires.
    """
    policy = parse_policy(raw)
    return [policy, *([policy.sandbox] if policy.sandbox else [])]


def _build_policy(file: _PolicyFile, digest: str) -> Policy:
    domain = JointDomain(tuple(Dimension(name, tuple(values)) for name, values in file.dimensions.items()))
    audiences = _build_audiences(file.audiences, domain) if file.audiences else None
    return Policy(
        version=file.version,
        k=file.anonymity.k,
        flip_cap=file.contribution.flip_cap,
        daily_cap=file.contribution.daily_cap,
        monthly_cap=file.contribution.monthly_cap,
        factorisation=file.mechanism.factorisation,
        gate_delta=_parse_exact("mechanism.gate_delta", file.mechanism.gate_delta),
        budgets={
            kind: _build_budget(label, table, audiences if kind is Kind.LIKE else None)
            for label, table in file.budgets.items()
            for kind in (_parse_kind(label),)
        },
        schedule=Schedule(file.schedule),
        creator_schedule=Schedule(file.creator_schedule or file.schedule),
        public_delay_seconds=file.release.public_delay_seconds,
        domain=domain,
        dropped_age_bands=frozenset(file.children.dropped_age_bands),
        intake=IntakePolicy(
            _parse_time(file.intake.earliest_occurred_at),
            file.intake.future_tolerance_seconds,
            file.intake.late_registration_seconds,
        ),
        integrity=file.integrity,
        retention=file.retention,
        digest=digest,
        sandbox_terms=SandboxTerms(**msgspec.structs.asdict(file.sandbox)) if file.sandbox else None,
        accounting=file.mechanism.accounting,
        calibration=file.mechanism.calibration,
        account_month=_build_account_month(file.account_month) if file.account_month else None,
        audiences=audiences,
    )


def _build_budget(label: str, table: _Budget, audiences: Audiences | None) -> Budget:
    where = f"budgets.{label}"
    return Budget(
        kind=label,
        rho=_parse_exact(f"{where}.rho", table.rho),
        total=_parse_exact(f"{where}.total", table.total),
        removals=None if table.removals is None else _parse_exact(f"{where}.removals", table.removals),
        reserve=_parse_exact(f"{where}.reserve", table.reserve),
        breakdowns=_parse_breakdowns(where, table.breakdowns),
        audiences=audiences.rho if audiences else Fraction(0),
    )


def _build_audiences(table: _Audiences, domain: JointDomain) -> Audiences:
    return Audiences(
        hashtags_per_video=table.hashtags_per_video,
        joint_dimensions=tuple(
            _build_joint_dimension(name, parts, domain) for name, parts in table.joint_dimensions.items()
        ),
        periods=tuple(_build_period(period) for period in table.periods),
    )


def _build_period(table: _AudiencePeriod) -> AudiencePeriod:
    where = f"audiences.{table.scope.value}"
    return AudiencePeriod(
        scope=table.scope,
        every_seconds=table.every_seconds,
        total=None if table.total is None else _parse_exact(f"{where}.total", table.total),
        breakdowns=_parse_breakdowns(where, table.breakdowns),
    )


def _build_joint_dimension(name: str, parts: list[str], domain: JointDomain) -> JointDimension:
    declared = {dimension.name: dimension for dimension in domain.dimensions}
    if unknown := sorted(set(parts) - set(declared)):
        raise PolicyError(
            f"audiences.joint_dimensions.{name}: has the parts {unknown}; of {sorted(declared)}"
        )
    return JointDimension(name, tuple(declared[part] for part in parts))


def _build_account_month(table: _AccountMonth) -> AccountMonth:
    return AccountMonth(
        epsilon=_parse_exact("account_month.epsilon", table.epsilon),
        delta=_parse_exact("account_month.delta", table.delta),
    )


def _parse_breakdowns(where: str, table: dict[str, Decimal]) -> dict[str, Fraction]:
    return {name: _parse_exact(f"{where}.breakdowns.{name}", rho) for name, rho in table.items()}


def _parse_kind(label: str) -> Kind:
    try:
        return Kind[label.upper()]
    except KeyError:
        known = ", ".join(kind.label for kind in Kind)
        raise PolicyError(f"budgets.{label}: is not a kind of engagement; one of {known}") from None


def _parse_exact(field: str, value: Decimal) -> Fraction:
    # The bound keeps exact arithmetic fast, and doubles derived from it finite and above zero.
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
        raise PolicyError(f"{field}: is {value}; a finite number with an exponent within ±{MAX_EXPONENT}")
    return Fraction(value)


def _parse_time(text: str) -> int:
    try:
        return parse_timestamp_ms(text)
    except ValueError as error:
        raise PolicyError(f"intake.earliest_occurred_at: {error}") from error
