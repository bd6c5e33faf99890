"""`likewise ledger` on a real store: exported, verified offline, tampered with, signed by a rotated key."""

import gzip
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from api.http.command import ExitCode
from privacy.model.timestamp import format_timestamp
from tests.support.cli_policy import SMALL_POLICY
from tests.support.command_line import System, alive, answer_of, likewise, port_options, up
from tests.support.eventually import eventually

VIDEOS = 40
RELEASES = VIDEOS * 6
POSTED_MS = 1_777_593_600_000


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has made all releases of some videos and signed none."""
    tmp_path = tmp_path_factory.mktemp("ledger")
    videos = [
        {"video_id": f"v-{number}", "posted_at": format_timestamp(POSTED_MS)} for number in range(VIDEOS)
    ]
    like = {"type": "like", "account_id": "a-1", "video_id": "v-1"}
    event = like | {"occurred_at": format_timestamp(POSTED_MS + 60_000)}
    (tmp_path / "videos.ndjson").write_text("\n".join(map(json.dumps, videos)))
    (tmp_path / "events.ndjson").write_text(json.dumps(event))
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    answer_of(
        likewise(
            *("replay", "--json", "--videos", tmp_path / "videos.ndjson"),
            *("--events", tmp_path / "events.ndjson", "--policy", tmp_path / "policy.toml"),
            *("--data-folder", tmp_path / "data"),
        )
    )
    return tmp_path


def head(system: System) -> Any:
    """Returns the latest head; None before the first one."""
    answer = system.read("/v1/privacy/ledger/heads")
    assert answer.status_code == 200, answer.text
    heads = answer.json()["heads"]
    return heads[0]["head"] if heads else None


def signed(system: System) -> int:
    """Returns the number of releases that the latest head covers."""
    latest = head(system)
    return sum(tree["size"] for tree in latest["trees"]) if latest else 0


def test_a_ledger_from_its_first_signature_to_a_verified_file(replayed: Path) -> None:
    """A signer that is killed before and while it signs signs everything in the end, and the export verifies.

    A tampered copy does not, and the release is named; a rotated key continues where the old one ended.
    """
    folder, first, second = replayed / "data", replayed / "first.ndjson.gz", replayed / "second.ndjson"
    with up(folder, "--policy", replayed / "policy.toml") as system:
        os.kill(system.welcome["pids"]["release"], signal.SIGKILL)
        eventually(lambda: signed(system) == RELEASES, "all releases being signed")
        answer_of(likewise("ledger", "export", first, "--data-folder", folder, "--json"))
        verdict = answer_of(likewise("ledger", "verify", first, "--json"))
        assert (verdict["holds"], verdict["releases"], verdict["faults"]) == (True, RELEASES, [])
        rotated = answer_of(likewise("ledger", "rotate-key", "--data-folder", folder, "--json"))
        eventually(lambda: head(system)["keys"] == rotated["verifies"], "a head by the new key")
        jwks = system.read("/.well-known/jwks.json").json()
        assert [key["kid"] for key in jwks["keys"]] == rotated["verifies"]
        odd = replayed / "an export\n\x1b[31m"
        written = likewise("ledger", "export", odd, "--data-folder", folder).stderr
        assert "an export\\n\\x1b[31m'`" in written
        printed = likewise("ledger", "export", "-", "--data-folder", folder)
        odd.write_text(printed.stdout)
        assert answer_of(likewise("ledger", "verify", odd, "--json"))["releases"] == RELEASES
        answer_of(likewise("ledger", "export", second, "--data-folder", folder, "--json"))
    (replayed / "jwks.json").write_text(json.dumps(jwks))
    kept = likewise("ledger", "verify", second, "--since", first, "--keys", replayed / "jwks.json")
    assert kept.returncode == ExitCode.OK, kept.stdout
    assert f"The ledger holds: {RELEASES} releases" in kept.stderr
    check_a_tampered_copy(second, first)


def check_a_tampered_copy(export: Path, other: Path) -> None:
    """Checks that one changed release is found, and an export that does not continue an earlier one."""
    lines = export.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if '"line":"release"' in line)
    release = json.loads(lines[place])
    entry = json.loads(release["entry"])
    release["release"] = release["release"].replace('"total":null', '"total":[70,60,80]')
    lines[place] = json.dumps(release)
    tampered = export.with_name("tampered.ndjson")
    tampered.write_text("\n".join(lines) + "\n")
    found = likewise("ledger", "verify", tampered)
    assert found.returncode == ExitCode.CHECK_FAILED
    assert f"like of {entry['target_id']}, epoch {entry['epoch']} (shard 0, entry 0)" in found.stdout
    assert "is not the one that its entry names" in found.stdout
    backwards = likewise("ledger", "verify", other, "--since", export)
    assert backwards.returncode == ExitCode.CHECK_FAILED
    assert "not known" in backwards.stdout


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"x" * 5000)[:-9]], ids=["empty", "no gzip", "cut off"]
)
def test_what_is_no_export_is_refused(content: bytes, tmp_path: Path) -> None:
    """A file that is unreadable or empty never counts as verified."""
    file = tmp_path / "export.ndjson.gz"
    file.write_bytes(content)
    refused = likewise("ledger", "verify", file)
    assert refused.returncode in {ExitCode.CHECK_FAILED, ExitCode.WRONG_USAGE}
    assert "Traceback" not in refused.stderr


def test_a_damaged_compressed_file_is_refused(tmp_path: Path) -> None:
    """A file with a wrong byte is refused with a sentence that names the file and the argument."""
    file = tmp_path / "export.ndjson.gz"
    damaged = bytearray(gzip.compress(b"x" * 5000))
    damaged[10] = 0b111  # the first block has a type that does not exist
    file.write_bytes(damaged)
    whole = tmp_path / "whole.ndjson"
    whole.write_bytes(b"")
    refusals = {
        "FILE": likewise("ledger", "verify", file),
        "--since": likewise("ledger", "verify", whole, "--since", file),
    }
    for name, refused in refusals.items():
        assert refused.returncode == ExitCode.WRONG_USAGE
        assert f"`{name}` {file} cannot be read to its end" in " ".join(refused.stderr.split())
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("end", [b',"jws":5}', b"}", b"", b',"jws":"\xff"}'])
def test_an_earlier_export_with_a_damaged_head_is_refused(end: bytes, tmp_path: Path) -> None:
    """A sentence names the file and the argument."""
    file, earlier = tmp_path / "export.ndjson", tmp_path / "earlier.ndjson"
    file.write_bytes(b"")
    earlier.write_bytes(b'{"line":"head"' + end + b"\n")
    refused = likewise("ledger", "verify", file, "--since", earlier)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert f"`--since` {earlier} has a damaged tree head" in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_an_earlier_export_without_a_head_is_refused(tmp_path: Path) -> None:
    """Nothing can be compared with it, so it is not taken for an export that FILE continues."""
    file, earlier = tmp_path / "export.ndjson", tmp_path / "earlier.ndjson"
    file.write_bytes(b"")
    earlier.write_bytes(b'{"line":"release"}\n')
    refused = likewise("ledger", "verify", file, "--since", earlier)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert f"`--since` {earlier} has no signed tree head" in " ".join(refused.stderr.split())


def test_a_release_worker_without_its_key_does_not_start(replayed: Path) -> None:
    """A ledger that another key signed is not continued, and nothing is released; the log says why."""
    folder = replayed / "data"
    key = (folder / "ledger.key").read_text()
    (folder / "ledger.key").unlink()
    refused = likewise("up", "--data-folder", folder, "--policy", replayed / "policy.toml", *port_options())
    assert refused.returncode == ExitCode.STORE_ERROR
    assert f"the key of its ledger is not at {folder / 'ledger.key'}: put it back" in refused.stderr
    assert not (folder / "ledger.key").exists()
    (folder / "ledger.key").touch(mode=0o600)
    (folder / "ledger.key").write_text(key)
    with up(folder, "--policy", replayed / "policy.toml") as system:
        terms = ("--plane", "public", "--owner", "reader", "--scopes", "read,audit")
        made = answer_of(likewise("keys", "create", *terms, "--data-folder", folder, "--json"))
        system.welcome["keys"] = {"public": made["token"]}
        eventually(lambda: signed(system) == RELEASES, "all releases being signed")
        (folder / "ledger.key").unlink()
        os.kill(system.welcome["pids"]["release"], signal.SIGKILL)
        log = folder / "logs" / "release.log"
        eventually(lambda: "ledger key file" in log.read_text(), "the refusal in the log")
        assert alive(system.process.pid)
        assert signed(system) == RELEASES
