"""A comparison of two creators: followers by week, accounts reached, and whether the difference is clear.

    LIKEWISE_KEY=… python examples/tools/compare.py c-01 c-02

Two requests.
"""

import os
import sys
from collections.abc import Sequence

from likewise_client import Likewise
from likewise_client.types import Sum


def judge(one: Sum, other: Sum) -> str:
    """Return whether two numbers differ by more than their noise: their intervals do not meet."""
    if one["ci95"] is None or other["ci95"] is None:
        return "one is withheld"
    if one["ci95"][0] > other["ci95"][1]:
        return "the first has more"
    return "the second has more" if other["ci95"][0] > one["ci95"][1] else "too close to tell"


def compare(likewise: Likewise, creators: Sequence[str]) -> list[str]:
    """Return the lines of the comparison, oldest week first."""
    of_both = {"subject": "creators", "ids": list(creators)}
    followers = likewise.query(**of_both, metrics=["followers"], by=["creator", "time:week"])
    audience = likewise.query(**of_both, metrics=["audience"], by=["creator", "time:week"])
    lines = list[str]()
    for metric, answer in (("followers", followers), ("audience", audience)):
        weeks: dict[str, dict[str, Sum]] = {}
        for row in answer["rows"]:
            weeks.setdefault(row["to"], {})[str(row["creator_id"])] = row["metrics"][metric]
        lines.append(metric)
        for until, numbers in sorted(weeks.items()):
            if len(numbers) == len(creators):
                one, other = (numbers[creator] for creator in creators)
                lines.append(f"  {until}  {one['value']} : {other['value']}  {judge(one, other)}")
    return lines


if __name__ == "__main__":
    client = Likewise(os.environ.get("LIKEWISE_URL", "http://127.0.0.1:8080"), os.environ["LIKEWISE_KEY"])
    print("\n".join(compare(client, sys.argv[1:3])))
