"""Writes `redis_commands.json` from the Redis of the tests: run `python -m tests.support.redis_commands`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import redis

from tests.support.redis_server import clients, server_with_root

TABLE: Final = Path(__file__).parents[2] / "privacy" / "audit" / "redis_commands.json"
FAMILIES: Final = (
    *("scripting", "transaction", "pubsub", "stream", "sortedset", "hash", "list", "set", "geo"),
    *("hyperloglog", "bitmap", "string", "connection", "keyspace", "admin"),
)


def known_commands(root: redis.Redis) -> dict[str, Any]:
    """Version and commands of a server: name, arity, family, and whether it writes; containers left out."""
    connection = root.connection_pool.get_connection()
    try:
        connection.send_command("COMMAND")  # type: ignore[no-untyped-call]  # redis-py leaves it so
        table = connection.read_response()
    finally:
        root.connection_pool.release(connection)
    rows = [row for row in table if not row[-1]] + [row for parent in table for row in parent[-1]]
    return {
        "redis": root.info("server")["redis_version"],
        "commands": sorted(
            [row[0].decode(), row[1], _family({each.decode()[1:] for each in row[6]}), b"write" in row[2]]
            for row in rows
        ),
    }


def _family(categories: set[str]) -> str:
    return next((family for family in FAMILIES if family in categories), "other")


def main() -> None:
    """Write the table."""
    with TemporaryDirectory() as folder, server_with_root(Path(folder)) as server, clients(server) as store:
        known = known_commands(store.root)
    rows = ",\n".join(f"  {json.dumps(row)}" for row in known["commands"])
    TABLE.write_text(f'{{"redis": "{known["redis"]}", "commands": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()
