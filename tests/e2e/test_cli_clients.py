"""Commands that ask the platform plane of a running system: `moderation`, `rights` and `simulate`."""

import json
import subprocess
from pathlib import Path
from typing import Any

from api.http.command import ExitCode
from api.http.system import clock_ms
from privacy.model.timestamp import format_timestamp
from tests.support.command_line import System, answer_of, clean_environment, likewise

VIDEO = "staff-video"
NOTE = ("--note", "a test")


def like(system: System, *account_ids: str) -> None:
    """Let accounts like a video."""
    now_ms = clock_ms()
    video = {"video_id": VIDEO, "posted_at": format_timestamp(now_ms - 60_000)}
    assert system.send("/v1/videos", [video]).status_code == 200
    likes = [
        {
            "type": "like",
            "account_id": name,
            "video_id": VIDEO,
            "occurred_at": format_timestamp(now_ms),
        }
        for name in account_ids
    ]
    assert system.send("/v1/events", likes).json()["verdicts"]["counted"] == len(account_ids)


def test_staff_work_from_the_command_line(system: System, tmp_path: Path) -> None:
    """A purge runs to its end; an account is banned, its stored data is written to a file, and erased."""
    bots, held = tmp_path / "bots.ndjson", tmp_path / "held.json"
    folder = system.folder
    like(system, "bot-1", "bot-2", "staff-1")
    key = answer_of(
        likewise(
            *(
                "keys",
                "create",
                "--plane",
                "platform",
                "--owner",
                "staff",
                "--scopes",
                "moderate,privacy",
            ),
            *("--data-folder", folder, "--json"),
        )
    )["token"]
    url = system.welcome["platform_url"]
    staff = clean_environment(LIKEWISE_PLATFORM_KEY=key, LIKEWISE_PLATFORM_URL=url)
    bots.write_text('{"account_id":"bot-1"}\n{"account_id":"bot-2"}\n')
    job = answer_of(likewise("moderation", "purge", bots, *NOTE, "--json", environment=staff))
    assert (job["state"], job["counts"]["uncounted"]) == ("done", 2)
    assert answer_of(likewise("moderation", "job", "1", "--json", environment=staff)) == job
    banned = answer_of(likewise("moderation", "account", "ban", "staff-1", *NOTE, environment=staff))
    assert (banned["result"], banned["uncounted"]) == ("applied", 1)
    again = likewise(
        "moderation",
        "account",
        "restrict",
        "staff-1",
        "--until",
        "2100-01-01T00:00:00Z",
        *NOTE,
        environment=staff,
    )
    assert (again.returncode, "banned" in again.stderr) == (2, True)
    access = likewise("rights", "access", "staff-1", "--output", held, *NOTE, "--data-folder", folder)
    assert access.returncode == 0, access.stderr
    document = json.loads(held.read_text())
    assert (document["status"], document["engagements"][0]["video_id"]) == ("banned", VIDEO)
    assert held.stat().st_mode & 0o077 == 0
    printed = likewise("rights", "access", "staff-1", "--output", "-", *NOTE, "--data-folder", folder)
    assert json.loads(printed.stdout)["engagements"] == document["engagements"]
    receipt = answer_of(likewise("rights", "erase", "staff-1", *NOTE, "--yes", environment=staff))
    assert (receipt["engagements"], receipt["counted"]) == (1, 0)
    tag = likewise("rights", "account-tag", "staff-1", "--data-folder", folder).stdout.strip()
    assert len(bytes.fromhex(tag)) == 8


def test_every_operation_for_staff_is_a_command(system: System, tmp_path: Path) -> None:
    """Lists of a spreadsheet, takedowns, single engagements, resyncs, advisories, jobs, audit trail."""
    like(system, "-desk-1", "desk-2")
    terms = ("--plane", "platform", "--owner", "desk", "--scopes", "moderate")
    made = answer_of(likewise("keys", "create", *terms, "--data-folder", system.folder, "--json"))
    url = system.welcome["platform_url"]
    staff = clean_environment(LIKEWISE_PLATFORM_KEY=made["token"], LIKEWISE_PLATFORM_URL=url)

    def desk(*arguments: str | Path) -> Any:
        return answer_of(likewise("moderation", *arguments, environment=staff))

    ring, likes = tmp_path / "ring.csv", tmp_path / "likes.txt"
    ring.write_bytes(f"\ufeffaccount_id;video_id;name\r\n-desk-1;{VIDEO};x\r\n".encode())
    likes.write_text(f"{VIDEO}\n")
    kind = ("--kind", "like")
    removed = desk("engagements", "remove", ring, *kind, "--reason", "policy", *NOTE)
    assert removed == {"results": ["changed"]}
    assert desk("engagements", "restore", ring, *kind, *NOTE) == {"results": ["changed"]}
    as_of = format_timestamp(clock_ms())
    assert desk("resync", "-desk-1", likes, *kind, "--as-of", as_of, *NOTE)["unchanged"] == 1
    target = ("--video", VIDEO)
    assert desk("takedown", "take-down", *target, "--reason", "owner", *NOTE) == {"result": "applied"}
    assert desk("takedown", "restore", *target, *NOTE) == {"result": "applied"}
    job = desk("purge", ring, *NOTE, "--json")
    assert (job["accounts"], job["counts"]["uncounted"]) == (1, 1)
    assert desk("jobs", "--limit", "1", "--json") == [job]
    assert desk("advisories", "--json") == []
    trail = desk("audit-trail", "--limit", "2", "--json")
    assert [entry["action"] for entry in trail] == ["accounts.purge"] * 2
    tag = answer_of_text(likewise("rights", "account-tag", "-desk-1", "--data-folder", system.folder))
    tagged = desk("audit-trail", "--account-tag", tag, "--json")
    assert {entry["action"] for entry in tagged} == {"account.resync"}
    for report in ("jobs", "advisories", "audit-trail"):
        assert likewise("moderation", report, environment=staff).returncode == 0


def test_history_is_imported_over_http(system: System, tmp_path: Path) -> None:
    """Two likes of last year are counted; sent again, they are duplicates, and the trail has both batches."""
    now_ms = clock_ms()
    video = {"video_id": "old-video", "posted_at": format_timestamp(now_ms - 60_000)}
    assert system.send("/v1/videos", [video]).status_code == 200
    terms = ("--plane", "platform", "--owner", "history", "--scopes", "import,moderate")
    made = answer_of(likewise("keys", "create", *terms, "--data-folder", system.folder, "--json"))
    url = system.welcome["platform_url"]
    importer = clean_environment(LIKEWISE_PLATFORM_KEY=made["token"], LIKEWISE_PLATFORM_URL=url)
    history = tmp_path / "likes.ndjson"
    likes = [
        {"type": "like", "account_id": name, "video_id": "old-video", "occurred_at": "2025-06-01T12:00:00Z"}
        for name in ("old-1", "old-2")
    ]
    history.write_text("\n".join(map(json.dumps, likes)))
    assert answer_of(likewise("import", history, "--json", environment=importer))["verdicts"] == {
        "counted": 2
    }
    shown = likewise("import", history, environment=importer)
    assert (shown.returncode, "duplicate" in shown.stdout) == (0, True)
    trail = answer_of(likewise("moderation", "audit-trail", "--limit", "4", "--json", environment=importer))
    assert [(entry["action"], entry["stage"]) for entry in trail] == [
        ("events.import", stage) for stage in ("done", "requested") * 2
    ]


def answer_of_text(completed: subprocess.CompletedProcess[str]) -> str:
    """Returns the line that a command printed; it must have succeeded."""
    assert completed.returncode == 0, completed.stderr
    return completed.stdout.strip()


def test_a_platform_is_played_over_http(system: System) -> None:
    """The command alone sends videos and events to any platform plane, and reports their outcomes."""
    environment = clean_environment(LIKEWISE_PLATFORM_KEY=system.welcome["keys"]["platform"])
    url = system.welcome["platform_url"]
    arguments = ("simulate", "--platform-url", url, "--rate", "300", "--seconds", "3", "--json")
    verdicts = answer_of(likewise(*arguments, environment=environment))["verdicts"]
    assert verdicts["counted"] > 50
    assert verdicts["invalid"] == verdicts["unknown_target"] == 0
    wrong = environment | {"LIKEWISE_PLATFORM_KEY": "lw_platform_0000000000000000_" + "0" * 64}
    refused = likewise(*arguments, environment=wrong)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "401" in refused.stderr
