"""Runs Lua scripts inside Redis: each call is one atomic step on the keys of one slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError

Argument = bytes | str | int


@dataclass(frozen=True)
class ScriptCall:
    """One call of a script.

    Args:
        keys: all with one hash tag.
        arguments: `ARGV`, in the order of the script.
    """

    keys: Sequence[str]
    arguments: Sequence[Argument]


@dataclass(frozen=True)
class Script:
    """A script, identified by its source; Redis caches it under the SHA-1 of the source."""

    source: str

    @classmethod
    def from_package(cls, package: str, *names: str) -> Script:
        """Loads a script from `.lua` files of a package, concatenated in the given order."""
        return cls("\n".join(files(package).joinpath(name).read_text() for name in names))

    @cached_property
    def digest(self) -> str:
        """The name under which Redis caches the script."""
        return sha1(self.source.encode()).hexdigest()  # noqa: S324 - a name, not a protection

    def run(self, client: Redis, call: ScriptCall) -> Any:
        """Runs the script once and returns its reply."""
        return self.run_all(client, [call])[0]

    def run_all(self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool = False) -> list[Any]:
        """Runs several calls in one round trip; each is atomic; in a transaction, all together.

        A server that does not know the script yet has run none of them: this loads it and sends all again.
        """
        try:
            return self._send(client, calls, transaction=transaction)
        except NoScriptError:
            client.script_load(self.source)
            return self._send(client, calls, transaction=transaction)

    def try_all(self, client: Redis, calls: Sequence[ScriptCall]) -> list[Any]:
        """Runs several calls in one round trip; a call that failed has its error in place of a reply."""
        replies = self._pipeline(client, calls, transaction=False).execute(raise_on_error=False)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            client.script_load(self.source)
            replies = self._pipeline(client, calls, transaction=False).execute(raise_on_error=False)
        return replies

    def _send(self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool) -> list[Any]:
        return self._pipeline(client, calls, transaction=transaction).execute()

    def _pipeline(self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool) -> Pipeline:
        digest = self.digest
        pipeline = client.pipeline(transaction=transaction)
        for call in calls:
            pipeline.evalsha(digest, len(call.keys), *call.keys, *call.arguments)
        return pipeline
