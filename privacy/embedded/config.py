"""The configuration of an embedded Redis, and the names of its files."""

from pathlib import Path
from typing import Final

from privacy.store.acl import Room

CONF_FILE: Final = "redis.conf"
ACL_FILE: Final = "users.acl"
CREDENTIALS_FILE: Final = "credentials.json"
SOCKET: Final = "redis.sock"
LOG_FILE: Final = "redis.log"

_SETTINGS: Final = f"""\
bind 127.0.0.1
unixsocket {SOCKET}
unixsocketperm 700
databases 1
aclfile {ACL_FILE}

# Every answer comes after fsync, so what was acknowledged survives a power cut.
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
# A torn transaction is cut off before the server starts, see `privacy.embedded.append_log`.
aof-load-truncated no
save ""

# A log rewrite rests this number of microseconds after each key, and leaves processor and disk to others.
rdb-key-save-delay 2000

# A full store refuses; it never forgets.
maxmemory-policy noeviction

# Small hashes stay packed: a register then costs tens of bytes instead of hundreds.
hash-max-listpack-entries 512
hash-max-listpack-value 64

# No command, key or value in a log: they hold pseudonyms and exact counts.
logfile ""
hide-user-data-from-log yes
slowlog-log-slower-than -1
latency-tracking no
"""


def room_folders(folder: Path) -> dict[Room, Path]:
    """Returns the folder of each room's server in a data folder."""
    return {Room.PRIVATE: folder, Room.GALLERY: folder / "gallery"}


def redis_conf(port: int) -> str:
    """Writes the configuration file of a server on a TCP port; its paths are relative to the data folder."""
    return f"# Written by Likewise at every start: changes are lost.\nport {port}\n{_SETTINGS}"
