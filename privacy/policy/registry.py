"""The policies of a store: a target keeps the one that it was registered under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from privacy.errors import PolicyError
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.policy.file import parse_policies, parse_policy
from privacy.policy.policy import Policy
from privacy.store.connect import translated
from privacy.store.keys import POLICIES

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True)
class PolicyRegistry:
    """The policies of a store.

    Args:
        current: what new targets are bound to.
        versions: every policy that was ever enrolled, the current one among them, and their sandboxes'.
    """

    current: Policy
    versions: Mapping[str, Policy]

    @property
    def flip_cap(self) -> int:
        """The smallest w of all versions: nothing may flip more often than its target's noise covers."""
        return min(policy.flip_cap for policy in self.versions.values())

    @property
    def closed_seconds(self) -> int:
        """How long an erased account stays closed: past the end of every schedule that may be running.

        An engagement that came back before could count more flips than the noise covers. A day more is for
        schedules that start a little in the future.
        """
        longest = max(policy.longest_schedule_seconds for policy in self.versions.values())
        return longest + SECONDS_PER_DAY

    @property
    def sandbox(self) -> PolicyRegistry | None:
        """The same policies for the sandbox, where its own is the current one; None if there is none."""
        policy = self.current.sandbox
        return PolicyRegistry(policy, {**self.versions, policy.version: policy}) if policy else None

    @property
    def daily_cap(self) -> int:
        """M of the current version: it bounds accounts, not targets."""
        return self.current.daily_cap


def policy_of(client: Redis, version: str) -> Policy | None:
    """Read one policy of a store, a sandbox's too; None for a version that the store does not know.

    Raises:
        StoreBusyError: the store did not answer.
    """
    with translated():
        raw = client.hget(POLICIES, version.removesuffix(POLICY_SUFFIX))
    declared = parse_policies(cast("bytes", raw)) if raw else []
    return next((policy for policy in declared if policy.version == version), None)


def register_policy(client: Redis, raw: bytes) -> PolicyRegistry:
    """Make a policy file the current one of a store.

    Args:
        client: connection with the admin's credentials.
        raw: content of the policy file.

    Raises:
        PolicyError: it breaks a rule, or the store knows another content under the same version.
        StoreBusyError: the store did not answer.
    """
    policy = parse_policy(raw)
    with translated():
        client.hsetnx(POLICIES, policy.version, raw)
    return read_policy_registry(client, policy)


def stored_policies(client: Redis) -> dict[str, Policy]:
    """Every policy that was ever enrolled in a store, sandboxes' too, by version.

    Raises:
        StoreBusyError: the store did not answer.
    """
    with translated():
        stored = client.hgetall(POLICIES)
    raws = cast("dict[bytes, bytes]", stored).values()
    return {policy.version: policy for raw in raws for policy in parse_policies(raw)}


def read_policy_registry(client: Redis, current: Policy) -> PolicyRegistry:
    """Read the policies of a store.

    Raises:
        PolicyError: the store does not know the current one, or knows another content under its version.
        StoreBusyError: the store did not answer.
    """
    versions = stored_policies(client)
    known = versions.get(current.version)
    if known is None:
        raise PolicyError(
            f"version: {current.version!r} is not enrolled in this store; `likewise up` enrols it"
        )
    if known.digest != current.digest:
        raise PolicyError(
            f"version: {current.version!r} is another policy in this store; a changed one has a new version"
        )
    return PolicyRegistry(current, MappingProxyType(versions))
