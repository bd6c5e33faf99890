"""Redis ACL users as values, and the rules and file text that Redis reads.

A user starts with nothing: no command, no key, no channel. Its keyless commands come first; then every grant
joins some commands to some keys as one ACL *selector*, so that a command allowed on one family of keys is not
thereby allowed on another (Redis >= 7.0,
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# No one can be this user: it is off and has no password. But Redis replays the transactions of its AOF, which
# is what scripts leave there, with this user's rights. What they do not allow is gone after the next start,
# with no more than a line in the log: https://github.com/redis/redis/issues/14541
DEFAULT_USER_RULES: Final = ("off", "~*", "&*", "+@all")

_NAME = re.compile("[a-z][a-z0-9_]*")
_COMMAND = re.compile("[a-z_]+(?:[|][a-z-]+)?")
_PATTERN = re.compile("[^\\s()%~][^\\s()~]*")


class Room(StrEnum):
    """A Redis that may be a server of its own."""

    PRIVATE = "private"  # vault, tally and the platform plane's own
    GALLERY = "gallery"


@dataclass(frozen=True)
class Grant:
    """Some commands on some keys.

    Args:
        keys: key patterns as Redis globs, without `~`.
        commands: lower-case commands, a subcommand after `|`.
        read_only: whether the keys may only be read, whatever the command.
    """

    keys: tuple[str, ...]
    commands: tuple[str, ...]
    read_only: bool = False

    def __post_init__(self) -> None:
        if not self.keys or not all(_PATTERN.fullmatch(pattern) for pattern in self.keys):
            raise ValueError(f"keys: {self.keys!r}; must be one or more patterns without spaces or brackets")
        if not self.commands:
            raise ValueError("commands: none; a grant without commands allows nothing")
        _check_commands(self.commands)

    @property
    def key_rules(self) -> tuple[str, ...]:
        """The keys as ACL rules."""
        return tuple(f"{'%R' if self.read_only else ''}~{pattern}" for pattern in self.keys)

    @property
    def selector(self) -> str:
        """The grant as one ACL selector."""
        return f"({' '.join((*self.key_rules, *(f'+{command}' for command in self.commands)))})"


@dataclass(frozen=True)
class AclUser:
    """One Redis user.

    Args:
        name: as Redis knows it.
        purpose: who holds its password and why, in one line.
        rooms: the servers it exists on; `connect` takes the first unless told otherwise.
        keyless: commands that name no key.
        grants: commands joined to keys.
    """

    name: str
    purpose: str
    rooms: tuple[Room, ...]
    keyless: tuple[str, ...]
    grants: tuple[Grant, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == "default":
            raise ValueError(f"name: {self.name!r}; must be a lower-case word other than `default`")
        if not self.rooms:
            raise ValueError(f"rooms of {self.name}: none; a user lives on at least one server")
        _check_commands(self.keyless)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that make this user, without state and password; a selector is one rule."""
        return (
            "-@all",
            *(f"+{command}" for command in self.keyless),
            *(grant.selector for grant in self.grants),
        )


def acl_file(users: Iterable[AclUser], passwords: Mapping[str, str]) -> str:
    """Writes the text of a Redis ACL file; it holds SHA-256 hashes of the passwords, and `default` is off."""
    lines = [f"user default resetpass {' '.join(DEFAULT_USER_RULES)}"]
    for user in users:
        digest = hashlib.sha256(passwords[user.name].encode()).hexdigest()
        lines.append(" ".join((f"user {user.name} on resetchannels", f"#{digest}", *user.rules)))
    return "\n".join(lines) + "\n"


def _check_commands(commands: tuple[str, ...]) -> None:
    for command in commands:
        if not _COMMAND.fullmatch(command):
            raise ValueError(f"commands: {command!r}; must be a lower-case command or command|subcommand")
