"""Runs Lua scripts inside Redis: each call is one atomic step on the keys of one slot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final

from redis import Redis
from redis.exceptions import NoScriptError

Argument = bytes | str | int

MAX_LOADS: Final = 10
"""Times in a row that a server is given a script which it forgets again before the call."""


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

        Raises:
            RedisError: a call failed; the others may have been carried out.
        """
        replies = self.try_all(client, calls, transaction=transaction)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def try_all(self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool = False) -> list[Any]:
        """Runs several calls in one round trip; a call that failed has its error in place of a reply.

        A server may forget its scripts at any moment. Calls that it did not know are sent again,
        together with the script; the others were carried out.
        """
        replies = self._send(client, calls, transaction=transaction)
        unknown, loads = _unknown(replies, range(len(calls))), 0
        while unknown and loads < MAX_LOADS:
            again = [calls[index] for index in unknown]
            answers = self._send(client, again, transaction=transaction, load=True)
            for index, answer in zip(unknown, answers, strict=True):
                replies[index] = answer
            left = _unknown(replies, unknown)
            unknown, loads = left, loads + 1 if len(left) == len(unknown) else 0
        return replies

    def _send(
        self, client: Redis, calls: Sequence[ScriptCall], *, transaction: bool, load: bool = False
    ) -> list[Any]:
        digest = self.digest
        with client.pipeline(transaction=transaction) as pipeline:
            if load:
                pipeline.script_load(self.source)
            for call in calls:
                pipeline.evalsha(digest, len(call.keys), *call.keys, *call.arguments)
            replies = pipeline.execute(raise_on_error=False)
        if load and isinstance(loaded := replies.pop(0), Exception):
            raise loaded
        return replies


def _unknown(replies: Sequence[Any], indexes: Iterable[int]) -> list[int]:
    """Returns those of the calls that the server did not carry out, because it did not know the script."""
    return [index for index in indexes if isinstance(replies[index], NoScriptError)]
