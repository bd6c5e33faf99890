"""The two servers of `docker/compose.yaml`, running, with what `likewise init --secrets` writes."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.http.command import ExitCode
from privacy.embedded.lock import locked
from privacy.embedded.process import ServerProcess
from privacy.embedded.server import PAUSE_SECONDS, redis_server_program
from privacy.store.acl import Room
from privacy.store.checks import check_durability
from privacy.store.connect import connect
from privacy.store.settings import Settings, StoreSettings
from privacy.store.users import ADMIN, PROCESSES
from tests.support.command_line import likewise
from tests.support.compose import ADDRESSES, SERVERS, SERVICES, mounts
from tests.support.dockerfile import ROOT
from tests.support.ports import free_port


@dataclass(frozen=True)
class DockerStore:
    """Both servers.

    Args:
        secrets: what `likewise init --secrets` wrote.
        settings: both addresses, and every password that a process was given.
    """

    secrets: Path
    settings: StoreSettings

    def environment(self, service: str) -> dict[str, str]:
        """The addresses and passwords that the compose file gives a service."""
        named = SERVICES[service]["environment"]
        urls = {ADDRESSES[room]: url for room, url in self.settings.urls.items()}
        given = {variable: url for variable, url in urls.items() if variable in named}
        for file in SERVICES[service]["env_file"]:
            given |= variables(self.secrets / Path(file).name)
        return given


@contextmanager
def docker_store(folder: Path) -> Iterator[DockerStore]:
    """Write secrets twice, as after an upgrade, and run both servers on them, in an empty folder."""
    secrets = folder / "secrets"
    for _ in range(2):
        written = likewise("init", "--secrets", secrets)
        assert written.returncode == ExitCode.OK, written.stderr
    ports = {room: free_port() for room in Room}
    environment = {ADDRESSES[room]: f"redis://127.0.0.1:{port}" for room, port in ports.items()}
    for process in PROCESSES:
        environment |= variables(secrets / f"{process}.env")
    store = DockerStore(secrets, Settings.from_environment(environment).store)
    with ExitStack() as running:
        for room, port in ports.items():
            running.enter_context(_server(store, room, port))
        yield store


def variables(file: Path) -> dict[str, str]:
    """Return what an environment file sets."""
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


@contextmanager
def _server(store: DockerStore, room: Room, port: int) -> Iterator[None]:
    """Run a room's server with the configuration and the users that the compose file mounts."""
    mounted = mounts(SERVERS[room])
    folder = store.secrets.parent / room
    folder.mkdir()
    shutil.copyfile(store.secrets / Path(mounted["/etc/redis/users.acl"]).name, folder / "users.acl")
    text = (ROOT / "docker" / mounted["/etc/redis/redis.conf"]).read_text()
    text = text.replace("/data", str(folder)).replace("/etc/redis", str(folder))
    (folder / "redis.conf").write_text(text.replace("port 6379", f"port {port}"))
    with locked(folder, 1) as lock, closing(connect(store.settings, ADMIN, room)) as admin:
        server = ServerProcess(redis_server_program(), folder, lock)
        try:
            while not server.is_ready(lambda: check_durability(admin), 30):
                time.sleep(PAUSE_SECONDS)
            yield
        finally:
            server.end()
