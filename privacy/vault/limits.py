"""The limits in force: each account shard keeps them, and its scripts refuse a process that knows others."""

from collections.abc import Callable, Collection, Iterable, Sequence

from redis import Redis

from privacy.errors import LimitsError
from privacy.policy.policy import Policy
from privacy.policy.registry import (
    Limits,
    PolicyRegistry,
    longest_closing_seconds,
    read_policy_registry,
    smallest_flip_cap,
)
from privacy.policy.retention import Retention
from privacy.store.checks import CheckResult
from privacy.store.connect import translated
from privacy.store.keys import vault_key
from privacy.store.script import Script, ScriptCall

NAMES = (
    "w, M, seconds that an erased account stays closed, likes and seconds of a burst, seconds below which an "
    f"account is too young, and of the retention periods {', '.join(Retention.__struct_fields__)}; age bands "
    "that are dropped; the monthly cap, if there is one"
)
"""Of the limits, in their order."""
_REPLACE_LIMITS = Script.from_package("privacy.vault", "replace_limits.lua")
_PUT_LIMITS = Script.from_package("privacy.vault", "put_limits.lua")


class KnownLimits:
    """The limits that this process knows; read again when the store says that others are in force.

    Args:
        registry: the store's policies, as this process read them at its start.
        client: must have an ACL user that may read the policies.
    """

    def __init__(self, registry: PolicyRegistry, client: Redis) -> None:
        self._policy, self._client = registry.current, client
        self.current = registry.limits

    def reload(self) -> None:
        """Reads them again.

        Raises:
            PolicyError: the store does not know the policy of this process.
            StoreBusyError: the store did not answer.
        """
        self.current = read_policy_registry(self._client, self._policy).limits

    def error(self, in_force: str) -> LimitsError:
        """Returns the error of a process whose policy is not the one in force.

        Args:
            in_force: the limits that the store keeps.
        """
        return LimitsError(
            f"the limits in force are {in_force} ({NAMES}), and under the policy {self._policy.version} of "
            f"this process they are {self.current}: start it again with the policy file that is in force, or "
            "put this one in force with `likewise init`"
        )


def limits_key(shard: int) -> str:
    """Names the key that holds the limits in force on an account shard."""
    return vault_key(shard, "limits")


def put_limits_in_force(client: Redis, account_shards: int, limits: Limits) -> None:
    """Puts the limits of a policy in force on every account shard, before a target is registered under it.

    w never grows, and erased accounts never stay closed for less time, whoever calls this.

    Args:
        client: must have the admin ACL user.
        account_shards: number of account shards of the store.
        limits: those of the store's policies.

    Raises:
        StoreBusyError: the store did not confirm. Do it again.
    """
    calls = [ScriptCall([limits_key(shard)], limits.values) for shard in range(account_shards)]
    with translated():
        _PUT_LIMITS.run_all(client, calls)


def replace_limits(client: Redis, account_shards: int, read: Callable[[], Collection[Policy]]) -> str:
    """Puts the limits in force that follow from the policies that are left after one was retired.

    They may be looser than before. The policies are read again afterwards: if one was registered meanwhile,
    its limits may have been replaced, and are put in force again.

    Args:
        client: must have the admin ACL user.
        account_shards: number of account shards of the store.
        read: reads the policies of the store.

    Returns:
        The limits in force.

    Raises:
        StoreBusyError: the store did not confirm. Do it again.
    """
    policies = read()
    while True:
        arguments = (smallest_flip_cap(policies), longest_closing_seconds(policies))
        calls = [ScriptCall([limits_key(shard)], arguments) for shard in range(account_shards)]
        with translated():
            replies: list[bytes] = _REPLACE_LIMITS.run_all(client, calls)
        before, policies = policies, read()
        if {policy.version for policy in policies} == {policy.version for policy in before}:
            return replies[0].decode()


def require_limits_in_force(client: Redis, account_shards: int, known: KnownLimits) -> None:
    """Makes sure that every account shard accepts this process, which reads the limits again if need be.

    Args:
        client: must have an ACL user that may read account shards.
        account_shards: number of account shards of the store.
        known: the limits that the process knows.

    Raises:
        LimitsError: other limits are in force, or none.
        PolicyError: the store does not know the policy of this process.
        StoreBusyError: the store did not answer.
    """
    in_force = read_limits_in_force(client, account_shards)
    if set(in_force) != {str(known.current)}:
        known.reload()
    for text in in_force:
        if text != str(known.current):
            raise known.error(text)


def read_limits_in_force(client: Redis, account_shards: int) -> list[str]:
    """Reads the limits in force on each account shard; `none` where none are.

    Args:
        client: must have an ACL user that may read account shards, or the admin's.
        account_shards: number of account shards of the store.

    Raises:
        StoreBusyError: the store did not answer.
    """
    with translated():
        pipeline = client.pipeline(transaction=False)
        for shard in range(account_shards):
            pipeline.get(limits_key(shard))
        in_force: list[bytes | None] = pipeline.execute()
    return [text.decode() if text else "none" for text in in_force]


def check_limits(in_force: Sequence[str], demanded: Iterable[Limits]) -> CheckResult:
    """Checks that all account shards keep the limits that the policies of the store demand.

    Args:
        in_force: by account shard, as `read_limits_in_force` returns them.
        demanded: the limits under each policy that may be the one in force; none if the store knows no such
            policy.
    """
    allowed, found = {str(limits) for limits in demanded}, set(in_force)
    if len(found) == 1 and found <= allowed:
        shards = f"in all {len(in_force)} account shards"
        return CheckResult("limits", ok=True, detail=f"{in_force[0]} {shards} ({NAMES})")
    shown = "; ".join(
        f"{text} in account shards {[shard for shard, each in enumerate(in_force) if each == text]}"
        for text in sorted(found)
    )
    wanted = " or ".join(sorted(allowed)) or "a policy that is not registered"
    way_on = "put them in force with `likewise init` and the policy file that is in force"
    return CheckResult(
        "limits", ok=False, detail=f"{shown} ({NAMES}); the policies demand {wanted}: {way_on}"
    )
