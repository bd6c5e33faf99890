"""A trending chart by region: the hashtags that reached the most accounts, with their places and ties.

    LIKEWISE_KEY=… python examples/tools/trending.py US

One request.
"""

import os
import sys

from likewise_client import Likewise


def trending(likewise: Likewise, region: str | None) -> list[str]:
    """Return the lines of the chart, for a region or for everywhere."""
    where = {"dimension": "region", "cell": region} if region else {}
    ranking = likewise.get("/v1/trends/hashtags", limit=20, **where)
    lines = [
        f"{region or 'everywhere'}, {ranking['from']} to {ranking['to']}: {ranking['ranked']} hashtags shown"
    ]
    for place in ranking["hashtags"]:
        first, last = place["rank"]
        places = f"{first}" if first == last else f"{first}–{last}"
        low, high = place["accounts"]["ci95"]
        lines.append(
            f"{places:>7}  #{place['hashtag']:20} {place['accounts']['value']:,} ({low:,} to {high:,})"
        )
    return lines


if __name__ == "__main__":
    client = Likewise(os.environ.get("LIKEWISE_URL", "http://127.0.0.1:8080"), os.environ["LIKEWISE_KEY"])
    print("\n".join(trending(client, sys.argv[1] if len(sys.argv) > 1 else None)))
