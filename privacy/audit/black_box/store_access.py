"""Store access: what the public plane's own password opens, for somebody who has taken it."""

from __future__ import annotations

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
"""None of them changes anything, should one of them be let through."""


@dataclass
class StoreAccess(Attack):
    """The attack.

    Args:
        url: `redis://user:password@host:port`, as the public plane has it.
    """

    url: str = field(repr=False)

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Try the commands."""
        with closing(Redis.from_url(self.url)) as client:
            findings = tuple(_try(client, command) for command in COMMANDS)
        section = Section(
            key="store-access",
            title="Store access with the public plane's password",
            tried=f"{len(COMMANDS)} commands on keys of all rooms; `likewise audit wall` tries them all.",
            breaks="One of them is not refused with NOPERM.",
            confidence="Certain. No false alarms.",
            findings=findings,
        )
        return [section]


def _try(client: Redis, command: Sequence[str | int]) -> Finding:
    try:
        client.execute_command(*command)  # type: ignore[no-untyped-call] # so redis-py has it
    except NoPermissionError:
        found, passed = "NOPERM", True
    except RedisError as error:
        found, passed = str(error)[:80], False
    else:
        found, passed = "answered", False
    return Finding(" ".join(map(str, command)), "NOPERM", found, passed)
