"""Lists every Redis command and one key of every family, for the test of the wall."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from privacy.store.keys import (
    CLOCK_ANCHOR,
    GALLERY_HEADER,
    POLICIES,
    STORE_HEADER,
    gallery_key,
    outbox_key,
    platform_key,
    register_prefix,
    tally_key,
    vault_key,
)

SESSION_COMMANDS: Final = frozenset({"auth", "hello", "quit", "reset"})
"""Redis accepts these from every user; they grant nothing without a password."""
_PROBE: Final = "likewise-probe-0"
"""A name of 16 bytes, like a pseudonym. No key uses it, so commands that pass the wall do no harm."""


@dataclass(frozen=True)
class Command:
    """A Redis command.

    Args:
        name: as Redis spells it, with a subcommand after `|`.
        arity: number of words; a minimum if negative.
        family: its category.
        writes: whether it can change a key.
    """

    name: str
    arity: int
    family: str
    writes: bool

    def words(self, key: str) -> list[str]:
        """Returns the command with the key as every argument, which most commands reject.

        A command with options gets one more word than it needs, so that commands such as FLUSHALL and
        SHUTDOWN have no effect.
        """
        name = self.name.split("|")
        arguments = max(abs(self.arity) - len(name), 1 if self.arity < 0 else 0)
        return [*name, *[key] * arguments]


@dataclass(frozen=True)
class KeyFamily:
    """A family of Redis keys.

    Args:
        name: for reviewers.
        key: one key of the family.
        in_use: whether the key holds data; then commands that write are not tried on it.
    """

    name: str
    key: str
    in_use: bool = False


def redis_commands() -> tuple[str, tuple[Command, ...]]:
    """Returns the version of Redis whose commands are listed, and the commands."""
    table = json.loads(files("privacy.audit").joinpath("redis_commands.json").read_text())
    return table["redis"], tuple(Command(*row) for row in table["commands"])


def key_families() -> tuple[KeyFamily, ...]:
    """Returns one key of every family of `privacy.store.keys`."""
    return (
        KeyFamily("vault: registers", register_prefix(0) + _PROBE),
        KeyFamily("vault: outbox", outbox_key(0), in_use=True),
        KeyFamily("vault: other keys", vault_key(0, _PROBE)),
        KeyFamily("tally: logs and counts", tally_key(0, "log", _PROBE)),
        KeyFamily("tally: measurements", tally_key(0, "measured", _PROBE)),
        KeyFamily("tally: ledger", tally_key(0, "ledger"), in_use=True),
        KeyFamily("platform plane: own keys", platform_key(_PROBE)),
        KeyFamily("platform plane: API keys", platform_key("keys", _PROBE)),
        KeyFamily("platform plane: rate limits", f"l:platform:{_PROBE}"),
        KeyFamily("public plane: rate limits", f"l:public:{_PROBE}"),
        KeyFamily("store header", STORE_HEADER, in_use=True),
        KeyFamily("policies", POLICIES, in_use=True),
        KeyFamily("clock anchor", CLOCK_ANCHOR, in_use=True),
        KeyFamily("gallery: releases", gallery_key("releases", _PROBE, "like")),
        KeyFamily("gallery: metadata", gallery_key("target", "video", _PROBE)),
        KeyFamily("gallery: ledger", gallery_key("ledger", _PROBE)),
        KeyFamily("gallery: trees", gallery_key("tree", _PROBE)),
        KeyFamily("gallery: API keys", gallery_key("keys", _PROBE)),
        KeyFamily("gallery header", GALLERY_HEADER, in_use=True),
        KeyFamily("any other name", _PROBE),
    )
