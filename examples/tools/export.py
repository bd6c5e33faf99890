"""A nightly export: all videos with their numbers the first time, then every release since the last run.

    LIKEWISE_KEY=… python examples/tools/export.py folder

The first run needs a request for each 1,000 videos, a later one a request for each 2,000 releases.
"""

import csv
import json
import os
import sys
from pathlib import Path

from likewise_client import Likewise, to_rows


def export(likewise: Likewise, folder: Path) -> int:
    """Write or continue an export; returns the number of releases that were added."""
    folder.mkdir(parents=True, exist_ok=True)
    cursor_file, table = folder / "cursor", folder / "videos.csv"
    if not cursor_file.exists():
        cursor = likewise.latest_cursor()  # first: what appears from now on is read the next time
        rows = [*to_rows(likewise.videos())]
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=[*(rows[0] if rows else ())])
            writer.writeheader()
            writer.writerows(rows)
        cursor_file.write_text(cursor or "")
        return 0
    count, cursor = 0, cursor_file.read_text() or None
    with (folder / "releases.ndjson").open("a", encoding="utf-8") as file:
        for release in likewise.releases(cursor):
            file.write(json.dumps(release) + "\n")
            count, cursor = count + 1, release["cursor"]
    if cursor:  # last: a run that breaks off is repeated from the same place
        cursor_file.write_text(cursor)
    return count


if __name__ == "__main__":
    client = Likewise(os.environ.get("LIKEWISE_URL", "http://127.0.0.1:8080"), os.environ["LIKEWISE_KEY"])
    print(export(client, Path(sys.argv[1])), "releases added")
