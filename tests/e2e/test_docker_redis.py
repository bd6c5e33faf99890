"""The two Redis of `docker/compose.yaml`: their configuration and users, on real servers."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from privacy.embedded.config import redis_conf
from privacy.store.acl import Room, acl_file
from privacy.store.checks import check_durability
from privacy.store.connect import connect
from privacy.store.settings import Settings, StoreSettings
from privacy.store.users import ADMIN, PROCESSES, PUBLIC, USERS
from privacy.store.wall_checks import check_users, check_wall
from tests.support.docker_store import DockerStore, docker_store, variables
from tests.support.dockerfile import ROOT

CONF: Final = ROOT / "docker" / "redis.conf"
PLACES: Final = {"port", "bind", "protected-mode", "dir", "aclfile", "unixsocket", "unixsocketperm"}
"""What differs because a container is another place."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerStore]:
    """Both servers, running."""
    with docker_store(tmp_path_factory.mktemp("docker")) as store:
        yield store


@pytest.fixture
def settings(running: DockerStore) -> StoreSettings:
    """Both addresses, and every password that a process was given."""
    return running.settings


@pytest.fixture
def secrets(running: DockerStore) -> Path:
    """Return what `likewise init --secrets` wrote."""
    return running.secrets


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


@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_each_process_gets_its_own_passwords(process: str, secrets: Path, settings: StoreSettings) -> None:
    """The passwords of a process open the users that it connects as, on every server that has them."""
    own = Settings.from_environment(variables(secrets / f"{process}.env")).store.passwords
    users = [user for user in USERS if user.name in own]
    assert users
    for user in users:
        for room in user.rooms:
            with closing(connect(settings, user, room)) as client:
                assert client.ping()


def test_the_public_plane_is_given_nothing_else(secrets: Path) -> None:
    """The public plane's environment holds the passwords of its two users, and secrets are their owner's."""
    assert set(variables(secrets / "public.env")) == {
        "LIKEWISE_PUBLIC_PASSWORD",
        "LIKEWISE_LIMITER_PASSWORD",
    }
    readable = {path.name for path in secrets.iterdir() if path.stat().st_mode & 0o077}
    assert readable == {"vault.acl", "gallery.acl", "users.acl"}


def _settings(text: str) -> dict[str, str]:
    words = (line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, value in words if name not in PLACES}
