"""The images' programs run for real: exactly their files, their command, and what the compose file gives.

Each room has a server of its own. What Docker itself would add (the base image, the user, the network) is not
tried here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from api.runtime.api_keys import ApiKeys, ApiKeySpec
from privacy.model.timestamp import format_timestamp
from privacy.store.acl import Room
from privacy.store.connect import connect
from privacy.store.keys import GALLERY_HEADER, STORE_HEADER
from privacy.store.users import ADMIN
from tests.support.compose import ADDRESSES, SERVICES
from tests.support.docker_store import DockerStore, docker_store
from tests.support.dockerfile import ROOT, copy_files, instructions
from tests.support.eventually import eventually
from tests.support.ports import free_port

PATIENCE_SECONDS: Final = 60
ACCOUNTS: Final = 2_000
NOBODY: Final = "redis://127.0.0.1:1"
NOISE: Final = 200
"""About 18 standard deviations of the first total."""


@dataclass(frozen=True)
class Deployment:
    """A store that is set up, and folders that stand for images."""

    store: DockerStore
    folder: Path

    @property
    def key_file(self) -> Path:
        """Of the pseudonyms."""
        return self.folder / "pseudonym.key"

    def environment(self, process: str) -> dict[str, str]:
        """Return what the compose file gives a process."""
        places = {
            "LIKEWISE_PSEUDONYM_KEY_FILE": str(self.key_file),
            "LIKEWISE_LEDGER_KEY_FILE": str(self.folder / "ledger.key"),
            "LIKEWISE_ROLLBACK_GUARD_DIR": str(self.folder / "rollback-guard"),
        }
        own = {variable: place for variable, place in places.items() if variable in self.named(process)}
        return {"PATH": os.environ["PATH"]} | own | self.store.environment(process)

    @staticmethod
    def named(process: str) -> Collection[str]:
        """The variables that the compose file itself sets for a process."""
        variables: dict[str, str] = SERVICES[process]["environment"]
        return variables

    def run(self, process: str, *program: str, **changed: str) -> None:
        """Run a program of the private image that ends by itself, perhaps with variables changed.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        place = self.folder / f"{process}-{program[0]}"
        copy_files(ROOT / "docker" / "private.Dockerfile", place)
        environment = self.environment(process) | changed
        subprocess.run([sys.executable, *program], cwd=place, env=environment, check=True)

    @contextmanager
    def process(self, image: str, process: str, *arguments: str) -> Iterator[None]:
        """Run the program of an image as the compose file does: its entry point, and arguments.

        Raises:
            AssertionError: it ended by itself.
        """
        dockerfile, place = ROOT / "docker" / f"{image}.Dockerfile", self.folder / process
        copy_files(dockerfile, place)
        said = {name: words for name, words in instructions(dockerfile) if name in {"ENTRYPOINT", "CMD"}}
        command: list[str] = json.loads(" ".join(said["ENTRYPOINT"]))
        given = arguments or json.loads(" ".join(said["CMD"]))
        running = subprocess.Popen(
            [sys.executable, *command[1:], *given], cwd=place, env=self.environment(process)
        )
        try:
            yield
            assert running.poll() is None, f"{process} ended with {running.returncode}"
        finally:
            running.terminate()
            running.wait(PATIENCE_SECONDS)

    @contextmanager
    def plane(self, plane: str, scope: str) -> Iterator[Client]:
        """Serve a plane, with a key for it."""
        port, health_port = free_port(), free_port()
        keys = ApiKeys.open(self.store.settings, plane, os.urandom)
        token, _ = keys.create(ApiKeySpec("tests", [scope], 1, 100_000))
        with self.process(
            plane, plane, "--host", "127.0.0.1", "--port", str(port), "--health-port", str(health_port)
        ):
            client = Client(f"http://127.0.0.1:{port}", token)
            health = Client(f"http://127.0.0.1:{health_port}", "")
            wait_until(lambda: health.ask("/healthz") == {"status": "ok"})
            wait_until(lambda: client.ask("/readyz") == {"status": "ok"})
            yield client


@dataclass(frozen=True)
class Client:
    """Asks a plane."""

    address: str
    token: str

    def ask(self, path: str, body: object = None) -> Any:
        """The answer's document."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.address + path, data, headers), timeout=5) as answer:  # noqa: S310 - our own server
            return json.load(answer)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A store that is set up."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "store").mkdir()
    with docker_store(folder / "store") as store:
        made = Deployment(store, folder)
        made.run("init", "-m", "api.cli", "init")
        yield made


def test_a_like_becomes_a_number(deployment: Deployment) -> None:
    """Likes go into the platform image and a number comes out of the public one, by way of the workers'.

    They go into the sandbox: it is the shipped policy with an epoch of seconds, where an hour and the public
    delay of two minutes would have to pass in real time. The processes and their settings are the same.
    """
    with ExitStack() as running:
        for worker, command in (("maintenance", "maintain"), ("relay", "relay"), ("release", "release")):
            running.enter_context(deployment.process("private", worker, command))
        public = running.enter_context(deployment.plane("public", "read"))
        platform = running.enter_context(deployment.plane("platform", "canary"))
        posted_at = format_timestamp(_now_ms() // 1000 * 1000)
        videos = [{"video_id": "v-1", "posted_at": posted_at}]
        assert platform.ask("/v1/sandbox/videos", videos)["verdicts"]["created"] == 1
        events = [
            {"type": "like", "account_id": f"a-{account}", "video_id": "v-1", "occurred_at": posted_at}
            for account in range(ACCOUNTS)
        ]
        assert platform.ask("/v1/sandbox/events", events)["verdicts"]["counted"] == ACCOUNTS
        wait_until(lambda: total_of(public)["status"] == "published")
        total = total_of(public)
        wait_until(lambda: can_export(deployment))
    assert abs(total["value"] - ACCOUNTS) < NOISE


def test_setting_up_again_changes_nothing(deployment: Deployment) -> None:
    """The same command on an existing store leaves its ids and its key as they are."""

    def state() -> tuple[object, ...]:
        headers = [admin.hgetall(STORE_HEADER), gallery_admin.hgetall(GALLERY_HEADER)]
        return (*headers, deployment.key_file.read_bytes())

    settings = deployment.store.settings
    with (
        closing(connect(settings, ADMIN, Room.PRIVATE)) as admin,
        closing(connect(settings, ADMIN, Room.GALLERY)) as gallery_admin,
    ):
        before = state()
        assert all(before)
        deployment.run("init", "-m", "api.cli", "init")
        assert state() == before


@pytest.mark.parametrize(
    "tool",
    [
        ("doctor",),
        ("audit", "wall"),
        ("keys", "list", "--plane", "public"),
        ("keys", "rotate-pseudonym-key"),
        ("rights", "access", "a-0", "--output", "access.json", "--note", "a test"),
    ],
    ids=" ".join,
)
def test_the_operator_has_what_the_tools_need(tool: tuple[str, ...], deployment: Deployment) -> None:
    """Every tool that works on the store itself finds it, and may do there what it does."""
    deployment.run("operator", "-m", "api.cli", *tool)


@pytest.mark.parametrize("worker", ["relay", "release", "maintenance"])
def test_a_worker_is_well_while_its_servers_answer(worker: str, deployment: Deployment) -> None:
    """The workers' health check passes with the store, and fails without one of the rooms that they enter."""
    deployment.run(worker, "ask_store.py", worker)
    for address in set(ADDRESSES.values()) & set(deployment.named(worker)):
        with pytest.raises(subprocess.CalledProcessError):
            deployment.run(worker, "ask_store.py", worker, **{address: NOBODY})


def can_export(deployment: Deployment) -> bool:
    """Return whether the ledger can be exported; it cannot before a head is signed."""
    try:
        deployment.run("operator", "-m", "api.cli", "ledger", "export", "ledger.ndjson")
    except subprocess.CalledProcessError:
        return False
    return True


def total_of(public: Client) -> Any:
    """The total of the video."""
    return public.ask("/v1/videos/sandbox:v-1/likes")["total"]


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that a process brings about; fail after a minute."""

    def look() -> bool:
        try:
            return holds()
        except (URLError, ConnectionError):
            return False  # not there yet

    eventually(look, "what the processes bring about", PATIENCE_SECONDS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
