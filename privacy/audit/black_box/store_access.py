"""Tests the store access of an attacker who has stolen the public plane's password."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from privacy.audit.black_box.context import Attack
from privacy.audit.report_model import Finding, Section

COMMANDS: Final[tuple[tuple[str | int, ...], ...]] = (
    ("KEYS", "*"),
    ("SCAN", 0),
    ("RANDOMKEY",),
    ("EVAL", "return 1", 0),
    ("FCALL", "none", 0),
    ("CONFIG", "GET", "dir"),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("DUMP", "v:{a0}:key"),
    ("GET", "v:{a0}:key"),
    ("HGETALL", "v:{a0}:tombs"),
    ("XRANGE", "v:{a0}:outbox", "-", "+"),
    ("HGETALL", "t:{t0}:videos"),
    ("GET", "t:{t0}:targets"),
    ("GET", "p:keys:none"),
    ("DEL", "g:none"),
)
"""Commands that change nothing even if they are accepted."""


@dataclass
class StoreAccessAttack(Attack):
    """The attack.

    Args:
        url: `redis://user:password@host:port`, as configured for the public plane.
    """

    key = "store-access"
    title = "Store access with the public plane's password"

    url: str = field(repr=False)

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Tries the commands."""
        with closing(Redis.from_url(self.url)) as client:
            findings = tuple(_try(client, command) for command in COMMANDS)
        section = Section(
            key=self.key,
            title=self.title,
            tried=f"{len(COMMANDS)} commands on keys of all rooms; `likewise audit wall` tries all commands.",
            breaks="A command is not refused with NOPERM.",
            confidence="Certain. False alarms are impossible.",
            findings=findings,
        )
        return [section]


def _try(client: Redis, command: Sequence[str | int]) -> Finding:
    try:
        client.execute_command(*command)  # type: ignore[no-untyped-call] # untyped in redis-py
    except NoPermissionError:
        found, passed = "NOPERM", True
    except RedisError as error:
        found, passed = str(error)[:80], False
    else:
        found, passed = "answered", False
    return Finding(" ".join(map(str, command)), "NOPERM", found, passed)
