"""Checks that a user may do what is declared of it: an ACL older than the program stops its processes.

Redis checks rights command by command, also inside a script, and does not roll a script back. So a process
tries its whole table of rights before it writes anything.
"""

import json
from collections.abc import Iterator
from typing import Final

import redis
from redis import exceptions

from privacy.store.acl import AclUser
from privacy.store.checks import CheckResult
from privacy.store.connect import translated
from privacy.store.script import Script, ScriptCall

_REFUSED_COMMANDS: Final = Script.from_package("privacy.store", "refused_commands.lua")
_MAX_NAMED: Final = 5
_HARMLESS_ARGUMENTS: Final = {
    "get": (),
    "hgetall": (),
    "zcard": (),
    "zcount": ("0", "0"),
    "hget": ("0",),
    "hmget": ("0",),
    "zrevrange": ("0", "0"),
    "zrevrank": ("0",),
    "set": ("0", "XX"),
    "incrby": ("nothing",),
}
"""Words after the key with which a command changes nothing where there is no such key."""
_SCRIPTS: Final = "evalsha"


def check_rights(client: redis.Redis, user: AclUser) -> CheckResult:
    """Checks every command of a user on a key of every family that it is declared for; changes nothing.

    Args:
        client: must have this user.
        user: the declaration.

    Raises:
        StoreBusyError: the server cannot answer now.
    """
    name = f"rights of {user.name}"
    if any(_SCRIPTS in grant.commands for grant in user.grants):
        refused = _ask_script(client, user)
    else:
        refused = _try_commands(client, user)
    if not refused:
        return CheckResult(name, ok=True, detail="the server's ACL allows all that is declared")
    named = ", ".join(refused[:_MAX_NAMED]) + (" …" if len(refused) > _MAX_NAMED else "")
    detail = f"the server's ACL does not allow {named}: restart the server with this version's ACL file"
    return CheckResult(name, ok=False, detail=detail)


def _ask_script(client: redis.Redis, user: AclUser) -> list[str]:
    """Lists what the server would refuse, without trying it."""
    commands = [*(_words(command) for command in user.keyless), *_spelled(user)]
    with translated():
        try:
            reply = _REFUSED_COMMANDS.run(client, ScriptCall([], [json.dumps(commands)]))
        except exceptions.NoPermissionError:
            return [_SCRIPTS]
    return [line.decode() for line in reply]


def _spelled(user: AclUser) -> Iterator[list[str]]:
    """Yields every granted command, spelled so that it names a key; a script is asked, not run."""
    for grant in user.grants:
        for pattern in grant.keys:
            key = pattern.replace("*", "0")
            for command in grant.commands:
                if command == _SCRIPTS:
                    yield [command, "0" * 40, "1", key]
                else:
                    yield [*_words(command), key, key]


def _try_commands(client: redis.Redis, user: AclUser) -> list[str]:
    """Lists the commands that the server refuses, each tried on a key that does not exist."""
    refused = []
    for grant in user.grants:
        for pattern in grant.keys:
            key = pattern.replace("*", "{rights}")
            for command in grant.commands:
                words = [command, key, *_HARMLESS_ARGUMENTS[command]]
                with translated():
                    try:
                        client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py leaves it so
                    except exceptions.NoPermissionError:
                        refused.append(f"{command} {key}")
                    except exceptions.ResponseError:
                        continue  # it is allowed, and its arguments are not
    return refused


def _words(command: str) -> list[str]:
    return command.split("|")
