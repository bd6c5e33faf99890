"""A client that passes every command through a hook, which injects faults or takes turns."""

from collections.abc import Callable
from typing import Any

import redis
from redis.client import Pipeline
from redis.exceptions import ResponseError

Hook = Callable[[Callable[[], Any]], Any]
"""Receives a function that sends one command, and decides whether and when to call it."""


class SteppedRedis(redis.Redis):
    """Sends every command separately, also those of a plain pipeline, for which Redis guarantees no more.

    A transaction is one step: Redis executes it completely or not at all.

    Args:
        client: whose server and credentials are used.
        hook: called once per command.
    """

    def __init__(self, client: redis.Redis, hook: Hook) -> None:
        super().__init__(connection_pool=client.connection_pool)
        self._hook = hook

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Let the hook send the command."""
        send: Callable[..., Any] = super().execute_command
        return self._hook(lambda: send(*args, **options))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Collect commands."""
        if shard_hint:
            raise ValueError("shard_hint: nothing of Likewise gives one")
        return _Transaction(self, self._hook) if transaction else _SteppedPipeline(self)


class _Transaction(Pipeline):
    """Lets the hook send all that it collected at once."""

    def __init__(self, client: SteppedRedis, hook: Hook) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction=True, shard_hint=None)
        self._hook = hook

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        if not self.command_stack:
            return []
        send: Callable[..., list[Any]] = super().execute
        answers: list[Any] = self._hook(lambda: send(raise_on_error))
        return answers


class _SteppedPipeline(Pipeline):
    """Sends what it collected one by one; an error reply does not keep the rest from being sent."""

    def __init__(self, client: SteppedRedis) -> None:
        super().__init__(
            client.connection_pool, client.response_callbacks, transaction=False, shard_hint=None
        )
        self._client = client

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands = list(self.command_stack)
        self.reset()
        answers: list[Any] = []
        for args, options in commands:
            try:
                answers.append(self._client.execute_command(*args, **options))
            except ResponseError as error:
                answers.append(error)
        if raise_on_error:
            for answer in answers:
                if isinstance(answer, ResponseError):
                    raise answer
        return answers
