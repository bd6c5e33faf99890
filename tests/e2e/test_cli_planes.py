"""`likewise public` and `likewise platform` as processes of their own: what they load, refuse and survive."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from api.http.command import ExitCode
from privacy.embedded.rooms import EmbeddedRooms
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, LIMITER, PUBLIC, Process
from tests.support.command_line import (
    ROOT,
    alive,
    all_gone,
    clean_environment,
    family,
    likewise,
    port_options,
)
from tests.support.eventually import eventually
from tests.support.prepared_store import prepare_store, process_environment

PRIVATE = re.compile(
    r"\b(privacy\.(vault|tally|mechanism|release|policy|embedded)|"
    r"privacy\.publishing|api\.platform|numpy|scipy|sklearn|diffprivlib)\b"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRooms]:
    """A running, founded store; the key of the pseudonyms is in its folder."""
    folder = tmp_path_factory.mktemp("planes")
    with EmbeddedRooms(folder) as rooms:
        prepare_store(rooms.settings, folder)
        yield rooms


def public_environment(settings: StoreSettings) -> dict[str, str]:
    """What the public plane is given."""
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
    """Whether a plane is ready."""
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
    """What the platform plane is given."""
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
