"""`likewise replay`: a recorded history through the real intake, with every release on its way."""

import gzip
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.http.command import ExitCode
from api.replay.exact_counts import SeriesName
from api.replay.published import read_releases
from privacy.embedded.rooms import EmbeddedRooms
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind
from privacy.model.timestamp import parse_timestamp_ms
from privacy.store.connect import connect
from privacy.store.users import PUBLIC
from tests.support.cli_policy import SMALL_POLICY
from tests.support.command_line import answer_of, likewise

VIDEOS = (
    {"video_id": "v-1", "posted_at": "2026-05-01T00:00:00Z"},
    {"video_id": "v-2", "posted_at": "2026-05-01T12:00:00Z"},
    {"video_id": "v-3", "posted_at": "2026-05-01T12:00:00Z"},
    {"video_id": "v-4", "posted_at": "2026-05-02T00:00:00Z"},
)
DAILY_CAP = 2
EPOCHS = 6
LIKES = 200


def event(number: int, occurred_at: str, **more: Any) -> dict[str, Any]:
    """Return one event."""
    account = {"account_id": f"a-{number}", "profile": {"gender": ("female", "male")[number % 2]}}
    return {"type": "like", "video_id": "v-1", "occurred_at": occurred_at, **account, **more}


EVENTS = (
    *(event(number, f"2026-05-01T00:{number * 59 // LIKES:02d}:00Z") for number in range(LIKES)),
    event(0, "2026-05-01T01:30:00Z", type="unlike"),
    event(1, "2026-05-01T01:31:00Z", visibility="private"),  # likes again
    *(event(number, f"2026-05-01T13:{number:02d}:00Z", video_id="v-2") for number in range(30)),
    event(7, "2026-05-01T14:00:00Z", profile={"age_band": "under-13"}),
    event(7, "2026-05-01T14:01:00Z", video_id="v-9"),
    event(7, "2026-05-01T14:02:00Z", video_id="v-2", type="lik"),
    event(900, "2026-05-01T00:10:00Z"),  # arrives late, and counts late
    event(2, "2026-05-01T14:03:00Z", video_id="v-3"),  # the third video of this account on that day
    event(2, "2026-05-02T00:30:00Z", video_id="v-4"),  # the first one of the next day
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of the history above and of its policy."""
    folder = tmp_path_factory.mktemp("recording")
    files = {name: folder / name for name in ("videos.ndjson", "events.ndjson.gz", "policy.toml")}
    files["videos.ndjson"].write_text("\n".join(map(json.dumps, VIDEOS)))
    files["events.ndjson.gz"].write_bytes(gzip.compress("\n".join(map(json.dumps, EVENTS)).encode()))
    files["policy.toml"].write_text(SMALL_POLICY.replace("daily_cap = 5", f"daily_cap = {DAILY_CAP}"))
    return files


def replay(recording: dict[str, Path], *arguments: str | Path) -> Any:
    """Runs the command with `--json`."""
    return answer_of(
        likewise(
            *("replay", "--json", "--videos", recording["videos.ndjson"]),
            *("--events", recording["events.ndjson.gz"], "--policy", recording["policy.toml"], *arguments),
        )
    )


def released(folder: Path) -> dict[str, list[ReleaseDocument]]:
    """All releases in a data folder."""
    with EmbeddedRooms(folder) as rooms, closing(connect(rooms.settings, PUBLIC)) as client:
        names = [video["video_id"] for video in VIDEOS]
        return {name: read_releases(client, SeriesName(Kind.LIKE, name)) for name in names}


def test_a_history_is_told_with_all_its_releases(recording: dict[str, Path], tmp_path: Path) -> None:
    """Every event has its verdict, and each release was cut when it was due, in virtual time."""
    folder = tmp_path / "data"
    told = replay(recording, "--data-folder", folder)
    verdicts = {verdict: count for verdict, count in told["events"].items() if count}
    assert verdicts == {
        "counted": LIKES + 1 + 30 + 1 + 1,
        "uncounted": 1,
        "over_cap": 1,
        "dropped_child": 1,
        "unknown_target": 1,
        "invalid": 1,
    }
    assert told["videos"]["created"] == len(VIDEOS)
    assert told["releases"] == EPOCHS * len(VIDEOS)
    assert [problem["count"] for problem in told["problems"]] == [1]
    assert "type" in told["problems"][0]["problem"]
    for video in VIDEOS:
        releases = released(folder)[video["video_id"]]
        assert [release.epoch for release in releases] == list(range(EPOCHS))
        assert releases[0].as_of_ms == parse_timestamp_ms(video["posted_at"]) + 3_600_000
        assert releases[-1].next_release_at_ms is None


def test_a_second_replay_changes_nothing(recording: dict[str, Path], tmp_path: Path) -> None:
    """Replaying the same history into the same folder leaves every release byte by byte as it was.

    Not even what was over the cap gets in, although the account's day is another one by now.
    """
    folder = tmp_path / "data"
    replay(recording, "--data-folder", folder)
    before = released(folder)
    again = replay(recording, "--data-folder", folder)
    assert again["releases"] == 0
    assert again["videos"]["unchanged"] == len(VIDEOS)
    assert again["events"]["counted"] == again["events"]["uncounted"] == again["events"]["over_cap"] == 0
    assert released(folder) == before


def test_the_evaluation_compares_with_what_really_was(recording: dict[str, Path]) -> None:
    """Sizes of the totals are those of this history: at most 201 of v-1, 30 of v-2, 0 of v-3, 1 of v-4."""
    rows = {(row["statistic"], row["size"]): row for row in replay(recording, "--evaluate")["evaluation"]}
    totals = rows["total", "all"]
    assert totals["numbers"] == EPOCHS * len(VIDEOS)
    assert rows["total", "100 to 249"]["numbers"] == EPOCHS
    # v-2 has no like in its first hour and 30 from then on.
    assert rows["total", "below 20"]["numbers"] == 1 + 2 * EPOCHS
    assert rows["total", "20 to 99"]["numbers"] == EPOCHS - 1
    assert rows["total", "100 to 249"]["withheld_share"] == 0
    # sd is below 4 with this policy; ten deviations are a false alarm of 10^-22.
    assert rows["total", "100 to 249"]["median_absolute_error"] < 40
    assert rows["removals", "all"]["published"] == 0
    assert rows["gender", "all"]["numbers"] == 3 * EPOCHS * len(VIDEOS)


def test_published_removals_agree_with_what_staff_did(recording: dict[str, Path], tmp_path: Path) -> None:
    """120 accounts are banned and 60 purged on the first day of v-1: by reason, and as a change."""
    actions = tmp_path / "actions.ndjson"
    at = "2026-05-01T05:00:00Z"
    done = [("ban", number) for number in range(10, 130)] + [("purge", number) for number in range(130, 190)]
    lines = [{"at": at, "action": action, "account_id": f"a-{number}"} for action, number in done]
    actions.write_text("\n".join(map(json.dumps, lines)))
    told = replay(recording, "--evaluate", "--actions", actions)
    rows = {(row["statistic"], row["size"]): row for row in told["evaluation"]}
    banned, purged = rows["removals", "100 to 249"], rows["removals", "20 to 99"]
    assert banned["numbers"] == EPOCHS - 3
    assert purged["numbers"] >= EPOCHS - 3
    assert banned["published"] > 0
    # sd is below 8 with this policy; ten deviations are a false alarm of 10^-22.
    assert banned["median_absolute_error"] < 80
    changes = rows["removals: change", "100 to 249"]
    assert changes["numbers"] == 1
    assert changes["published"] == 0 or changes["median_absolute_error"] < 80


def test_an_evaluation_needs_a_history_of_its_own(recording: dict[str, Path], tmp_path: Path) -> None:
    """What an earlier replay counted exactly is gone, so the comparison is refused instead of being wrong."""
    folder = tmp_path / "data"
    replay(recording, "--data-folder", folder)
    refused = likewise(
        *("replay", "--videos", recording["videos.ndjson"], "--events", recording["events.ndjson.gz"]),
        *("--policy", recording["policy.toml"], "--data-folder", folder, "--evaluate"),
    )
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "--evaluate" in refused.stderr


def test_people_see_tables(recording: dict[str, Path]) -> None:
    """Without --json the verdicts and the comparison are tables on stdout."""
    shown = likewise(
        *("replay", "--videos", recording["videos.ndjson"], "--events", recording["events.ndjson.gz"]),
        *("--policy", recording["policy.toml"], "--evaluate"),
    )
    assert shown.returncode == ExitCode.OK
    for words in ("dropped_child", "covered by ci95", "hour_of_day: other", "24 releases"):
        assert words in shown.stdout


@pytest.mark.parametrize("name", ["videos.ndjson", "events.ndjson.gz"])
def test_a_file_that_cannot_be_read_is_wrong_usage(
    recording: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """A damaged recording ends the replay with one line and exit code 2."""
    damaged = tmp_path / name
    damaged.write_bytes(b"\x1f\x8b damaged")
    files = recording | {name: damaged}
    refused = likewise(
        *("replay", "--videos", files["videos.ndjson"], "--events", files["events.ndjson.gz"]),
        *("--policy", files["policy.toml"], "--json"),
    )
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "Traceback" not in refused.stderr
