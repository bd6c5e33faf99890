"""Lua scripts that run inside Redis: one atomic step on the keys of one slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline

Argument = bytes | str | int


@dataclass(frozen=True)
class ScriptCall:
    """One call: the keys (all with one hash tag) and the arguments."""

    keys: Sequence[str]
    arguments: Sequence[Argument]


@dataclass(frozen=True)
class Script:
    """A script by its source; Redis keeps it under the SHA-1 of the source."""

    source: str

    @classmethod
    def packaged(cls, package: str, *names: str) -> Script:
        """The script in `.lua` files beside the code that calls it, one after the other."""
        return cls("\n".join(files(package).joinpath(name).read_text() for name in names))

    @cached_property
    def digest(self) -> str:
        """The name under which Redis caches the script."""
        return sha1(self.source.encode()).hexdigest()  # noqa: S324 - a name, not a protection

    def run(self, client: Redis, call: ScriptCall) -> Any:
        """Run once; the answer is the script's."""
        return self.run_all(client, [call])[0]

    def run_all(self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool = False) -> list[Any]:
        """Run several calls in one round trip; each is atomic for itself, all of them in a transaction.

        A server that does not know the script yet has run none of them: it is loaded, and all are sent again.
        """
        try:
            return self._send(client, calls, transaction=transaction)
        except NoScriptError:
            client.script_load(self.source)
            return self._send(client, calls, transaction=transaction)

    def try_all(self, client: Redis, calls: Sequence[ScriptCall]) -> list[Any]:
        """Run several calls in one round trip; where one fails, its error stands in its place."""
        answers = self._pipeline(client, calls, transaction=False).execute(raise_on_error=False)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            client.script_load(self.source)
            answers = self._pipeline(client, calls, transaction=False).execute(raise_on_error=False)
        return answers

    def _send(self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool) -> list[Any]:
        return self._pipeline(client, calls, transaction=transaction).execute()

    def _pipeline(self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool) -> Pipeline:
        digest = self.digest
        pipeline = client.pipeline(transaction=transaction)
        for call in calls:
            pipeline.evalsha(digest, len(call.keys), *call.keys, *call.arguments)
        return pipeline
