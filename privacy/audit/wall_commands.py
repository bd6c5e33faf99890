"""What the wall is tried with: every command that Redis knows, and one key of every family."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from privacy.store.keys import (
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
"""Redis answers these whoever asks; they give no right without a password."""
_PROBE: Final = "likewise-probe-0"
"""A name of 16 bytes, as a pseudonym has; nothing uses it, so a hole in the wall would harm nothing here."""


@dataclass(frozen=True)
class Command:
    """A command of Redis.

    Args:
        name: in Redis's own spelling, a subcommand after `|`.
        arity: words that it takes; at least so many if negative.
        family: its category.
        writes: whether it can change a key.
    """

    name: str
    arity: int
    family: str
    writes: bool

    def words(self, key: str) -> list[str]:
        """Spell it with a key in all places: where it would be let through, most commands fail of that.

        A command with options gets one more word than it needs, so that it cannot do what it does by itself,
        as FLUSHALL and SHUTDOWN do.
        """
        name = self.name.split("|")
        arguments = max(abs(self.arity) - len(name), 1 if self.arity < 0 else 0)
        return [*name, *[key] * arguments]


@dataclass(frozen=True)
class KeyFamily:
    """Keys of one sort.

    Args:
        name: as a reviewer reads it.
        key: one of them.
        in_use: whether the key holds something: then nothing that writes is tried on it.
    """

    name: str
    key: str
    in_use: bool = False


def redis_commands() -> tuple[str, tuple[Command, ...]]:
    """Version of the Redis whose commands these are, and all of them."""
    table = json.loads(files("privacy.audit").joinpath("redis_commands.json").read_text())
    return table["redis"], tuple(Command(*row) for row in table["commands"])


def key_families() -> tuple[KeyFamily, ...]:
    """One key of every family of `privacy.store.keys`."""
    return (
        KeyFamily("vault: registers", register_prefix(0) + _PROBE),
        KeyFamily("vault: outbox", outbox_key(0), in_use=True),
        KeyFamily("vault: others", vault_key(0, _PROBE)),
        KeyFamily("tally: logs and counts", tally_key(0, "log", _PROBE)),
        KeyFamily("tally: measurements", tally_key(0, "measured", _PROBE)),
        KeyFamily("tally: ledger", tally_key(0, "ledger"), in_use=True),
        KeyFamily("platform plane: own", platform_key(_PROBE)),
        KeyFamily("platform plane: API keys", platform_key("keys", _PROBE)),
        KeyFamily("platform plane: rate limits", f"l:platform:{_PROBE}"),
        KeyFamily("public plane: rate limits", f"l:public:{_PROBE}"),
        KeyFamily("store header", STORE_HEADER, in_use=True),
        KeyFamily("policies", POLICIES, in_use=True),
        KeyFamily("gallery: releases", gallery_key("releases", _PROBE, "like")),
        KeyFamily("gallery: metadata", gallery_key("target", "video", _PROBE)),
        KeyFamily("gallery: ledger", gallery_key("ledger", _PROBE)),
        KeyFamily("gallery: trees", gallery_key("tree", _PROBE)),
        KeyFamily("gallery: API keys", gallery_key("keys", _PROBE)),
        KeyFamily("gallery header", GALLERY_HEADER, in_use=True),
        KeyFamily("any other name", _PROBE),
    )
