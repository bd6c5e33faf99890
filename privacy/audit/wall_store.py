"""Tries every Redis command on every key family with the public plane's credentials."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import redis
from redis import exceptions

from privacy.audit.check import ProgressCallback
from privacy.audit.report_model import Finding, Section
from privacy.audit.wall_commands import SESSION_COMMANDS, Command, KeyFamily, key_families, redis_commands
from privacy.store.checks import check_version
from privacy.store.connect import translated
from privacy.store.users import PUBLIC, USERS

KEY: Final = "wall-store"
_REFUSALS: Final = ("no permissions", "command not allowed. If")


@dataclass
class _Cell:
    """Results of one command family on one key family."""

    refused: int = 0
    declared: int = 0
    holes: tuple[str, ...] = ()


def store_section(client: redis.Redis, on_progress: ProgressCallback) -> Section:
    """Tests the wall of a running store.

    Args:
        client: must have the public plane's credentials.
        on_progress: called as the work advances.

    Raises:
        StoreBusyError: the store does not answer.
    """
    known_to, commands = redis_commands()
    tried = [command for command in commands if command.name not in SESSION_COMMANDS]
    families = key_families()
    findings: list[Finding] = []
    for done, family in enumerate(families):
        on_progress(KEY, done, len(families))
        findings += _findings(client, family, tried)
    findings += _other_users(client)
    on_progress(KEY, len(families), len(families))
    return Section(
        key=KEY,
        title="Wall: the public plane's credentials on the store",
        tried=f"All {len(commands)} commands of Redis {known_to} on one key of each of {len(families)} key "
        f"families, as the user `{PUBLIC.name}`; commands that write were not tried on keys that hold data. "
        "The four commands that Redis accepts from every user (AUTH, HELLO, QUIT, RESET) were tried by "
        "logging in as each of the other users.",
        breaks="Any answer other than a refusal, except to PING, to client identification, and to the "
        "declared read commands on the gallery's keys.",
        confidence="Exhaustive for these commands, no sampling. The server is "
        f"{check_version(client).detail.partition(';')[0]}; commands of other versions or of modules are "
        "refused by `-@all`, which `likewise doctor` checks.",
        findings=tuple(findings),
    )


def _findings(client: redis.Redis, family: KeyFamily, commands: list[Command]) -> Iterator[Finding]:
    """Yields one finding for each command family on this key family."""
    cells: defaultdict[str, _Cell] = defaultdict(_Cell)
    for command in commands:
        if family.in_use and command.writes:
            continue
        cell = cells[command.family]
        if _is_refused(client, command.words(family.key)):
            cell.refused += 1
        elif _is_declared(command.name, family.key):
            cell.declared += 1
        else:
            cell.holes += (command.name.replace("|", " ").upper(),)
    for name, cell in sorted(cells.items()):
        allowed = f", {cell.declared} answered as declared" if cell.declared else ""
        holes = f", accepted: {', '.join(cell.holes)}" if cell.holes else ""
        yield Finding(
            what=f"{name} commands on {family.name}",
            required="refused, except as declared in the table of users",
            found=f"{cell.refused} refused{allowed}{holes}",
            passed=not cell.holes,
        )


def _other_users(client: redis.Redis) -> Iterator[Finding]:
    """Yields findings that the public plane's password logs in neither as another user nor as `default`."""
    password = str(client.connection_pool.connection_kwargs["password"])
    for name in ("default", *(user.name for user in USERS if user.name != PUBLIC.name)):
        refused = all(
            _is_refused(client, words)
            for words in (["AUTH", name, password], ["HELLO", "3", "AUTH", name, password])
        )
        yield Finding(
            what=f"AUTH as `{name}`",
            required="refused with the public plane's password",
            found="refused" if refused else "accepted",
            passed=refused,
        )


def _is_declared(command: str, key: str) -> bool:
    if command in PUBLIC.keyless:
        return True
    return any(
        command in grant.commands and any(fnmatchcase(key, pattern) for pattern in grant.keys)
        for grant in PUBLIC.grants
    )


def _is_refused(client: redis.Redis, words: list[str]) -> bool:
    """Returns whether the server refuses the command or does not know it."""
    pool = client.connection_pool
    with translated():
        connection = pool.get_connection()
        refused = False
        try:
            connection.send_command(*words)  # type: ignore[no-untyped-call]  # untyped in redis-py
            connection.read_response()
        except (exceptions.NoPermissionError, exceptions.AuthenticationError):
            refused = True
        except exceptions.ResponseError as error:
            # EXEC reports that it was aborted, and why. DEBUG and MODULE may be disabled for all users. An
            # older server lacks some commands.
            refused = any(text in str(error) for text in _REFUSALS) or str(error).startswith("unknown ")
        finally:
            if not refused:  # an accepted command may have changed the session
                connection.disconnect()  # type: ignore[no-untyped-call]  # as above
            pool.release(connection)
    return refused
