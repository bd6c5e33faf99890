"""The two Redis of `docker/compose.yaml`: their configuration and users, on real servers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from privacy.store.acl import Room, acl_file
from privacy.store.checks import check_durability
from privacy.store.connect import connect
from privacy.store.embedded import redis_server_program
from privacy.store.folder_lock import locked
from privacy.store.redis_conf import redis_conf
from privacy.store.server_process import ServerProcess
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, PUBLIC, USERS
from privacy.store.wall_checks import check_users, check_wall
from tests.support.compose import ADDRESSES, PASSWORDS, SERVERS, mounts
from tests.support.dockerfile import ROOT
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CONF: Final = ROOT / "docker" / "redis.conf"
PLACES: Final = {"port", "bind", "protected-mode", "dir", "aclfile", "unixsocket", "unixsocketperm"}
"""What differs because a container is another place."""
PROCESSES: Final = sorted(PASSWORDS)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `docker/make_secrets.py` writes, after running twice."""
    folder = tmp_path_factory.mktemp("docker") / "secrets"
    for _ in range(2):
        command = [sys.executable, "docker/make_secrets.py", str(folder)]
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, check=True)
    return folder


@pytest.fixture(scope="module")
def settings(secrets: Path) -> Iterator[StoreSettings]:
    """Both servers, running, and every password that the processes were given."""
    ports = {room: free_port() for room in Room}
    environment = {ADDRESSES[room]: f"redis://127.0.0.1:{port}" for room, port in ports.items()}
    for process in PROCESSES:
        environment |= _variables(secrets / f"{process}.env")
    settings = StoreSettings.from_environment(environment, USERS)
    with ExitStack() as running:
        for room, port in ports.items():
            running.enter_context(_server(settings, room, port, secrets))
        yield settings


@contextmanager
def _server(settings: StoreSettings, room: Room, port: int, secrets: Path) -> Iterator[None]:
    """Run a room's server with the configuration and the users that the compose file mounts."""
    mounted = mounts(SERVERS[room])
    folder = secrets.parent / room
    folder.mkdir()
    shutil.copyfile(secrets / Path(mounted["/etc/redis/users.acl"]).name, folder / "users.acl")
    text = (ROOT / "docker" / mounted["/etc/redis/redis.conf"]).read_text()
    text = text.replace("/data", str(folder)).replace("/etc/redis", str(folder))
    (folder / "redis.conf").write_text(text.replace("port 6379", f"port {port}"))
    with locked(folder, 1) as lock, closing(connect(settings, ADMIN, room)) as admin:
        server = ServerProcess(redis_server_program(), folder, lock)
        try:
            server.wait_until(lambda: check_durability(admin), 30)
            yield
        finally:
            server.end()


def test_it_is_configured_as_the_embedded_one() -> None:
    """Every setting of the embedded Redis is there, but for those that say where things are."""
    assert _settings(CONF.read_text()) == _settings(redis_conf(0))


@pytest.mark.parametrize("room", Room)
def test_it_is_durable(room: Room, settings: StoreSettings) -> None:
    """What a server acknowledges is on disk."""
    with closing(connect(settings, ADMIN, room)) as admin:
        assert all(finding.ok for finding in check_durability(admin))


@pytest.mark.parametrize("room", Room)
def test_it_has_exactly_the_users_of_its_room(room: Room, settings: StoreSettings) -> None:
    """A server's ACL file makes the users that the table has in its room, and no others."""
    with closing(connect(settings, ADMIN, room)) as admin:
        findings = check_users(admin, [user for user in USERS if room in user.rooms])
    assert not [finding for finding in findings if not finding.ok]


def test_the_wall_stands(settings: StoreSettings) -> None:
    """The public plane's own user can do nothing but read the gallery."""
    with closing(connect(settings, PUBLIC)) as public:
        assert not [finding for finding in check_wall(public) if not finding.ok]


def test_one_server_gets_all_users(secrets: Path) -> None:
    """A deployment with one Redis for both rooms has a file for it."""
    passwords = json.loads((secrets / "passwords.json").read_text())
    assert (secrets / "users.acl").read_text() == acl_file(USERS, passwords)


@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_gets_its_own_passwords(process: str, secrets: Path, settings: StoreSettings) -> None:
    """The passwords of a process open the users that it connects as, on every server that has them."""
    own = StoreSettings.from_environment(_variables(secrets / f"{process}.env"), USERS).passwords
    users = [user for user in USERS if user.name in own]
    assert users
    for user in users:
        for room in user.rooms:
            with closing(connect(settings, user, room)) as client:
                assert client.ping()


def test_the_public_plane_is_given_nothing_else(secrets: Path) -> None:
    """The public plane's environment holds the passwords of its two users, and secrets are their owner's."""
    assert set(_variables(secrets / "public.env")) == {
        "LIKEWISE_PUBLIC_PASSWORD",
        "LIKEWISE_LIMITER_PASSWORD",
    }
    readable = {path.name for path in secrets.iterdir() if path.stat().st_mode & 0o077}
    assert readable == {"vault.acl", "gallery.acl", "users.acl"}


def _settings(text: str) -> dict[str, str]:
    words = (line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, value in words if name not in PLACES}


def _variables(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())
