"""The Redis of `docker/compose.yaml`: its configuration and users, on a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from privacy.store.checks import check_durability
from privacy.store.connect import connect
from privacy.store.embedded import redis_server_program
from privacy.store.folder_lock import locked
from privacy.store.redis_conf import redis_conf
from privacy.store.server_process import ServerProcess
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, PUBLIC, USERS
from privacy.store.wall_checks import check_users, check_wall
from tests.support.dockerfile import ROOT
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONF: Final = ROOT / "docker" / "redis.conf"
PLACES: Final = {"port", "bind", "protected-mode", "dir", "aclfile", "unixsocket", "unixsocketperm"}
"""What differs because a container is another place."""
PROCESSES: Final = ("platform", "relay", "release", "public", "operator", "redis")


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
    """A running server with that configuration, and every password that the processes were given."""
    folder = secrets.parent
    port = free_port()
    text = CONF.read_text().replace("/data", str(folder)).replace("/etc/redis", str(secrets))
    (folder / "redis.conf").write_text(text.replace("port 6379", f"port {port}"))
    environment = {"LIKEWISE_REDIS_URL": f"redis://127.0.0.1:{port}"}
    for process in PROCESSES:
        environment |= _variables(secrets / f"{process}.env")
    settings = StoreSettings.from_environment(environment, USERS)
    with locked(folder, 1) as lock, closing(connect(settings, ADMIN)) as admin:
        server = ServerProcess(redis_server_program(), folder, lock)
        server.wait_until(lambda: check_durability(admin), 30)
        yield settings
        server.end()


def test_it_is_configured_as_the_embedded_one() -> None:
    """Every setting of the embedded Redis is there, but for those that say where things are."""
    assert _settings(CONF.read_text()) == _settings(redis_conf(0))


def test_it_is_durable(settings: StoreSettings) -> None:
    """What the server acknowledges is on disk."""
    with closing(connect(settings, ADMIN)) as admin:
        assert all(finding.ok for finding in check_durability(admin))


def test_it_has_exactly_the_declared_users(settings: StoreSettings) -> None:
    """The ACL file makes the users of the table and no others, and the wall stands."""
    with closing(connect(settings, ADMIN)) as admin, closing(connect(settings, PUBLIC)) as public:
        findings = [*check_users(admin, USERS), *check_wall(public)]
    assert not [finding for finding in findings if not finding.ok]


@pytest.mark.parametrize("process", PROCESSES)
def test_each_process_gets_its_own_passwords(process: str, secrets: Path, settings: StoreSettings) -> None:
    """The passwords of a process open the users that it connects as."""
    own = StoreSettings.from_environment(_variables(secrets / f"{process}.env"), USERS).passwords
    users = [user for user in USERS if user.name in own]
    assert users
    for user in users:
        with closing(connect(settings, user, user.rooms[0])) as client:
            assert client.ping()


def test_the_public_plane_is_given_nothing_else(secrets: Path) -> None:
    """The public plane's environment holds the passwords of its two users, and secrets are their owner's."""
    assert set(_variables(secrets / "public.env")) == {
        "LIKEWISE_PUBLIC_PASSWORD",
        "LIKEWISE_LIMITER_PASSWORD",
    }
    readable = {path.name for path in secrets.iterdir() if path.stat().st_mode & 0o077}
    assert readable == {"users.acl"}


def _settings(text: str) -> dict[str, str]:
    words = (line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, value in words if name not in PLACES}


def _variables(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())
