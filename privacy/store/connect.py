"""Clients of the store: where it is, who connects, and what its failures mean.

Nothing here sends a command twice. A command whose answer was lost may have been carried out, so the caller
decides: Likewise's own scripts are idempotent, but a client library cannot know that. A connection that the
server closed while it lay idle is replaced before a command is sent on it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection, Connection
from redis.retry import Retry

from privacy.errors import StoreBusyError, StoreError, StoreLoadingError
from privacy.store.acl import AclUser, Room
from privacy.store.patience import WouldWaitError, may_wait
from privacy.store.settings import StoreSettings

ANSWER_SECONDS: Final = 5.0
"""Timeout of one answer; a blocking read (`XREAD BLOCK`) must ask for less."""
CONNECT_SECONDS: Final = 2.0
_IDLE_CHECK_SECONDS: Final = 30
_NO_ROOM: Final = {"MISCONF", "NOREPLICAS", "OOM"}
"""An embedded server without room on its disk refuses writes as if it lacked replicas."""

_LOADING: Final = "LOADING"
_BUSY_CODES: Final = {
    "BUSY": "is busy with a script",
    "CLUSTERDOWN": "has lost a part of its cluster",
    "MASTERDOWN": "has lost its primary",
    "MISCONF": "cannot write to its disk",
    "NOREPLICAS": "has too few replicas",
    "OOM": "is full",
    "READONLY": "is a replica that takes no writes",
    "TRYAGAIN": "is moving data between its nodes",
}
_REFUSALS: Final = {
    "RETIRED": "the policy of this process was retired, and takes no new target: start it again with the "
    "policy file that is in force"
}


def connect(
    settings: StoreSettings,
    user: AclUser,
    room: Room | None = None,
    greet: Callable[[AbstractConnection], None] | None = None,
) -> redis.Redis:
    """Returns a client of one room for one user; it connects on first use, and may be shared by threads.

    Replies are bytes. Wrap every use in `translated()`.

    Args:
        settings: addresses and passwords.
        user: whose password is used.
        room: which server; the user's first one if not given.
        greet: `StoreHeader.greet` of the store this process started with. It asks every new connection
            whether it still leads to that store, so that a server restarted empty is never written to.

    Raises:
        StoreError: the settings lack this user's password, or the user does not exist in that room.
    """
    pool = _PatientPool.from_url(
        settings.url(room or user.rooms[0], user),
        username=user.name,
        password=settings.password(user),
        protocol=2,
        decode_responses=False,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        health_check_interval=_IDLE_CHECK_SECONDS,
        retry=Retry(NoBackoff(), 0),
        redis_connect_func=greet,
    )
    return redis.Redis.from_pool(pool)


class _PatientPool(redis.ConnectionPool):
    """Gives no connection to who may not wait for an answer."""

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Connection:  # noqa: ARG002 - redis-py's, which it uses no more
        """Returns a connection.

        Raises:
            WouldWaitError: the caller may not wait.
        """
        if not may_wait():
            raise WouldWaitError
        return super().get_connection()


@contextmanager
def translated() -> Iterator[None]:
    """Turns what redis-py raises inside into Likewise's own errors, without host, key or password.

    Raises:
        StoreBusyError: the store cannot answer now; trying again later is right.
        StoreError: the store refuses, and will again.
    """
    try:
        yield
    except exceptions.RedisError as error:
        # `from None`: the original text names hosts, keys and scripts, and a log prints all causes.
        raise _translation(error) from None


def is_without_room(error: Exception | None) -> bool:
    """Returns whether an error is that of a server which can be read, but has no room for a write."""
    return isinstance(error, exceptions.RedisError) and _code(error) in _NO_ROOM


def _translation(error: exceptions.RedisError) -> StoreError:
    code = _code(error)
    if code == _LOADING:
        return StoreLoadingError("the store is still loading its data")
    if code in _BUSY_CODES:
        return StoreBusyError(f"the store {_BUSY_CODES[code]}")
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError):
        return StoreError("the store refuses this user's password; compare it with the server's ACL")
    if isinstance(error, exceptions.NoPermissionError) or "ACL failure in script" in str(error):
        return StoreError(
            "the store's ACL does not allow this command to this user; `likewise doctor` compares it"
        )
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
        return StoreBusyError("the store does not answer")
    refusal = f"the store refuses a command with {code or type(error).__name__}"
    return StoreError(_REFUSALS.get(code, refusal))


def _code(error: exceptions.RedisError) -> str:
    """Returns the first word of a Redis error reply, such as OOM; empty if there is none."""
    reply = str(error).rpartition(" caused error: ")[2]  # of a pipeline, redis-py names the command before it
    first_word = error.status_code or reply.partition(" ")[0]
    return first_word if first_word.isascii() and first_word.isupper() else ""
