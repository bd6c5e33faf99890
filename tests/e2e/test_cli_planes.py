"""`likewise public` and `likewise platform` as processes of their own: what they load, refuse and survive."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
import redis
import requests

from api.http.command import ExitCode
from api.http.serve import KILL_AFTER_SECONDS
from api.runtime.supervisor import END_SECONDS
from privacy.embedded.rooms import EmbeddedRooms
from privacy.store.acl import AclUser, Room
from privacy.store.connect import ANSWER_SECONDS, CONNECT_SECONDS, connect
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, LIMITER, PLATFORM, PUBLIC, USERS, Process
from tests.support.command_line import (
    ROOT,
    alive,
    all_gone,
    answer_of,
    clean_environment,
    family,
    likewise,
    port_options,
)
from tests.support.eventually import eventually
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import ROOT as ROOT_USER

PRIVATE = re.compile(
    r"\b(privacy\.(vault|tally|mechanism|release|policy|embedded)|"
    r"privacy\.publishing|api\.platform|numpy|scipy|sklearn|diffprivlib)\b"
)
EVENT = {"type": "like", "account_id": "a", "video_id": "v", "occurred_at": "2026-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRooms]:
    """A running, founded store; the key of the pseudonyms is in its folder."""
    folder = tmp_path_factory.mktemp("planes")
    with EmbeddedRooms(folder, users=(*USERS, ROOT_USER)) as rooms:
        prepare_store(rooms.settings, folder)
        yield rooms


def public_environment(settings: StoreSettings) -> dict[str, str]:
    """Return what the public plane is given."""
    return clean_environment(**settings.environment((PUBLIC, LIMITER)))


@contextmanager
def serving(
    plane: str, environment: dict[str, str], errors: Path
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A running plane and its address."""
    port = port_options()[1]
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", plane, "--port", port], env=environment, cwd=ROOT, stderr=stderr
        )
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(url), f"the {plane} plane", 60)
        yield process, url
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    """Return whether a plane is ready."""
    try:
        return requests.get(f"{url}/readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def test_the_public_process_and_its_workers_load_nothing_private(
    store: EmbeddedRooms, tmp_path: Path
) -> None:
    """Python itself writes down every import of the process and of its workers: none lies behind the wall."""
    errors = tmp_path / "imports"
    environment = public_environment(store.settings) | {"PYTHONPROFILEIMPORTTIME": "1"}
    with serving("public", environment, errors) as (process, url):
        assert requests.get(f"{url}/docs", timeout=10).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == ExitCode.OK
    imported = errors.read_text()
    assert "api.public.totals" in imported
    assert PRIVATE.findall(imported) == []


def test_the_list_of_imports_would_show_it(store: EmbeddedRooms, tmp_path: Path) -> None:
    """The same look at the platform plane does find what the public one must not load."""
    errors = tmp_path / "imports"
    environment = platform_environment(store) | {"PYTHONPROFILEIMPORTTIME": "1"}
    with serving("platform", environment, errors):
        pass
    assert "privacy.vault" in errors.read_text()
    assert PRIVATE.search(errors.read_text())


def platform_environment(store: EmbeddedRooms) -> dict[str, str]:
    """Return what the platform plane is given."""
    return clean_environment(**process_environment(store.settings, store.folder, Process.PLATFORM))


def test_a_worker_that_dies_is_replaced_and_none_outlives_its_server(
    store: EmbeddedRooms, tmp_path: Path
) -> None:
    """After kill -9 of a worker the plane answers again; after kill -9 of the server no worker is left."""
    with serving("public", public_environment(store.settings), tmp_path / "errors") as (process, url):
        (worker,) = family(process.pid) - {process.pid}
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: not alive(worker) and answers(url), "another worker", 60)
        workers = family(process.pid)
        assert len(workers) > 1
        process.kill()
        process.wait()
        all_gone(workers)


def test_a_worker_that_is_killed_again_and_again_comes_back(store: EmbeddedRooms, tmp_path: Path) -> None:
    """Each time a worker is killed as soon as it answers, the same server makes another one."""
    with serving("platform", platform_environment(store), tmp_path / "errors") as (process, url):
        for _ in range(3):
            (worker,) = family(process.pid) - {process.pid}
            os.kill(worker, signal.SIGKILL)
            eventually(partial(gone, worker), "the end of a worker", 60)
            eventually(partial(answers, url), "another worker", 60)
        assert process.poll() is None


def gone(pid: int) -> bool:
    """Return whether a process has ended."""
    return not alive(pid)


def test_a_worker_waits_for_its_store(tmp_path: Path) -> None:
    """A worker that starts while the store is down says so at each try, is the only one, and then serves."""
    errors = tmp_path / "errors"
    with EmbeddedRooms(tmp_path / "data") as rooms:
        prepare_store(rooms.settings, rooms.folder)
        with serving("platform", platform_environment(rooms), errors) as (process, url):
            server = rooms.servers[Room.PRIVATE]
            server.stop()
            (worker,) = family(process.pid) - {process.pid}
            os.kill(worker, signal.SIGKILL)
            eventually(lambda: errors.read_text().count("retrying in") > 2, "three tries", 60)
            assert "Traceback" not in errors.read_text()
            assert len(family(process.pid)) == len({process.pid, worker})
            server.start()
            eventually(lambda: answers(url), "the waiting worker", 60)
            assert process.poll() is None


def test_sigterm_cuts_no_request_off(store: EmbeddedRooms, tmp_path: Path) -> None:
    """A batch that waits for the store while the plane ends is answered as soon as the store answers."""
    operator = process_environment(store.settings, store.folder, Process.OPERATOR)
    made = likewise(
        *("keys", "create", "--plane", "platform", "--owner", "feed", "--scopes", "ingest", "--json"),
        environment=clean_environment(**operator),
    )
    headers = {"Authorization": f"Bearer {answer_of(made)['token']}"}
    with (
        serving("platform", platform_environment(store), tmp_path / "errors") as (process, url),
        closing(connect(store.settings, ROOT_USER, Room.PRIVATE)) as root,
        ThreadPoolExecutor(1) as threads,
    ):
        root.client_pause(60_000, all=False)
        batch = threads.submit(requests.post, f"{url}/v1/events", json=[EVENT], headers=headers, timeout=60)
        eventually(lambda: "b" in flags_of(root, PLATFORM), "a command that waits")
        process.send_signal(signal.SIGTERM)
        eventually(lambda: not answers(url), "the end of new connections")
        root.client_unpause()
        assert batch.result().status_code == 200
        assert process.wait(30) == ExitCode.OK


def test_sigterm_is_never_missed(store: EmbeddedRooms, tmp_path: Path) -> None:
    """One thread of each process takes SIGTERM, and waits for it alone; a main thread may miss one."""
    with serving("platform", platform_environment(store), tmp_path / "errors") as (process, _):
        pids = family(process.pid)
        assert len(pids) > 1
        for pid in pids:
            (taker,) = threads_that_take(pid, signal.SIGTERM)
            assert taker != pid


def threads_that_take(pid: int, number: signal.Signals) -> list[int]:
    """Return the ids of a process's threads that do not block a signal; that of the main thread is `pid`."""
    takers = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        (blocked,) = re.findall(r"^SigBlk:\s*(\w+)", (task / "status").read_text(), re.MULTILINE)
        if not int(blocked, 16) >> (number - 1) & 1:
            takers.append(int(task.name))
    return takers


def flags_of(root: redis.Redis, user: AclUser) -> str:
    """Return the flags of all connections of a user; `b` is that of one whose command waits."""
    return "".join(client["flags"] for client in root.client_list() if client["user"] == user.name)


def test_a_request_may_wait_for_the_store_while_a_plane_ends() -> None:
    """Whoever ends a plane waits longer than the plane waits, and that longer than a store may take."""
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    (grace,) = {int(found) for found in re.findall(r"stop_grace_period: (\d+)s", compose)}
    assert ANSWER_SECONDS + CONNECT_SECONDS < KILL_AFTER_SECONDS < END_SECONDS < grace


def test_the_public_plane_refuses_credentials_that_reach_past_the_wall(store: EmbeddedRooms) -> None:
    """With a password of another user, or none, it does not start: one line, exit code 4."""
    environment = public_environment(store.settings)
    refused = likewise(
        "public", environment=environment | {"LIKEWISE_PUBLIC_PASSWORD": store.settings.password(ADMIN)}
    )
    assert refused.returncode == ExitCode.STORE_ERROR
    del environment["LIKEWISE_LIMITER_PASSWORD"]
    refused = likewise("public", environment=environment)
    assert refused.returncode == ExitCode.STORE_ERROR
    assert refused.stderr.startswith("likewise: no password of the store's user limiter")


@pytest.mark.parametrize("verb", ["platform", "public", "relay", "release", "maintain"])
def test_without_a_store_every_process_says_what_to_set(verb: str) -> None:
    """An empty environment is answered with the variable that is missing, in one line, with exit code 4."""
    refused = likewise(verb)
    assert refused.returncode == ExitCode.STORE_ERROR
    assert refused.stderr.count("\n") == 1
    assert "set LIKEWISE_" in refused.stderr


def test_a_plane_says_when_its_port_is_taken(store: EmbeddedRooms, tmp_path: Path) -> None:
    """Two servers on one port are wrong usage of the second."""
    environment = public_environment(store.settings)
    with serving("public", environment, tmp_path / "errors") as (_, url):
        refused = likewise("public", "--port", url.rpartition(":")[2], environment=environment)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "--port" in refused.stderr
