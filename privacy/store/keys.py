"""Names of everything that is kept in Redis, by room.

| prefix          | room                          | hash tag                   |
|-----------------|-------------------------------|----------------------------|
| `v:{a<shard>}:` | vault, by account shard       | `{a<shard>}`               |
| `t:{t<shard>}:` | tally and catalogue, by target shard | `{t<shard>}`        |
| `p:`            | the platform plane's own      | none: one key a command    |
| `g:releases:{g<shard>}:`, `g:points:…`, `g:current:…` | releases, by gallery shard | `{g<shard>}` |
| `g:rankings:`   | audiences that show anything, by kind and period | none: one key a command    |
| `g:`            | gallery, all else             | none: one key a command    |
| `l:<plane>:`    | rate limits of one plane      | set by the `limits` library |
| `store:{header}`, `g:{header}` | what a store is, see `privacy.store.header` | `{header}` |
| `store:policies` | the policies of the store, see `privacy.policy.registry` | none |
| `store:erasures` | how many erasures the store knows of, see `privacy.rollback.erasure_watermark` | none |
| `store:clock-anchor` | a time that was believed, see `privacy.store.clock` | none |

Redis Cluster places a key by what stands between its first `{` and the next `}`. So all keys of one shard lie
in one slot, where one script may change them together; no script ever names keys of two shards.

Names made here never contain a foreign brace, colon, space or control character: every part is percent-
encoded (RFC 3986), which also keeps two different lists of parts from meeting in one key.
"""

import re
from typing import Final
from urllib.parse import quote
from zlib import crc32

VAULT_KEYS: Final = "v:*"
OUTBOX_KEYS: Final = "v:{a*}:outbox"
ACCOUNT_KEYS: Final = "v:{a*}:r*"
ACCOUNT_TABLE_KEYS: Final = "v:{a*}:accounts"
FLAGGED_KEYS: Final = "v:{a*}:flagged"
TIMER_KEYS: Final = "v:{a*}:timers"
AUDIENCE_KEYS: Final = "v:{a*}:audiences*"
"""Which accounts are counted in which audiences during periods that are not over."""
OUTER_KEY_KEYS: Final = "v:{a*}:outer-key"
LIMITS_KEYS: Final = "v:{a*}:limits"
TOMBSTONE_KEYS: Final = "v:{a*}:tombstones"
TALLY_KEYS: Final = "t:*"
LEDGER_LOG_KEYS: Final = "t:{t*}:ledger"
PLATFORM_KEYS: Final = "p:*"
PLATFORM_API_KEYS: Final = "p:keys:*"
JOB_KEYS: Final = "p:jobs:*"
RECEIPT_KEYS: Final = "p:receipts:*"
RECEIPTS_BY_TIME: Final = "p:receipts-by-time"
CANARY_PLACE_KEYS: Final = ("p:canaries", "p:canaries:*")
AUDIT_TRAIL: Final = "p:audit"
PENDING_OPERATIONS: Final = "p:pending-operations"
ADVISORIES: Final = "p:advisories"
AOF_REWRITES_REQUESTED: Final = "p:rewrites:requested"
AOF_REWRITES_COMPLETED: Final = "p:rewrites:completed"
SWEPT: Final = "p:swept"
SERIES_STATE_KEYS: Final = "t:{t*}:series:*"
AUDIENCES_OF_KEYS: Final = "t:{t*}:audiences-of"
AUDIENCE_LOG_INDEX_KEYS: Final = "t:{t*}:audience-logs"
LOG_KEYS: Final = "t:{t*}:log:*"
RETIRED_POLICY_KEYS: Final = "t:{t*}:retired-policies"
TARGET_RECORD_KEYS: Final = ("t:{t*}:videos", "t:{t*}:creators")
MEASURED_KEYS: Final = "t:{t*}:measured:*"
GALLERY_KEYS: Final = "g:*"
RELEASED_KEYS: Final = ("g:releases:*", "g:points:*", "g:rankings:*", "g:ledger:*")
SIGNED_KEYS: Final = ("g:releases:*", "g:ledger:*")
SIGNER_RECORD_KEYS: Final = ("g:tree:*", "g:signatures:*")
SIGNER_KEYS: Final = ("g:heads", "g:jwks")
CANARY_GALLERY_KEYS: Final = (
    *(f"g:{name}:{{g*}}:sandbox%3A*" for name in ("releases", "points", "current")),
    "g:target:*:sandbox%3A*",
    "g:creator-videos:sandbox%3A*",
)
CANARY_SIGNATURE_KEYS: Final = "g:signatures:sandbox%3A*"
CURRENT_KEYS: Final = "g:current:*"
TARGET_KEYS: Final = "g:target:*"
VIDEO_LIST_KEYS: Final = ("g:creator-videos:*", "g:videos:*")
VIDEO_LISTS: Final = "g:video-lists"
"""Is there once the lists hold the videos that were registered before there were lists."""
HASHTAG_KEYS: Final = "g:hashtag:*"
DESCRIPTION_KEYS: Final = ("g:guarantee:*", "g:ledger:shards")
GALLERY_API_KEYS: Final = "g:keys:*"
PLATFORM_LIMIT_KEYS: Final = "l:platform:*"
PUBLIC_LIMIT_KEYS: Final = "l:public:*"

STORE_HEADER: Final = "store:{header}"
GALLERY_HEADER: Final = "g:{header}"
POLICIES: Final = "store:policies"
"""Hash of every policy file that targets of the store are bound to, by version."""
ERASURES: Final = "store:erasures"
CLOCK_ANCHOR: Final = "store:clock-anchor"


GALLERY_SHARDS: Final = 16
"""A multiple of the usual number of target shards: one batch of releases then meets few gallery shards."""
SERIES_NAMES: Final = ("releases", "points", "current")
"""Families of gallery keys per series: all releases, the points of the time series, the current release."""

# Most parts need no encoding, and asking first is several times faster than encoding.
_PLAIN = re.compile("[A-Za-z0-9_.~-]+")


def vault_key(shard: int, *parts: str | int) -> str:
    """Names a key of one account shard."""
    return f"v:{{a{shard}}}:{_joined(parts)}"


def register_prefix(shard: int, generation: int = 0) -> str:
    """Returns what stands before the 16 raw bytes of a pseudonym in the name of an account's registers.

    Args:
        shard: number of the account shard.
        generation: of the pseudonym key.
    """
    return f"{vault_key(shard, f'r{generation}')}:"


def outbox_key(shard: int) -> str:
    """Names the stream of deltas of one account shard."""
    return vault_key(shard, "outbox")


def audiences_key(shard: int) -> str:
    """Names the hash of what one account shard holds for audiences, and begins the names of these lists."""
    return vault_key(shard, "audiences")


def outer_key_key(shard: int) -> str:
    """Names the id of the pseudonym key under which one account shard is kept."""
    return vault_key(shard, "outer-key")


def tombstones_key(shard: int) -> str:
    """Names the hash of the tombstones of one account shard."""
    return vault_key(shard, "tombstones")


def ledger_log_key(shard: int) -> str:
    """Names the list of the ledger entries of one target shard."""
    return tally_key(shard, "ledger")


def retired_policies_key(shard: int) -> str:
    """Names the hash of policy versions under which one target shard takes no target."""
    return tally_key(shard, "retired-policies")


def tally_key(shard: int, *parts: str | int) -> str:
    """Names a key of one target shard."""
    return f"t:{{t{shard}}}:{_joined(parts)}"


def tally_prefix(shard: int, name: str) -> str:
    """Returns what stands before a series number in the names of one family of keys of one target shard."""
    return f"{tally_key(shard, name)}:"


def platform_key(*parts: str | int) -> str:
    """Names a key of the platform plane's own."""
    return f"p:{_joined(parts)}"


def gallery_key(*parts: str | int) -> str:
    """Names a key of the gallery; releases have the hash tag of their target's gallery shard."""
    if parts and parts[0] in SERIES_NAMES:
        name, target_id, *more = parts
        return f"g:{name}:{_series_part(str(target_id), *more)}"
    return f"g:{_joined(parts)}"


def gallery_series_keys(target_id: str, kind: str) -> list[str]:
    """Names the keys that hold the releases of a series, in the order of `SERIES_NAMES`."""
    series = _series_part(target_id, kind)
    return [f"g:{name}:{series}" for name in SERIES_NAMES]


def gallery_shard(target_id: str) -> int:
    """Returns the gallery shard that holds a target's releases."""
    return crc32(target_id.encode()) % GALLERY_SHARDS


def target_shard(name: str, target_shards: int) -> int:
    """Returns the target shard that holds the counters of a target, or of an audience, by its name."""
    return crc32(name.encode()) % target_shards


def _series_part(target_id: str, *more: str | int) -> str:
    return f"{{g{gallery_shard(target_id)}}}:{_joined((target_id, *more))}"


def _joined(parts: tuple[str | int, ...]) -> str:
    if not parts or "" in parts:
        raise ValueError(f"a key is named by one or more non-empty parts, not {parts!r}")
    return ":".join(text if _PLAIN.fullmatch(text := str(part)) else quote(text, safe="") for part in parts)
