"""Breaks one call of a script after the other, as a server can: by a key's type, by the caller's rights."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, NamedTuple, cast

import redis

from privacy.store.acl import AclUser, Grant
from privacy.store.users import USERS
from tests.support.redis_server import Store
from tests.support.registers import raw

_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_END = b"end-of-trace"
_ASIDE = "aside"
_UNTYPED = {"EXISTS", "TYPE", "DEL"}
"""Commands that take a key of any type."""


class ScriptCalls(NamedTuple):
    """What a script called.

    Args:
        commands: in the order in which they came first.
        typed_keys: keys whose type mattered.
    """

    commands: list[str]
    typed_keys: list[bytes]


def trace(store: Store, act: Callable[[], Any]) -> ScriptCalls:
    """Return the calls of all scripts that an action runs."""
    with store.root.monitor() as watching:  # type: ignore[no-untyped-call]  # redis-py leaves it so
        act()
        store.root.echo(_END.decode())
        lines = iter(watching.connection.read_response, None)
        words = []
        for line in lines:
            if _END in line:
                break
            if b" lua] " in line:
                words.append([_unescape(word) for word in _WORD.findall(line)])
    renamed = {call[2] for call in words if call[0] == b"RENAME"}
    commands = dict.fromkeys(call[0].decode() for call in words)
    keys = dict.fromkeys(call[1] for call in words if len(call) > 1 and call[0].decode() not in _UNTYPED)
    return ScriptCalls(list(commands), [key for key in keys if key not in renamed])


@contextmanager
def revoked(store: Store, client: redis.Redis, command: str) -> Iterator[None]:
    """Take a command from the user of a client, on every key, while the block runs."""
    user = next(user for user in USERS if user.name == client.connection_pool.connection_kwargs["username"])
    keyless = tuple(word for word in user.keyless if word != command.lower())
    lesser = replace(user, grants=tuple(_without(user, command.lower())), keyless=keyless)
    assert lesser != user
    _set_user(store, lesser)
    try:
        yield
    finally:
        _set_user(store, user)


@contextmanager
def planted(store: Store, key: bytes) -> Iterator[None]:
    """Put a key of a type that no script knows in the place of a key while the block runs."""
    if store.root.exists(key):
        store.root.rename(key, _ASIDE)
    store.root.sadd(key, "planted")
    try:
        yield
    finally:
        assert store.root.type(key) == b"set"
        store.root.delete(key)
        if store.root.exists(_ASIDE):
            store.root.rename(_ASIDE, key)


Snapshot = dict[bytes, object]


def snapshot(store: Store) -> Snapshot:
    """Return the content of every key. Streams are joined field by field, lists as they are."""
    keys = list(map(raw, store.root.keys()))
    reads = store.root.pipeline(transaction=False)
    for key, kind in zip(keys, _kinds_of(store, keys), strict=True):
        match kind:
            case b"hash":
                reads.hgetall(key)
            case b"zset":
                reads.zrange(key, 0, -1, withscores=True)
            case b"stream":
                reads.xrange(key)
            case b"list":
                reads.lrange(key, 0, -1)
            case _:
                reads.get(key)
    return dict(zip(keys, map(_join_entries, reads.execute()), strict=True))


def _kinds_of(store: Store, keys: list[bytes]) -> list[bytes]:
    reads = store.root.pipeline(transaction=False)
    for key in keys:
        reads.type(key)
    return cast("list[bytes]", reads.execute())


def _join_entries(content: object) -> object:
    """Join the entries of an outbox by field, and elements of a list; leave other content as it is."""
    if isinstance(content, list) and content and isinstance(content[0], bytes):
        return b"".join(content)
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", content)
    if not (isinstance(content, list) and content and isinstance(entries[0][1], dict)):
        return content
    joined: dict[bytes, bytes] = {}
    for _, fields in entries:
        for field, part in fields.items():
            joined[field] = joined.get(field, b"") + part
    return joined


def _without(user: AclUser, command: str) -> Iterator[Grant]:
    for grant in user.grants:
        if commands := tuple(word for word in grant.commands if word != command):
            yield replace(grant, commands=commands)


def _set_user(store: Store, user: AclUser) -> None:
    digest = sha256(store.settings.passwords[user.name].encode()).hexdigest()
    store.root.execute_command("ACL", "SETUSER", user.name, "reset", "on", f"#{digest}", *user.rules)  # type: ignore[no-untyped-call]  # redis-py leaves it so


def _unescape(word: bytes) -> bytes:
    return word.decode("unicode_escape").encode("latin-1")
