"""A creator's dashboard: followers, the accounts reached, the videos, regions, and what came and went.

    LIKEWISE_KEY=… python examples/tools/dashboard.py c-01

Five requests, for 50 videos as for one.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from likewise_client import Likewise, to_rows


def show(number: Mapping[str, Any]) -> str:
    """Return a number with its interval, or why it is withheld."""
    return str(number["reason"]) if number["value"] is None else f"{number['value']:,} {number['ci95']}"


def dashboard(likewise: Likewise, creator_id: str) -> list[str]:
    """Return the lines of the dashboard."""
    creator = likewise.creator(creator_id)
    of_videos = {"creator_id": creator_id, "metrics": ["likes", "favorites"]}
    videos = likewise.query(**of_videos, by=["video"], order_by="-likes")
    regions = likewise.query(creator_id=creator_id, by=["region"], order_by="-likes", limit=5)
    audience = likewise.get(f"/v1/creators/{creator_id}/audience", period="P7D", limit=1)["audiences"]
    changes = likewise.get(f"/v1/creators/{creator_id}/followers/changes", limit=7)
    lines = [str(creator["name"]), f"followers: {show(changes['since_start']['change'])}"]
    lines += [f"accounts in the week to {week['to']}: {show(week['total'])}" for week in audience]
    lines += ["", f"{videos['targets']} videos:"]
    lines += [
        f"  {row['video_id']:12} {row['likes'] or row['likes_reason']}" for row in to_rows(videos["rows"])
    ]
    lines += ["", "likes by region:"]
    lines += [f"  {row['cell'] or 'the rest':12} {show(row['metrics']['likes'])}" for row in regions["rows"]]
    return [*lines, "", *(sentence["text"] for sentence in changes["explanation"])]


if __name__ == "__main__":
    client = Likewise(os.environ.get("LIKEWISE_URL", "http://127.0.0.1:8080"), os.environ["LIKEWISE_KEY"])
    print("\n".join(dashboard(client, sys.argv[1])))
