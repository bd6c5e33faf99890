"""`likewise doctor` on healthy and on sick deployments."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from api.http.command import ExitCode
from api.runtime.settings import operator_settings
from privacy.embedded.rooms import EmbeddedRooms
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from privacy.policy.registry import Limits
from privacy.rollback.guard import shares_device
from privacy.signing.signing_key_file import create_ledger_key
from privacy.store.acl import Room
from privacy.store.connect import connect
from privacy.store.keys import GALLERY_HEADER, outer_key_key
from privacy.store.users import ADMIN, REKEYER, USERS
from privacy.vault.limits import limits_key
from privacy.vault.pseudonym_key_file import create_key_file
from tests.support.command_line import clean_environment, likewise
from tests.support.prepared_store import prepare_store
from tests.support.redis_server import ROOT, clients

KEPT: Final = load_policy().retention
LAST_LIMITS: Final = " ".join([*map(str, msgspec.structs.astuple(KEPT)), "under-13"])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder with a running, founded store."""
    with EmbeddedRooms(tmp_path) as rooms:
        prepare_store(rooms.settings, tmp_path)
        yield tmp_path


def examine(folder: Path, **environment: str) -> tuple[int, dict[str, Any]]:
    """Exit code and findings, by place and name, of `likewise doctor --json`."""
    completed = likewise(
        "doctor", "--json", "--data-folder", folder, environment=clean_environment(**environment)
    )
    document = json.loads(completed.stdout)
    assert document["ok"] is (completed.returncode == ExitCode.OK)
    return completed.returncode, {f"{each['where']}: {each['name']}": each for each in document["findings"]}


def bad(findings: dict[str, Any]) -> list[str]:
    """Names of the findings that are not ok."""
    return [name for name, finding in findings.items() if not finding["ok"]]


def test_a_healthy_deployment_is_all_green(folder: Path) -> None:
    """Version, durability, clock, header, users, wall and files are looked at, and nothing is bad."""
    code, findings = examine(folder)
    assert (code, bad(findings)) == (ExitCode.OK, [])
    for name in (
        *(
            "private: version",
            "private: appendfsync",
            "private: clock",
            "private: header",
            "private: user release",
        ),
        *(
            "gallery: header",
            "gallery: user public",
            "rooms: one store",
            "rooms: limits",
            "wall: wall against EVAL return 1",
            "rollback guard: erasures",
            "rollback guard: releases",
            "rollback guard: disk",
            "pseudonym.key: secret file",
            "pseudonym.key: key",
            "ledger.key: secret file",
            "ledger.key: key",
        ),
    ):
        assert name in findings


def test_people_see_a_table(folder: Path) -> None:
    """Without --json every finding is a row that says ok or BAD."""
    (folder / "pseudonym.key").chmod(0o644)
    shown = likewise("doctor", "--data-folder", folder)
    assert shown.returncode == ExitCode.CHECK_FAILED
    assert "appendfsync" in shown.stdout
    assert "BAD" in shown.stdout


@pytest.mark.parametrize("name", ["pseudonym.key", "ledger.key"])
def test_a_key_file_that_others_can_read_is_bad(name: str, folder: Path) -> None:
    """The rights of the pseudonym key and of the ledger key are checked."""
    (folder / name).chmod(0o640)
    code, findings = examine(folder)
    assert (code, bad(findings)) == (ExitCode.CHECK_FAILED, [f"{name}: secret file", f"{name}: answer"])
    assert name in findings[f"{name}: secret file"]["detail"]


def test_a_ledger_key_file_without_a_key_is_bad(folder: Path) -> None:
    """A file with the right rights is not enough: the key in it must be one."""
    (folder / "ledger.key").write_text("{}")
    code, findings = examine(folder)
    assert (code, bad(findings)) == (ExitCode.CHECK_FAILED, ["ledger.key: answer"])


@pytest.mark.parametrize("name", ["pseudonym.key", "ledger.key"])
def test_the_key_of_another_store_is_bad(
    name: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It has the right form and the right rights, and is of another deployment."""
    other = tmp_path_factory.mktemp("other") / name
    {"pseudonym.key": create_key_file, "ledger.key": create_ledger_key}[name](other, os.urandom)
    (folder / name).write_text(other.read_text())
    code, findings = examine(folder)
    assert (code, bad(findings)) == (ExitCode.CHECK_FAILED, [f"{name}: answer"])
    assert "the key of another store" in findings[f"{name}: answer"]["detail"]


def test_a_shard_under_another_key_is_bad(folder: Path) -> None:
    """The header may be right, and a shard kept under a key that was rotated out."""
    with closing(connect(operator_settings(folder, {}).store, REKEYER)) as client:
        client.set(outer_key_key(2), "another!")
    code, findings = examine(folder)
    assert (code, bad(findings)) == (ExitCode.CHECK_FAILED, ["pseudonym.key: answer"])
    assert "account shard 2" in findings["pseudonym.key: answer"]["detail"]


@pytest.mark.parametrize(
    ("shards", "limits", "told"),
    [
        ([2], None, "none in account shards [2]"),
        (
            [1],
            Limits(2, 100, 10**9, 30, 10, 600, KEPT, frozenset({"under-13"})),
            f"2 100 1000000000 30 10 600 {LAST_LIMITS} in account shards [1]",
        ),
        (
            range(8),
            Limits(4, 50, 94694400, 30, 10, 600, KEPT, frozenset({"under-13"})),
            f"4 50 94694400 30 10 600 {LAST_LIMITS} in account shards [0, 1, 2, 3, 4, 5, 6, 7]",
        ),
    ],
    ids=["lost", "unlike", "another policy's"],
)
def test_other_limits_than_the_policies_demand_are_bad(
    folder: Path, shards: Sequence[int], limits: Limits | None, told: str
) -> None:
    """Those of each shard are shown; all must have the ones that follow from the registered policies."""
    with closing(connect(operator_settings(folder, {}).store, ADMIN)) as client:
        for shard in shards:
            client.set(limits_key(shard), str(limits or ""))
    code, findings = examine(folder)
    assert (code, bad(findings)) == (ExitCode.CHECK_FAILED, ["rooms: limits"])
    detail = findings["rooms: limits"]["detail"]
    assert told in detail
    assert f"the policies demand 4 100 94694400 30 10 600 {LAST_LIMITS}:" in detail


def test_the_policy_that_is_named_must_be_registered(folder: Path, tmp_path: Path) -> None:
    """The limits of a policy that the store does not know are in force nowhere."""
    other = tmp_path / "other.toml"
    other.write_text(DEFAULT_POLICY_PATH.read_text().replace("2026-12-default", "other"))
    code, findings = examine(folder, LIKEWISE_POLICY=str(other))
    assert (code, bad(findings)) == (ExitCode.CHECK_FAILED, ["rooms: limits"])
    assert "not registered" in findings["rooms: limits"]["detail"]


@pytest.mark.parametrize("change", ["lost", "ahead"])
def test_a_tally_without_published_releases_is_bad(folder: Path, change: str) -> None:
    """Nothing is released from it for good, and the doctor says why."""
    (path,) = folder.with_name(f"{folder.name}.rollback-guard").glob("*.released-3")
    path.write_text("5\n") if change == "ahead" else path.unlink()
    code, findings = examine(folder)
    assert (code, bad(findings)) == (ExitCode.CHECK_FAILED, ["rollback guard: releases"])
    assert "nothing is released" in findings["rollback guard: releases"]["detail"]


def test_a_guard_on_the_disk_of_the_data_is_a_warning(folder: Path) -> None:
    """It is no fault, as the default place is there, and it is said; on another device nothing is."""
    _, findings = examine(folder)
    assert findings["rollback guard: disk"]["detail"].startswith("warning: ")
    assert "LIKEWISE_ROLLBACK_GUARD_DIR" in findings["rollback guard: disk"]["detail"]
    assert not shares_device(Path("/proc"), folder)


def test_a_store_that_is_not_durable_and_a_foreign_user_are_bad(tmp_path: Path) -> None:
    """A server that answers before fsync, has users of others, and was never founded, is found out."""
    with EmbeddedRooms(tmp_path, users=(*USERS, ROOT)) as rooms:
        with clients(rooms.servers[Room.PRIVATE], rooms.settings) as store:
            store.root.config_set("appendfsync", "everysec")
        code, findings = examine(tmp_path)
    assert code == ExitCode.CHECK_FAILED
    assert set(bad(findings)) >= {
        "private: appendfsync",
        "private: user root_of_tests",
        "private: header",
        "pseudonym.key: secret file",
    }


def test_the_gallery_of_another_store_is_bad(tmp_path: Path) -> None:
    """Two addresses that lead to the rooms of two stores are found out."""
    with EmbeddedRooms(tmp_path, users=(*USERS, ROOT)) as rooms:
        prepare_store(rooms.settings, tmp_path)
        with closing(connect(rooms.settings, ROOT, Room.GALLERY)) as root:
            root.hset(GALLERY_HEADER, "store_id", "0" * 32)
        _, findings = examine(tmp_path)
    assert "another store's" in findings["rooms: answer"]["detail"]
    assert "rooms: answer" in bad(findings)


def test_credentials_that_reach_past_the_wall_are_bad(folder: Path) -> None:
    """A deployment that gives the public plane another user's rights is found out."""
    given = operator_settings(folder, {}).store.environment(USERS)
    del given["LIKEWISE_PUBLIC_PASSWORD"]
    code, findings = examine(folder, **given)
    assert code == ExitCode.CHECK_FAILED
    assert bad(findings) == ["wall: answer"]
    assert "LIKEWISE_PUBLIC_PASSWORD" in findings["wall: answer"]["detail"]


def test_a_store_that_is_down_is_a_bad_finding(tmp_path: Path) -> None:
    """The doctor reports what does not answer instead of giving up at it."""
    with EmbeddedRooms(tmp_path) as rooms:
        prepare_store(rooms.settings, tmp_path)
    code, findings = examine(tmp_path)
    assert code == ExitCode.CHECK_FAILED
    assert set(bad(findings)) == {
        *("private: answer", "gallery: answer", "rooms: answer", "wall: answer", "rollback guard: answer"),
        *("pseudonym.key: answer", "ledger.key: answer"),
    }
    assert findings["private: answer"]["detail"] == "the store does not answer"
    assert findings["pseudonym.key: secret file"]["ok"]


def test_without_any_store_there_is_nothing_to_examine(tmp_path: Path) -> None:
    """An empty folder is a store error, and says how to get a store."""
    refused = likewise("doctor", "--data-folder", tmp_path)
    assert refused.returncode == ExitCode.STORE_ERROR
    assert "likewise up" in refused.stderr
