"""The policies of a store: a target keeps the policy that it was registered under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import msgspec
from redis import Redis

from privacy.errors import PolicyError, StoreError
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.policy.file import parse_policies, parse_policy
from privacy.policy.policy import Policy
from privacy.policy.retention import Retention
from privacy.store.connect import translated
from privacy.store.keys import POLICIES


@dataclass(frozen=True)
class Limits:
    """The limits that hold for all targets of a store. Account shards refuse a process that knows others.

    Args:
        flip_cap: w, counted flips of one engagement over its whole life.
        daily_cap: M, newly counted engagements of one account on one UTC day.
        tombstone_ttl_seconds: how long an erased account stays closed.
        burst_likes: a like is not counted if its account's last likes of the day, as many as this, …
        burst_seconds: … all happened within this time before it.
        least_account_age_seconds: likes of younger accounts are not counted.
        retention: what is past these periods is dropped for good.
        dropped_age_bands: age bands of which nothing is stored.
        monthly_cap: newly counted engagements of one account in one UTC month; None for no such cap.
    """

    flip_cap: int
    daily_cap: int
    tombstone_ttl_seconds: int
    burst_likes: int
    burst_seconds: int
    least_account_age_seconds: int
    retention: Retention
    dropped_age_bands: frozenset[str]
    monthly_cap: int | None = None

    @property
    def values(self) -> tuple[int | str, ...]:
        """The limits as numbers and, at the end, words, in the order of the fields; no absent cap."""
        return (
            self.flip_cap,
            self.daily_cap,
            self.tombstone_ttl_seconds,
            self.burst_likes,
            self.burst_seconds,
            self.least_account_age_seconds,
            *msgspec.structs.astuple(self.retention),
            ",".join(sorted(self.dropped_age_bands)) or "-",
            *([] if self.monthly_cap is None else [f"month={self.monthly_cap}"]),
        )

    def __str__(self) -> str:
        """Returns the limits as an account shard keeps them."""
        return " ".join(map(str, self.values))


@dataclass(frozen=True)
class PolicyRegistry:
    """The policies of a store.

    Args:
        current: the policy that new targets are bound to.
        versions: every registered policy, including the current one, and their sandbox policies.
    """

    current: Policy
    versions: Mapping[str, Policy]

    @property
    def limits(self) -> Limits:
        """The limits that follow from all versions.

        w is the smallest of all: no engagement flips more often than its target's noise covers. M, the
        monthly cap, the rules of integrity, the retention periods and the dropped age bands are those of the
        current version: they bound accounts, not targets, or are promised for all data. An erased account
        stays closed until after the end of every schedule that may be running, since an engagement that
        returned earlier could count more flips than the noise covers; the extra day covers schedules that
        start slightly in the future.
        """
        policies = self.versions.values()
        return Limits(
            flip_cap=smallest_flip_cap(policies),
            daily_cap=self.current.daily_cap,
            tombstone_ttl_seconds=longest_closing_seconds(policies),
            burst_likes=self.current.integrity.burst_likes,
            burst_seconds=self.current.integrity.burst_seconds,
            least_account_age_seconds=self.current.integrity.least_account_age_seconds,
            retention=self.current.retention,
            dropped_age_bands=self.current.dropped_age_bands,
            monthly_cap=self.current.monthly_cap,
        )

    def policy_of(self, version: str) -> Policy:
        """Returns the policy that a target is bound to.

        Raises:
            StoreError: it was registered after this process started.
        """
        policy = self.versions.get(version)
        if policy is None:
            raise StoreError(
                f"a target is bound to the policy {version}, which was registered after this process "
                "started: restart it"
            )
        return policy

    @property
    def sandbox(self) -> PolicyRegistry | None:
        """The policies for the sandbox, whose own policy is current; None if there is no sandbox."""
        policy = self.current.sandbox
        return PolicyRegistry(policy, {**self.versions, policy.version: policy}) if policy else None


def smallest_flip_cap(policies: Iterable[Policy]) -> int:
    """Returns w, the flips that the noise of every target covers, whichever policy it is bound to."""
    return min(policy.flip_cap for policy in policies)


def longest_closing_seconds(policies: Iterable[Policy]) -> int:
    """Returns how long an erased account stays closed: past the end of every schedule that may be running."""
    return max(policy.longest_schedule_seconds for policy in policies) + SECONDS_PER_DAY


def read_registered_policy(client: Redis, version: str) -> Policy | None:
    """Read one policy of a store, or of its sandbox; None for an unknown version.

    Raises:
        StoreBusyError: the store did not answer.
    """
    with translated():
        raw = client.hget(POLICIES, version.removesuffix(POLICY_SUFFIX))
    declared = parse_policies(cast("bytes", raw)) if raw else []
    return next((policy for policy in declared if policy.version == version), None)


def register_policy(client: Redis, raw: bytes) -> PolicyRegistry:
    """Register a policy file in a store and return the registry with this policy as the current one.

    Args:
        client: must have the admin ACL user.
        raw: content of the policy file.

    Raises:
        PolicyError: it breaks a rule, or the store holds another policy under the same version.
        StoreBusyError: the store did not answer.
    """
    policy = parse_policy(raw)
    with translated():
        client.hsetnx(POLICIES, policy.version, raw)
    return read_policy_registry(client, policy)


def read_registered_policies(client: Redis) -> dict[str, Policy]:
    """Read every policy of a store, and their sandbox policies, by version.

    Raises:
        PolicyError: one of them breaks a rule.
        StoreBusyError: the store did not answer.
    """
    found: dict[str, Policy] = {}
    for version, raw in read_policy_texts(client).items():
        try:
            found |= {policy.version: policy for policy in parse_policies(raw)}
        except PolicyError as error:
            raise PolicyError(
                f"the store has the policy {version}, and {error}. If no target is bound to it, `likewise "
                f"policy retire {version}` takes it back"
            ) from error
    return found


def read_policy_texts(client: Redis) -> dict[str, bytes]:
    """Read the policy files of a store by version, whether or not they follow the rules.

    Raises:
        StoreBusyError: the store did not answer.
    """
    with translated():
        stored = cast("dict[bytes, bytes]", client.hgetall(POLICIES))
    return {version.decode(): raw for version, raw in stored.items()}


def unregister_policy(client: Redis, version: str) -> None:
    """Remove a version that no target is bound to.

    Args:
        client: must have the admin ACL user.
        version: without a sandbox's suffix.

    Raises:
        StoreBusyError: the store did not confirm; call again.
    """
    with translated():
        client.hdel(POLICIES, version)


def read_policy_registry(client: Redis, current: Policy) -> PolicyRegistry:
    """Read the policies of a store.

    Raises:
        PolicyError: the current policy is not registered, or the store holds another one under its version.
        StoreBusyError: the store did not answer.
    """
    versions = read_registered_policies(client)
    known = versions.get(current.version)
    if known is None:
        raise PolicyError(
            f"version: {current.version!r} is not registered in this store; `likewise init` registers it"
        )
    if known.digest != current.digest:
        raise PolicyError(
            f"version: {current.version!r} is another policy in this store; a changed one needs a new version"
        )
    return PolicyRegistry(current, MappingProxyType(versions))
