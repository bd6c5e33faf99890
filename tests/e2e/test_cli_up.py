"""`likewise up`: the whole system, from its start to its end."""

import os
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

from api.http.command import ExitCode
from api.http.system import clock_ms
from api.runtime.settings import operator_settings
from privacy.embedded.rooms import EmbeddedRooms
from privacy.embedded.server import EmbeddedRedis
from privacy.model.timestamp import format_timestamp
from privacy.store.connect import connect
from privacy.store.header import DEFAULT_SHARDS
from privacy.store.keys import outbox_key
from privacy.store.users import RELAY, USERS
from tests.support.cli_policy import SMALL_POLICY
from tests.support.command_line import (
    System,
    alive,
    all_gone,
    clean_environment,
    family,
    likewise,
    port_options,
    up,
)
from tests.support.eventually import eventually
from tests.support.prepared_store import prepare_store

PROCESSES = ("platform", "public", "relay", "release", "maintenance", "redis-private", "redis-gallery")
NOW_MS = clock_ms()
VIDEO = {"video_id": "v-1", "posted_at": format_timestamp(NOW_MS - 60_000)}


def send_like(system: System, account: str = "a-1") -> dict[str, int]:
    """Register the video, send one like of it, and answer how many events met each verdict."""
    assert system.send("/v1/videos", [VIDEO]).status_code == 200
    event = {
        "type": "like",
        "account_id": account,
        "video_id": "v-1",
        "occurred_at": format_timestamp(NOW_MS),
    }
    answer = system.send("/v1/events", [event])
    assert answer.status_code == 200, answer.text
    verdicts: dict[str, int] = answer.json()["verdicts"]
    return verdicts


def relayed(folder: Path) -> bool:
    """Return whether the relay has moved everything that was counted."""
    with closing(connect(operator_settings(folder, {}).store, RELAY)) as client:
        return not any(client.xrange(outbox_key(shard)) for shard in range(DEFAULT_SHARDS))


def ready(system: System) -> bool:
    """Return whether both planes and their stores answer."""
    urls = (system.welcome["public_url"], system.welcome["platform_url"])
    try:
        return all(requests.get(f"{url}/readyz", timeout=2).status_code == 200 for url in urls)
    except requests.RequestException:
        return False


def test_a_system_takes_a_like_ends_without_a_trace_and_continues(tmp_path: Path) -> None:
    """The first requests work with the keys that were shown; SIGTERM ends every process, with code 0.

    In a second start the same event is a duplicate and the keys work. After kill -9 of the second supervisor
    no process of it is left either.
    """
    folder = tmp_path / "data"
    with up(folder) as first:
        assert set(first.welcome["pids"]) == set(PROCESSES)
        pids = family(first.process.pid)
        assert set(first.welcome["pids"].values()) < pids
        keys = first.welcome["keys"]
        assert send_like(first)["counted"] == 1
        eventually(lambda: relayed(folder), "the relay moving the like")
        likes = first.read("/v1/videos/v-1/likes")
        assert likes.status_code == 200
        assert likes.json()["total"]["status"] == "withheld"
        assert first.read("/v1/privacy").json()["anonymity"]["k"] == 20
        assert requests.get(first.welcome["docs_url"], timeout=10).status_code == 200
        assert first.stop(signal.SIGTERM) == ExitCode.OK
        assert not any(map(alive, pids))
    with up(folder) as second:
        assert second.welcome["keys"] == {"public": None, "platform": None}
        second.welcome["keys"] = keys
        assert send_like(second)["duplicate"] == 1
        assert second.read("/v1/videos/v-1").status_code == 200
        pids = family(second.process.pid)
        assert len(pids) > len(PROCESSES)
        second.stop(signal.SIGKILL)
        all_gone(pids)


def test_what_dies_comes_back_and_nobody_else_gets_in(tmp_path: Path) -> None:
    """A second system in the folder is refused; any process that is killed comes back, with all data."""
    folder = tmp_path / "data"
    with up(folder) as system:
        refused = likewise("up", "--data-folder", folder, *port_options())
        assert refused.returncode == ExitCode.STORE_ERROR
        assert refused.stderr == f"likewise: the data folder {folder} is in use by another Likewise\n"
        for number, name in enumerate(PROCESSES):
            pid = system.welcome["pids"][name]
            os.kill(pid, signal.SIGKILL)
            all_gone({pid})
            eventually(lambda: ready(system), f"being ready after the end of {name}", 60)
            assert send_like(system, account=f"b-{number}")["counted"] == 1
            eventually(lambda: relayed(folder), f"the relay working after the end of {name}", 60)
        assert send_like(system, account="b-0")["duplicate"] == 1
        assert system.stop() == ExitCode.OK


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """A taken port ends the start before anything is made, with exit code 2."""
    folder = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = (*port_options(), "--public-port", port)
        refused = likewise("up", "--data-folder", folder, *options)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "--public-port" in refused.stderr
    assert port in refused.stderr
    assert not folder.exists()


def test_a_lost_pseudonym_key_stops_the_start(tmp_path: Path) -> None:
    """A store in use is not opened under another key: every account would be counted twice."""
    key_file = tmp_path / "pseudonym.key"
    with EmbeddedRooms(tmp_path) as rooms:
        assert prepare_store(rooms.settings, tmp_path).is_new
    key_file.unlink()
    refused = likewise("up", "--data-folder", tmp_path, *port_options())
    assert refused.returncode == ExitCode.STORE_ERROR
    assert f"the key of its pseudonyms is not at {key_file}" in refused.stderr
    assert not key_file.exists()


def test_a_store_of_ones_own_and_a_policy_of_ones_own_are_used(tmp_path: Path) -> None:
    """With LIKEWISE_REDIS_URL no Redis is started; with --policy that one is in force and published."""
    file = tmp_path / "policy.toml"
    file.write_text(SMALL_POLICY)
    folder = tmp_path / "data"
    with EmbeddedRedis(tmp_path / "store") as server:
        environment: Any = clean_environment(**server.settings.environment(USERS))
        with up(folder, "--policy", file, environment=environment) as system:
            assert not any(name.startswith("redis") for name in system.welcome["pids"])
            assert not (folder / "credentials.json").exists()
            assert send_like(system)["counted"] == 1
            assert system.read("/v1/privacy").json()["version"] == "small"
            assert (
                likewise("doctor", "--data-folder", folder, environment=environment).returncode == ExitCode.OK
            )
