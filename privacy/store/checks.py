"""Checks whether the Redis of a room is fit for it, before a process writes and for `likewise doctor`."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from redis.utils import str_if_bytes

from privacy.errors import StoreError
from privacy.store.connect import translated
from privacy.store.credentials import private_file_fault
from privacy.store.header import StoreHeader

_OLDEST_VERSION: Final = (7, 2)
_CLOCK_TOLERANCE_MS: Final = 2_000

_DURABLE_CONFIG: Final = {
    "appendonly": "yes",
    "appendfsync": "always",  # an answer comes after fsync, not up to a second before it
    "no-appendfsync-on-rewrite": "no",  # `yes` suspends fsync while the log is rewritten
    # Redis 8.2 loads the half of a torn transaction, and executes it after the load after the next
    "aof-load-truncated": "no",
    "maxmemory-policy": "noeviction",  # any other policy forgets registers and measurements
}


@dataclass(frozen=True)
class CheckResult:
    """The result of one check of a deployment.

    Args:
        name: of the checked property.
        ok: whether the check passed.
        detail: what was found, and what to do if the check failed.
    """

    name: str
    ok: bool
    detail: str


def require(findings: Iterable[CheckResult]) -> None:
    """Lets a program go on only if all is well.

    Raises:
        StoreError: at least one finding is not ok; names every one.
    """
    faults = [f"{finding.name}: {finding.detail}" for finding in findings if not finding.ok]
    if faults:
        raise StoreError("; ".join(faults))


def check_server(client: redis.Redis, clock: Callable[[], int]) -> list[CheckResult]:
    """Checks version, durability and clock of a server of the private room.

    Args:
        client: must have a user with `CONFIG GET` and `TIME`, as all users of the private plane have.
        clock: the time now in ms since 1970 UTC.

    Raises:
        StoreError: the user may not ask.
        StoreBusyError: the server cannot answer now.
    """
    return [check_version(client), *check_durability(client), check_clock(client, clock)]


def check_version(client: redis.Redis) -> CheckResult:
    """Checks that the server is new enough; any user may ask (`HELLO` needs no permission)."""
    with translated():
        reply = client.execute_command("HELLO")  # type: ignore[no-untyped-call]  # redis-py leaves it so
    answer = [str_if_bytes(part) for part in reply[:4]]
    version = dict(zip(answer[::2], answer[1::2], strict=True)).get("version", "unknown")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    return CheckResult("version", numbers >= _OLDEST_VERSION, f"Redis {version}; needs 7.2 or newer")


def check_durability(client: redis.Redis) -> list[CheckResult]:
    """Checks that what the server acknowledges is on disk, and stays there."""
    with translated():
        found = client.config_get(*_DURABLE_CONFIG)
    return [
        CheckResult(name, found.get(name) == wanted, f"is {found.get(name, 'unknown')!s}; must be {wanted}")
        for name, wanted in _DURABLE_CONFIG.items()
    ]


def check_clock(client: redis.Redis, clock: Callable[[], int]) -> CheckResult:
    """Checks that the server's clock and ours agree, whatever the time the question takes on its way."""
    asked_ms = clock()
    with translated():
        seconds, microseconds = client.time()
    answered_ms = clock()
    server_ms = seconds * 1000 + microseconds // 1000
    skew_ms = max(asked_ms - server_ms, server_ms - answered_ms, 0)
    return CheckResult(
        "clock", skew_ms <= _CLOCK_TOLERANCE_MS, f"differs by {skew_ms} ms; at most 2000 ms are allowed"
    )


def check_header(client: redis.Redis, account_shards: int, target_shards: int) -> CheckResult:
    """Checks that the store was created, with these shard counts."""
    try:
        header = StoreHeader.read(client)
    except StoreError as error:
        return CheckResult("header", ok=False, detail=str(error))
    found = (header.account_shards, header.target_shards)
    detail = f"{found[0]} account and {found[1]} target shards; expected {account_shards} and {target_shards}"
    return CheckResult("header", found == (account_shards, target_shards), detail)


def check_private_file(path: Path) -> CheckResult:
    """Checks that a file of secrets is there and that only its owner may read it."""
    fault = private_file_fault(path)
    return CheckResult("secret file", fault is None, fault or f"{path} is its owner's alone")
