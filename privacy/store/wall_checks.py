"""Checks the wall on a server: for the public plane at its start, and for `likewise doctor`."""

from collections.abc import Iterable
from typing import Final

import redis
from redis import exceptions
from redis.utils import str_if_bytes

from privacy.store.acl import DEFAULT_USER_RULES, AclUser
from privacy.store.checks import CheckResult
from privacy.store.connect import translated
from privacy.store.keys import gallery_key, outbox_key, platform_key, register_prefix, tally_key

_PROBES: Final[tuple[tuple[str, ...], ...]] = (
    ("HGETALL", register_prefix(0) + "0" * 16),
    ("GET", outbox_key(0)),
    ("GET", tally_key(0, "ids")),
    ("GET", platform_key("keys", "probe")),
    ("SET", gallery_key("current", "probe"), "", "XX"),
    ("SCAN", "0", "COUNT", "1"),
    ("DBSIZE",),
    ("EVAL", "return 1", "0"),
    ("CONFIG", "GET", "maxmemory-policy"),
    ("ACL", "WHOAMI"),
)
"""Commands that change nothing even where they are allowed, and that the public plane must not be allowed."""

_STARTING_STATE: Final = frozenset({"sanitize-payload", "resetchannels", "-@all"})


def check_wall(client: redis.Redis) -> list[CheckResult]:
    """Try, with the public plane's own credentials, what they must not be able to do.

    Raises:
        StoreBusyError: the server cannot answer now.
    """
    return [_probe(client, command) for command in _PROBES]


def check_users(client: redis.Redis, users: Iterable[AclUser]) -> list[CheckResult]:
    """Compares the server's users with the declared ones, rule by rule.

    Args:
        client: the admin user's.
        users: those that belong on this server.

    Raises:
        StoreError: the user may not ask.
        StoreBusyError: the server cannot answer now.
    """
    with translated():
        lines = [str_if_bytes(line) for line in client.acl_list()]
    found = {name: _significant(rules) for _, name, *rules in (line.split() for line in lines)}
    wanted = {user.name: _significant(["on", *" ".join(user.rules).split()]) for user in users}
    wanted["default"] = list(DEFAULT_USER_RULES)
    return [
        _compared(name, found.get(name), wanted.get(name)) for name in sorted(found.keys() | wanted.keys())
    ]


def _probe(client: redis.Redis, command: tuple[str, ...]) -> CheckResult:
    name = f"wall against {command[0]}{f' {command[1]}' if len(command) > 1 else ''}"
    with translated():
        try:
            client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it so
        except exceptions.NoPermissionError:
            return CheckResult(name, ok=True, detail="refused with NOPERM")
        except exceptions.ResponseError:
            pass  # it was let through, and failed for a reason of its own
    return CheckResult(
        name, ok=False, detail="allowed to the public plane; give it the user `public` of the ACL file"
    )


def _significant(rules: Iterable[str]) -> list[str]:
    """Drops passwords, and what is the state of every new user and selector anyway."""
    words = (rule.replace("(", "( ").replace(")", " )") for rule in rules)
    flat = (word for rule in words for word in rule.split())
    return [word for word in flat if word not in _STARTING_STATE and not word.startswith("#")]


def _compared(name: str, found: list[str] | None, wanted: list[str] | None) -> CheckResult:
    subject = f"user {name}"
    if wanted is None:
        return CheckResult(
            subject, ok=False, detail="is not one of Likewise's; remove it, it may reach past the wall"
        )
    if found is None:
        return CheckResult(subject, ok=False, detail="is missing; restart the server with its ACL file")
    surplus, lack = sorted(set(found) - set(wanted)), sorted(set(wanted) - set(found))
    return CheckResult(subject, found == wanted, f"beyond its declaration: {surplus}; missing: {lack}")
