"""The wall's ACL on a real Redis: every user against every command and every family of keys."""

from fnmatch import fnmatchcase
from hashlib import sha1
from typing import Any, Final

import pytest
import redis
from limits.errors import StorageError
from redis import exceptions

from api.http.caller import Caller
from api.http.rate_limit import RateLimiter, redis_limiter
from privacy.errors import StoreBusyError
from privacy.store import keys
from privacy.store.acl import AclUser
from privacy.store.connect import connect
from privacy.store.users import LIMITER, PLATFORM, PUBLIC, USERS
from tests.support.redis_server import Store

REGISTER: Final = keys.register_prefix(3) + "0123456789abcdef"
FAMILIES: Final = (
    REGISTER,
    keys.outbox_key(3),
    keys.tally_key(5, "log"),
    keys.tally_key(5, "ids"),
    keys.platform_key("idempotency", "x"),
    keys.platform_key("keys", "x"),
    keys.gallery_key("releases", "x", "like"),
    keys.gallery_key("current", "x", "like"),
    keys.gallery_key("target", "x"),
    keys.gallery_key("ledger", "3"),
    keys.gallery_key("ledger", "shards"),
    keys.gallery_key("keys", "x"),
    keys.STORE_HEADER,
    keys.GALLERY_HEADER,
    keys.POLICIES,
    "l:platform:LIMITER/x",
    "l:public:LIMITER/x",
    "G:target:x",
    " g:target:x",
    "unknown",
)
# Redis answers these whoever asks: see `test_the_session_commands_lead_nowhere`.
ALWAYS_ALLOWED: Final = frozenset({"auth", "hello", "quit", "reset"})
SECRET: Final = b"4711-secret"


def ask(client: redis.Redis, *words: str) -> Any:
    """Return the answer to a command, as Redis gives it, or the error instead of raising it."""
    connection = client.connection_pool.get_connection()
    try:
        connection.send_command(*words)  # type: ignore[no-untyped-call]  # redis-py leaves it so
        return connection.read_response()
    except exceptions.RedisError as error:
        return error
    finally:
        # A command may have changed the state of the session, and the next one must start from a new one.
        connection.disconnect()  # type: ignore[no-untyped-call]  # as above
        client.connection_pool.release(connection)


def refused(answer: object) -> bool:
    """Tell whether an answer is the ACL's, or of a server that has DEBUG or MODULE switched off for all."""
    if isinstance(answer, exceptions.ExecAbortError):
        return "no permissions" in str(answer)
    switched_off = isinstance(answer, exceptions.ResponseError) and "command not allowed. If" in str(answer)
    return switched_off or isinstance(answer, exceptions.NoPermissionError)


KEY = Caller("k", "o", frozenset({"read"}), requests_per_minute=10)


def limiter_of(store: Store, user: AclUser, prefix: str) -> RateLimiter:
    """Return the rate limiter as a plane makes it."""
    return redis_limiter(connect(store.settings, user), prefix.removeprefix("l:"))


def commands_with_arity(store: Store) -> dict[str, int]:
    """Every command and subcommand of this Redis, with the number of words that it takes at least."""
    table = ask(store.root, "COMMAND")
    simple = [command for command in table if not command[-1]]
    subcommands = [subcommand for command in table for subcommand in command[-1]]
    return {name.decode(): abs(arity) for name, arity, *_ in simple + subcommands}


def with_key(command: str, words: int, key: str) -> list[str]:
    """Spell a command so that it names a key; its other arguments may be nonsense."""
    if command == "evalsha":
        return ["EVALSHA", "0" * 40, "1", key]
    if command == "xread":
        return ["XREAD", "STREAMS", key, "0"]
    spelled = command.split("|")
    return [*spelled, *[key] * (words - len(spelled))]


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_every_command_that_is_not_declared_is_refused(store: Store, user: AclUser) -> None:
    """Of all commands that this Redis knows, a user may run those of the table and no other one."""
    declared = {*user.keyless, *(command for grant in user.grants for command in grant.commands)}
    own_key = next((grant.keys[0].replace("*", "0") for grant in user.grants), "nobody's")
    client = connect(store.settings, user)
    known = commands_with_arity(store)
    wrong = {
        command
        for command, words in known.items()
        if command not in declared | ALWAYS_ALLOWED
        and not refused(ask(client, *command.split("|"), *[own_key] * (words - 1 - command.count("|"))))
    }
    assert not wrong
    assert declared <= known.keys()
    assert len(known) > 350


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_every_declared_command_reaches_its_own_keys_only(store: Store, user: AclUser) -> None:
    """A declared command is let through on a key if, and only if, a grant joins the two."""
    client = connect(store.settings, user)
    arity = commands_with_arity(store)
    for command in {command for grant in user.grants for command in grant.commands}:
        patterns = [pattern for grant in user.grants if command in grant.commands for pattern in grant.keys]
        for key in FAMILIES:
            allowed = any(fnmatchcase(key, pattern) for pattern in patterns)
            assert refused(ask(client, *with_key(command, arity[command], key))) != allowed, (command, key)


@pytest.mark.parametrize(
    "line",
    [
        "KEYS *",
        "SCAN 0",
        "SCAN 0 MATCH g:*",
        "HSCAN g:x 0",
        "RANDOMKEY",
        f"MGET g:target:x {REGISTER}",
        f"EXISTS {keys.outbox_key(3)} g:target:x",
        "DBSIZE",
        "EVAL return 0",
        "EVAL_RO return 0",
        f"EVALSHA {'0' * 40} 0",
        f"EVALSHA_RO {'0' * 40} 0",
        "FCALL f 0",
        "FCALL_RO f 0",
        "FUNCTION LIST",
        "FUNCTION LOAD x",
        "FUNCTION DUMP",
        f"SCRIPT EXISTS {'0' * 40}",
        "SCRIPT FLUSH",
        "CONFIG GET *",
        "CONFIG SET appendfsync no",
        "CONFIG REWRITE",
        "MONITOR",
        "CLIENT LIST",
        "CLIENT INFO",
        "CLIENT KILL TYPE normal",
        "CLIENT TRACKING on BCAST",
        "CLIENT PAUSE 1",
        "SLOWLOG GET",
        "LATENCY HISTORY command",
        "INFO",
        "INFO keyspace",
        "INFO commandstats",
        "MEMORY USAGE g:target:x",
        "MEMORY STATS",
        "DEBUG OBJECT g:target:x",
        "DEBUG SLEEP 0",
        "PUBSUB CHANNELS",
        "SUBSCRIBE __keyevent@0__:set",
        "PSUBSCRIBE *",
        "PUBLISH a b",
        "OBJECT ENCODING g:target:x",
        "OBJECT IDLETIME g:target:x",
        "DUMP g:target:x",
        "RESTORE g:target:x 0 x",
        "MIGRATE 127.0.0.1 1 g:target:x 0 1",
        "COPY g:target:x g:target:y",
        "RENAME g:target:x g:target:y",
        "SORT g:target:x",
        "SORT_RO g:target:x BY v:* GET v:*",
        f"SORT g:target:x BY nosort GET {REGISTER}",
        "SORT g:target:x STORE v:x",
        "GEORADIUS g:target:x 0 0 1 m STORE v:x",
        "GEOSEARCHSTORE g:target:y g:target:x FROMLONLAT 0 0 BYRADIUS 1 m",
        "ZRANGESTORE g:target:y g:target:x 0 1",
        "ZUNIONSTORE g:target:y 1 g:target:x",
        "SUNIONSTORE g:target:y g:target:x",
        "BITOP AND g:target:y g:target:x",
        f"XREAD STREAMS {keys.outbox_key(3)} 0",
        f"XRANGE {keys.outbox_key(3)} - +",
        "SELECT 0",
        "SELECT 1",
        "SWAPDB 0 1",
        "MOVE g:target:x 1",
        "FLUSHALL",
        "FLUSHDB",
        "SAVE",
        "BGREWRITEAOF",
        "SHUTDOWN NOSAVE",
        "REPLICAOF no one",
        "PSYNC ? -1",
        "SYNC",
        "FAILOVER",
        "CLUSTER NODES",
        "WAIT 0 1",
        "MODULE LIST",
        "ACL WHOAMI",
        "ACL LIST",
        "ACL LOG",
        "ACL SETUSER public +@all",
        "ACL GENPASS",
        "COMMAND",
        "TYPE g:target:x",
        "TTL g:target:x",
        "OBJECT FREQ g:target:x",
        "MULTI",
        "WATCH g:target:x",
        "SET g:target:x 1",
        "GETSET g:target:x 1",
        "GETDEL g:target:x",
        "GETEX g:target:x PERSIST",
        "APPEND g:target:x 1",
        "INCR g:target:x",
        "DEL g:target:x",
        "UNLINK g:target:x",
        "EXPIRE g:target:x 1",
        "HSET g:target:x a 1",
        "LPUSH g:target:x 1",
        "SADD g:target:x 1",
        "ZADD g:target:x 1 a",
        "XADD g:target:x * a 1",
    ],
)
def test_the_public_plane_can_do_nothing_but_read(store: Store, line: str) -> None:
    """Searching, scripting, watching, administering and writing are refused, also on the gallery's keys."""
    assert refused(ask(store.public, *line.split(" ")))


@pytest.mark.parametrize("user", ["public", "limiter"])
@pytest.mark.parametrize("line", ["SCRIPT LOAD", "EVAL", "EVALSHA", "EVALSHA_RO", "FCALL", "FUNCTION LOAD"])
def test_the_read_plane_runs_no_script(store: Store, user: str, line: str) -> None:
    """Neither of its passwords does, also if another user has loaded one: a script may run without an end."""
    source = "while true do end"
    digest = sha1(source.encode()).hexdigest()  # noqa: S324 - the name of a script
    ask(store.publisher, "SCRIPT", "LOAD", source)
    words = [source] if line.endswith("LOAD") else [digest if "SHA" in line else source, "0"]
    assert refused(ask(getattr(store, user), *line.split(), *words))


@pytest.mark.parametrize(("user", "prefix"), [(LIMITER, "l:public"), (PLATFORM, "l:platform")])
def test_rate_limits_are_counted_with_the_rights_they_have(store: Store, user: AclUser, prefix: str) -> None:
    """Requests are counted under each plane's credential and prefix, and the counters expire."""
    limiter = limiter_of(store, user, prefix)
    assert [limiter.acquire(KEY, 60_000).used for _ in range(4)] == [1, 2, 3, 4]
    assert 60 < ask(store.root, "TTL", f"{prefix}:k:1") <= 120


@pytest.mark.parametrize(("user", "prefix"), [(LIMITER, "l:public"), (PLATFORM, "l:platform")])
def test_counting_is_granted_and_nothing_else(store: Store, user: AclUser, prefix: str) -> None:
    """The table grants exactly what counting a request calls."""
    limiter = limiter_of(store, user, prefix)
    limiter.ready()
    before = calls_of(store)
    limiter.acquire(KEY, 60_000)
    called = {name for name, count in calls_of(store).items() if count > before.get(name, 0)} - {"info"}
    (grant,) = (grant for grant in user.grants if any(fnmatchcase(f"{prefix}:k", it) for it in grant.keys))
    assert called == set(grant.commands)


def calls_of(store: Store) -> dict[str, int]:
    """Return how often each command was called."""
    found = store.root.info("commandstats")
    return {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in found.items()}


@pytest.mark.parametrize(
    ("user", "prefix"), [(PLATFORM, "l:public"), (LIMITER, "l:platform"), (PUBLIC, "l:public")]
)
def test_nobody_touches_the_limits_of_another_plane(store: Store, user: AclUser, prefix: str) -> None:
    """The read plane's counters are out of the write plane's reach, and the other way round."""
    with pytest.raises(StoreBusyError) as refusal:
        limiter_of(store, user, prefix).acquire(KEY, 60_000)
    assert isinstance(refusal.value.__cause__, StorageError)


def test_the_session_commands_lead_nowhere(store: Store) -> None:
    """AUTH, HELLO and RESET give no rights without another user's password, and the default user is off."""
    passwords = store.settings.passwords
    for words in (
        ["AUTH", "platform", passwords[PUBLIC.name]],
        ["AUTH", "default", ""],
        ["AUTH", ""],
        ["HELLO", "3", "AUTH", "admin", passwords[PUBLIC.name]],
    ):
        assert isinstance(
            ask(store.public, *words), exceptions.AuthenticationError | exceptions.ResponseError
        )
    session = store.public.connection_pool.get_connection()
    for words in (["RESET"], ["GET", "g:target:x"]):
        session.send_command(*words)  # type: ignore[no-untyped-call]  # redis-py leaves it so
    assert session.read_response() == b"RESET"
    with pytest.raises(exceptions.AuthenticationError):
        session.read_response()
    session.disconnect()  # type: ignore[no-untyped-call]  # as above
    store.public.connection_pool.release(session)
