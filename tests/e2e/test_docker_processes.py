"""The images' programs run for real: exactly their files, their command, and the passwords of their process.

What Docker itself would add (the base image, the user, the network) is not tried here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from api.cli.api_keys import KeyRing, KeyTerms
from privacy.model.timestamp import format_timestamp
from privacy.store.keys import STORE_HEADER, outbox_key
from privacy.store.users import ADMIN, LIMITER, NOTARY, PLATFORM, PUBLIC, PUBLISHER, RELAY, RELEASE, STEWARD
from tests.support.compose import ADDRESSES, SERVICES
from tests.support.dockerfile import ROOT, copy_files, instructions
from tests.support.eventually import eventually
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from privacy.store.acl import AclUser
    from privacy.store.settings import StoreSettings
    from tests.support.redis_server import Store

PATIENCE_SECONDS: Final = 60
ACCOUNTS: Final = 2_000
NOBODY: Final = "redis://127.0.0.1:1"
NOISE: Final = 200
"""About 18 standard deviations of the first total."""
USERS_OF: Final[dict[str, tuple[AclUser, ...]]] = {
    "platform": (PLATFORM, PUBLISHER),
    "public": (PUBLIC, LIMITER),
    "relay": (RELAY,),
    "steward": (STEWARD,),
    "release": (RELEASE, PUBLISHER, NOTARY),
    "operator": (ADMIN, PUBLISHER),
}


@dataclass(frozen=True)
class Deployment:
    """A founded store, and folders that stand for images."""

    settings: StoreSettings
    folder: Path

    @property
    def key_file(self) -> Path:
        """Of the pseudonyms."""
        return self.folder / "pseudonym.key"

    def environment(self, process: str) -> dict[str, str]:
        """What the compose file gives a process."""
        named = SERVICES[process]["environment"]
        places = {
            "LIKEWISE_PSEUDONYM_KEY_FILE": str(self.key_file),
            "LIKEWISE_LEDGER_KEY_FILE": str(self.folder / "ledger.key"),
        }
        own = {variable: place for variable, place in places.items() if variable in named}
        urls = {room: url for room, url in self.settings.urls.items() if ADDRESSES[room] in named}
        settings = replace(self.settings, urls=urls)
        return {"PATH": os.environ["PATH"]} | own | settings.environment(USERS_OF[process])

    def run(self, process: str, *program: str) -> None:
        """Run a program of the private image that ends by itself.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        place = self.folder / f"{process}-{program[0]}"
        copy_files(ROOT / "docker" / "private.Dockerfile", place)
        subprocess.run([sys.executable, *program], cwd=place, env=self.environment(process), check=True)

    @contextmanager
    def process(self, image: str, process: str, *arguments: str) -> Iterator[None]:
        """Run the program of an image as the compose file does: its entry point, and arguments."""
        dockerfile, place = ROOT / "docker" / f"{image}.Dockerfile", self.folder / process
        copy_files(dockerfile, place)
        said = {name: words for name, words in instructions(dockerfile) if name in {"ENTRYPOINT", "CMD"}}
        command: list[str] = json.loads(" ".join(said["ENTRYPOINT"]))
        given = arguments if image == "private" else (*json.loads(" ".join(said["CMD"])), *arguments)
        running = subprocess.Popen(
            [sys.executable, *command[1:], *given], cwd=place, env=self.environment(process)
        )
        try:
            yield
        finally:
            running.terminate()
            running.wait(PATIENCE_SECONDS)

    @contextmanager
    def plane(self, plane: str, scope: str) -> Iterator[Client]:
        """Serve a plane, with a key for it."""
        port = free_port()
        keys = KeyRing.open(self.settings, plane, _now_ms, os.urandom)
        token, _ = keys.create(KeyTerms("tests", [scope], 1, 100_000))
        with self.process(plane, plane, "--host", "127.0.0.1", "--port", str(port)):
            client = Client(f"http://127.0.0.1:{port}", token)
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


@pytest.fixture
def deployment(store: Store, tmp_path: Path) -> Deployment:
    """A founded store, before any process runs."""
    made = Deployment(store.settings, tmp_path)
    made.run("operator", "found_store.py")
    return made


def test_a_like_becomes_a_number(store: Store, deployment: Deployment) -> None:
    """Likes go into the platform image and a number comes out of the public one, by way of the workers'."""
    with ExitStack() as running:
        platform = running.enter_context(deployment.plane("platform", "ingest"))
        public = running.enter_context(deployment.plane("public", "read"))
        posted_at = format_timestamp(
            (_now_ms() - 3_590_000) // 1000 * 1000
        )  # its first hour ends in some seconds
        videos = [{"video_id": "v-1", "posted_at": posted_at}]
        assert platform.ask("/v1/videos", videos)["verdicts"]["created"] == 1
        events = [
            {"type": "like", "account_id": f"a-{account}", "video_id": "v-1", "occurred_at": posted_at}
            for account in range(ACCOUNTS)
        ]
        assert platform.ask("/v1/events", events)["verdicts"]["counted"] == ACCOUNTS
        running.enter_context(deployment.process("private", "relay", "relay"))
        wait_until(lambda: not any(store.root.xlen(outbox_key(shard)) for shard in range(8)))
        running.enter_context(deployment.process("private", "release", "release"))
        wait_until(lambda: total_of(public)["epoch"] is not None)
        total = total_of(public)
    assert total["status"] == "published"
    assert abs(total["value"] - ACCOUNTS) < NOISE


def test_founding_again_changes_nothing(store: Store, deployment: Deployment) -> None:
    """The same program on a founded store leaves its id and its key as they are."""
    before = (store.root.hgetall(STORE_HEADER), deployment.key_file.read_bytes())
    deployment.run("operator", "found_store.py")
    assert (store.root.hgetall(STORE_HEADER), deployment.key_file.read_bytes()) == before


@pytest.mark.parametrize("worker", ["relay", "release", "steward"])
def test_a_worker_is_well_while_its_servers_answer(worker: str, deployment: Deployment) -> None:
    """The workers' health check passes with the store, and fails without one of the rooms that they enter."""
    deployment.run(worker, "ask_store.py", worker)
    for room in {room for user in USERS_OF[worker] for room in user.rooms}:
        urls = {**deployment.settings.urls, room: NOBODY}
        gone = replace(deployment, settings=replace(deployment.settings, urls=urls))
        with pytest.raises(subprocess.CalledProcessError):
            gone.run(worker, "ask_store.py", worker)


def total_of(public: Client) -> Any:
    """The total of the video."""
    return public.ask("/v1/videos/v-1/likes")["total"]


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
