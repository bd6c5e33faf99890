"""The table of Redis users: who may do what on which keys. This is the fourth lock of the wall.

Every list is complete and as short as its user's code allows: a command missing here is answered with NOPERM,
and adding one is a change to the privacy boundary that a reviewer sees in this file alone. No user has KEYS,
EVAL, FCALL, MONITOR, CONFIG SET, ACL SETUSER, FLUSHALL or anything else that reaches past its own keys.
A script started with EVALSHA runs under its caller's rights, command by command.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from privacy.store import keys
from privacy.store.acl import AclUser, Grant, Room

# redis-py introduces itself with CLIENT SETINFO, and checks idle connections with PING.
_EVERYONE: Final = ("ping", "client|setinfo")
# What `privacy.store.checks` asks before a process of the private plane starts to write.
_START_CHECKS: Final = ("config|get", "time")
# An erasure stops being pending and requests a rewrite of the log in one transaction.
_TRANSACTION: Final = ("multi", "exec")
# Every process of the private plane makes sure that the store is still the one it started with.
_HEADER: Final = Grant((keys.STORE_HEADER, keys.POLICIES), ("hget", "hgetall"), read_only=True)
# A process that ingests or releases first checks whether the store is older than its erasure log.
_READS_ERASURES: Final = Grant((keys.ERASURES,), ("get",), read_only=True)
_RECORDS_ERASURES: Final = Grant((keys.ERASURES,), ("get", "set"))
# A process that decides by time compares the store's clock with the latest time that was believed.
_BELIEVES_CLOCK: Final = Grant((keys.CLOCK_ANCHOR,), ("evalsha", "get", "set"))
# Counting takes no script: a password that may run scripts may run one without an end.
_LIMITS: Final = ("set", "incrby")

PLATFORM: Final = AclUser(
    name="platform",
    purpose="the write plane: ingests events, keeps the catalogue; cannot read or write the gallery",
    rooms=(Room.PRIVATE,),
    keyless=(*_EVERYONE, *_START_CHECKS, *_TRANSACTION, "script|load"),
    grants=(
        Grant(
            (keys.VAULT_KEYS,),
            (
                *("evalsha", "type", "get", "exists", "rename", "del", "hget", "hmget", "hset", "hsetnx"),
                *("hexists", "hdel", "hscan", "xadd", "zadd", "zrem", "zscore"),
            ),
        ),
        # What is held for audiences is added to by likes and bans, and an erasure cuts the account out.
        Grant((keys.AUDIENCE_KEYS,), ("hkeys", "rpush", "lrange", "lset")),
        # A replay stamps an entry with its virtual time, but never with an earlier one than the last.
        Grant((keys.OUTBOX_KEYS,), ("xinfo|stream",)),
        Grant(
            (keys.TALLY_KEYS,),
            ("evalsha", "get", "hget", "hmget", "hset", "incrby", "zadd", "zcard", "zscore"),
        ),
        Grant((keys.PLATFORM_KEYS,), ("evalsha", "get", "set", "del")),
        Grant(keys.CANARY_PLACE_KEYS, ("zadd", "zcount", "zremrangebyscore", "zscore", "pexpire")),
        Grant((keys.JOB_KEYS,), ("incrby", "append", "zadd")),
        Grant((keys.RECEIPTS_BY_TIME,), ("zadd",)),
        Grant((keys.AUDIT_TRAIL,), ("xadd", "xrevrange")),
        Grant((keys.PENDING_OPERATIONS,), ("zadd", "zrem")),
        Grant((keys.AOF_REWRITES_REQUESTED,), ("incrby",)),
        Grant((keys.PLATFORM_LIMIT_KEYS,), _LIMITS),
        _RECORDS_ERASURES,
        _BELIEVES_CLOCK,
        _HEADER,
    ),
)

MAINTENANCE: Final = AclUser(
    name="maintenance",
    purpose="runs staff jobs and expirations in the vault, and drops what is past its retention period",
    rooms=(Room.PRIVATE,),
    # SCAN shows names alone; it is how an account without an index is found, and there is none by target.
    keyless=(*_EVERYONE, *_START_CHECKS, *_TRANSACTION, "script|load", "scan", "info", "bgrewriteaof"),
    grants=(
        Grant(
            (keys.VAULT_KEYS,),
            (
                *("evalsha", "type", "get", "exists", "rename", "del", "hget", "hmget", "hset", "hexists"),
                *("hdel", "hlen", "hscan", "hgetall", "hkeys", "xadd", "zadd", "zrem", "zscore", "zrange"),
            ),
        ),
        # Audiences are counted when their periods end; which are a video's is written in the catalogue.
        Grant((keys.AUDIENCE_KEYS,), ("rpush", "lrange", "lset", "llen", "unlink")),
        Grant((keys.AUDIENCES_OF_KEYS,), ("hmget",), read_only=True),
        # Whether events arrive: long work makes room for them.
        Grant((keys.OUTBOX_KEYS,), ("xinfo|stream",)),
        Grant((keys.SERIES_STATE_KEYS,), ("hmget", "hset")),
        # States and measurements of canaries alone are dropped; those of real targets are kept for good.
        Grant((keys.LOG_KEYS, keys.MEASURED_KEYS, keys.SERIES_STATE_KEYS), ("unlink",)),
        Grant(
            (keys.JOB_KEYS,),
            ("evalsha", "get", "set", "getrange", "strlen", "unlink", "zadd", "zrange", "zrem"),
        ),
        Grant((keys.RECEIPT_KEYS,), ("unlink",)),
        Grant((keys.RECEIPTS_BY_TIME,), ("zrange", "zrem")),
        Grant((keys.AUDIT_TRAIL,), ("xadd", "xtrim")),
        Grant((keys.PENDING_OPERATIONS,), ("zadd", "zrange", "zrem")),
        Grant((keys.ADVISORIES,), ("evalsha", "get", "set")),
        Grant((keys.SWEPT,), ("get", "set")),
        Grant((keys.AOF_REWRITES_REQUESTED, keys.AOF_REWRITES_COMPLETED), ("get", "set", "incrby")),
        _RECORDS_ERASURES,
        _BELIEVES_CLOCK,
        _HEADER,
    ),
)

RELAY: Final = AclUser(
    name="relay",
    purpose="moves outbox entries to the tally; of the vault it reaches the outbox alone, no register",
    rooms=(Room.PRIVATE,),
    keyless=(*_EVERYONE, *_START_CHECKS, "script|load"),
    grants=(
        Grant((keys.OUTBOX_KEYS,), ("xrange", "xtrim")),
        Grant((keys.TALLY_KEYS,), ("evalsha", "hgetall", "hmget", "hset", "llen", "rpush", "zrange")),
        _BELIEVES_CLOCK,
        _HEADER,
    ),
)

RELEASE: Final = AclUser(
    name="release",
    purpose="measures what is due and keeps what was measured; knows targets only, nothing of any account",
    rooms=(Room.PRIVATE,),
    keyless=(*_EVERYONE, *_START_CHECKS, "script|load"),
    grants=(
        Grant(
            (keys.TALLY_KEYS,),
            (
                *("evalsha", "exists", "get", "set", "unlink", "hget", "hmget", "hset"),
                *("lindex", "llen", "lrange", "lrem", "lset", "ltrim", "rpush"),
                *("zadd", "zrange", "zrem", "zscore", "xadd", "xdel", "xinfo|stream", "xrange"),
            ),
        ),
        # Audiences have a log in common, which goes when the last of them is released.
        Grant((keys.AUDIENCE_LOG_INDEX_KEYS,), ("hgetall", "hdel")),
        _READS_ERASURES,
        _BELIEVES_CLOCK,
        _HEADER,
    ),
)

PUBLISHER: Final = AclUser(
    name="publisher",
    purpose="writes to the gallery for the private plane: adds releases, replaces none, sees no exact count",
    rooms=(Room.GALLERY,),
    keyless=(*_EVERYONE, "script|load"),
    grants=(
        # All keys that one script is given must be in one grant.
        Grant((*keys.RELEASED_KEYS, keys.CURRENT_KEYS, keys.TARGET_KEYS), ("evalsha",)),
        Grant(keys.RELEASED_KEYS, ("hget", "hsetnx")),
        Grant((keys.CURRENT_KEYS, keys.TARGET_KEYS), ("get", "set")),
        # What is published about a canary expires; nothing real ever does.
        Grant(keys.CANARY_GALLERY_KEYS, ("pexpire",)),
        # Which videos name a creator, a hashtag or a sound is public metadata, as the targets are.
        Grant(keys.VIDEO_LIST_KEYS, ("zadd",)),
        Grant((keys.HASHTAG_KEYS,), ("set",)),
        Grant((keys.VIDEO_LISTS,), ("get", "set")),
        Grant(keys.DESCRIPTION_KEYS, ("set",)),
        Grant((keys.GALLERY_HEADER,), ("hget", "hgetall"), read_only=True),
    ),
)

SIGNER: Final = AclUser(
    name="signer",
    purpose="adds trees and signatures to what is published; of the tally it reads the ledger alone",
    rooms=(Room.GALLERY, Room.PRIVATE),
    keyless=(*_EVERYONE, "script|load", "multi", "exec"),
    grants=(
        Grant((keys.LEDGER_LOG_KEYS,), ("lrange",), read_only=True),
        Grant(keys.SIGNED_KEYS, ("hget", "hmget"), read_only=True),
        Grant((keys.CANARY_SIGNATURE_KEYS,), ("pexpire",)),
        Grant(keys.SIGNER_RECORD_KEYS, ("hget", "hmget", "hsetnx")),
        Grant(keys.SIGNER_KEYS, ("evalsha", "hget", "hset", "get", "set")),
        Grant((keys.STORE_HEADER, keys.GALLERY_HEADER), ("hget", "hgetall"), read_only=True),
    ),
)

PUBLIC: Final = AclUser(
    name="public",
    purpose="the read plane: reads the gallery, and there is nothing else it can do",
    rooms=(Room.GALLERY,),
    keyless=_EVERYONE,
    grants=(
        Grant(
            (keys.GALLERY_KEYS,),
            ("get", "hget", "hmget", "hgetall", "zcard", "zcount", "zrevrange", "zrevrank"),
            read_only=True,
        ),
    ),
)

LIMITER: Final = AclUser(
    name="limiter",
    purpose="the read plane's second credential: counts its requests per API key, and reaches no other key",
    rooms=(Room.GALLERY,),
    # The clock of the gallery's server, by which API keys expire.
    keyless=(*_EVERYONE, "time"),
    grants=(Grant((keys.PUBLIC_LIMIT_KEYS,), _LIMITS),),
)

REKEYER: Final = AclUser(
    name="rekeyer",
    purpose="rotates the pseudonym key: finds accounts by name and renames them; reads no register, no count",
    rooms=(Room.PRIVATE,),
    # INFO says whether the server that a scan asks is still the same run of it.
    keyless=(*_EVERYONE, "script|load", "scan", "info"),
    grants=(
        Grant((keys.VAULT_KEYS,), ("evalsha",)),
        Grant((keys.ACCOUNT_KEYS,), ("type", "rename")),
        Grant((keys.OUTER_KEY_KEYS,), ("type", "get", "set")),
        Grant((keys.ACCOUNT_TABLE_KEYS, keys.FLAGGED_KEYS), ("type", "hget", "hset", "hdel")),
        Grant((keys.TIMER_KEYS,), ("type", "zscore", "zadd", "zrem")),
        _HEADER,
    ),
)

ADMIN: Final = AclUser(
    name="admin",
    purpose="the operator: `likewise doctor`, `likewise keys`, creating a store; reads no register, no count",
    rooms=(Room.PRIVATE, Room.GALLERY),
    keyless=(*_EVERYONE, *_START_CHECKS, "acl|list", "multi", "exec", "script|load"),
    grants=(
        Grant((keys.STORE_HEADER, keys.GALLERY_HEADER, keys.POLICIES), ("hget", "hgetall", "hsetnx")),
        # A policy is retired if no target's record names it.
        Grant((keys.POLICIES,), ("hdel",)),
        Grant((keys.RETIRED_POLICY_KEYS,), ("hset", "hdel", "hexists")),
        Grant(keys.TARGET_RECORD_KEYS, ("hscan",), read_only=True),
        Grant((keys.PLATFORM_API_KEYS, keys.GALLERY_API_KEYS), ("get", "set", "sadd", "smembers")),
        _BELIEVES_CLOCK,
        # The id of the pseudonym key in each shard, and what a lost rollback guard is rebuilt from.
        Grant((keys.OUTER_KEY_KEYS,), ("get", "setnx")),
        Grant((keys.TOMBSTONE_KEYS,), ("hgetall",), read_only=True),
        Grant((keys.LEDGER_LOG_KEYS,), ("llen",), read_only=True),
        # A policy's limits are put in force by a script, and loosened only when a policy is retired.
        Grant((keys.LIMITS_KEYS,), ("evalsha", "get", "set")),
        _RECORDS_ERASURES,
    ),
)

HEALTH: Final = AclUser(
    name="health",
    purpose="health checks beside a server: asks whether it answers, and can do nothing else",
    rooms=(Room.PRIVATE, Room.GALLERY),
    keyless=("ping",),
    grants=(),
)

USERS: Final = (
    *(PLATFORM, MAINTENANCE, RELAY, RELEASE, PUBLISHER, SIGNER, PUBLIC, LIMITER, REKEYER, ADMIN, HEALTH),
)


class Process(StrEnum):
    """Holders of passwords in a deployment: processes, the operator's shell, the servers' health checks."""

    PLATFORM = "platform"
    RELAY = "relay"
    RELEASE = "release"
    MAINTENANCE = "maintenance"
    PUBLIC = "public"
    INIT = "init"
    OPERATOR = "operator"
    VAULT = "vault"
    GALLERY = "gallery"


PROCESSES: Final[Mapping[Process, tuple[AclUser, ...]]] = MappingProxyType(
    {
        Process.PLATFORM: (PLATFORM, PUBLISHER),
        Process.RELAY: (RELAY,),
        Process.RELEASE: (RELEASE, PUBLISHER, SIGNER),
        Process.MAINTENANCE: (MAINTENANCE,),
        Process.PUBLIC: (PUBLIC, LIMITER),
        Process.INIT: (ADMIN, PUBLISHER),
        # `keys` and `doctor`; `ledger` and `audit wall`; `keys rotate-pseudonym-key`; `rights`.
        Process.OPERATOR: (ADMIN, PUBLIC, REKEYER, MAINTENANCE),
        Process.VAULT: (HEALTH,),
        Process.GALLERY: (HEALTH,),
    }
)
"""The Redis users that each process connects as; it gets the passwords of these and of no others."""
