"""Twenty bans: withheld under the example's policy, and accurate under the one that shows small removals."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import answer_of, likewise

pytestmark = pytest.mark.nightly(part="accuracy")

EXAMPLES = Path(__file__).parents[2] / "examples" / "ml100k"
VIDEOS = 40
ACCOUNTS = 200
BANS = [json.loads(line) for line in (EXAMPLES / "ban20.ndjson").read_text().splitlines()]
EPOCHS_AFTER_THE_BANS = 6


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Forty videos, each liked by 200 accounts, which include those that are banned later."""
    folder = tmp_path_factory.mktemp("bans")
    posted_at = "1997-09-20T00:00:00Z"
    videos = [{"video_id": f"v-{video}", "posted_at": posted_at} for video in range(VIDEOS)]
    accounts = [ban["account_id"] for ban in BANS]
    accounts += [f"a-{number}" for number in range(ACCOUNTS - len(BANS))]
    likes = [
        {
            "type": "like",
            "account_id": account,
            "video_id": f"v-{video}",
            "occurred_at": f"1997-09-20T00:{video:02d}:{index % 60:02d}Z",
        }
        for video in range(VIDEOS)
        for index, account in enumerate(accounts)
    ]
    paths = {}
    for name, lines in (("--videos", videos), ("--events", likes)):
        paths[name] = folder / f"{name.strip('-')}.ndjson"
        paths[name].write_text("\n".join(map(json.dumps, lines)))
    return paths


def removals(files: Mapping[str, Path], policy: str) -> dict[str, Any]:
    """Return the evaluation of removals of 20 under one of the example's policies."""
    arguments = [argument for pair in files.items() for argument in pair]
    document = answer_of(
        likewise(
            *("replay", "--json", "--evaluate", *arguments, "--policy", EXAMPLES / policy),
            *("--actions", EXAMPLES / "ban20.ndjson"),
        )
    )
    (row,) = (
        row for row in document["evaluation"] if (row["statistic"], row["size"]) == ("removals", "20 to 99")
    )
    assert row["numbers"] == VIDEOS * EPOCHS_AFTER_THE_BANS
    return dict(row)


def test_twenty_bans_are_withheld_under_the_example_policy(files: Mapping[str, Path]) -> None:
    """Fewer than k·⌊w/2⌋ = 40 removals are withheld, with certainty."""
    assert removals(files, "policy.toml")["published"] == 0


def test_published_removals_agree_with_twenty_bans(files: Mapping[str, Path]) -> None:
    """Where the second policy publishes them, they are within their intervals.

    Twenty is six standard deviations above the threshold: the probability that any of the 240 is withheld is
    below 1e-6. The six releases of a video are correlated; in the worst case all or none of them miss, with a
    probability of at most 5 %. The probability that at least eleven of forty videos miss is 3e-6.
    """
    row = removals(files, "removals.toml")
    assert row["published"] == row["numbers"]
    assert row["covered_share"] >= 3 / 4
