"""The compose file and the Dockerfiles: what can be said of them without an engine."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from api.http.front.bounds import FrontBounds
from privacy.store.acl import Room
from privacy.store.settings import names_read_by
from privacy.store.users import PROCESSES, Process
from tests.support.compose import ADDRESSES, COMPOSE, SERVERS, SERVICES, mounts
from tests.support.dockerfile import ROOT, instructions

BUILT: Final = sorted(name for name, service in SERVICES.items() if "build" in service)
LASTING: Final = (*SERVERS.values(), "platform", "relay", "release", "maintenance", "public")
PROXY: Final = "proxy"
EXACT_TAG: Final = re.compile(r"[a-z]+:\d+\.\d+\.\d+(-[a-z-]+)?")
DOCKERFILES: Final = sorted((ROOT / "docker").glob("*.Dockerfile"))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_confined(name: str) -> None:
    """No service runs as root, writes to its own image, gains or keeps a capability, or fills the disk."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"] == {"driver": "local"}  # which rotates
    user = service.get("user") or _last(name, "USER")
    assert user.split(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    """What goes on running can be asked whether it is well: in the compose file, or in its image."""
    assert "healthcheck" in SERVICES[name] or _last(name, "HEALTHCHECK")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_bases_are_pinned(dockerfile: Any) -> None:
    """Every stage starts from one exact version."""
    bases = re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)
    assert bases
    assert all(EXACT_TAG.fullmatch(base) for base in bases)


@pytest.mark.parametrize("server", SERVERS.values())
def test_redis_is_pinned(server: str) -> None:
    """The Redis image is one exact version."""
    assert EXACT_TAG.fullmatch(SERVICES[server]["image"])


def test_the_public_service_is_given_the_gallery_alone() -> None:
    """No address of the private room, no secret of another process and no volume reaches the public plane."""
    public = SERVICES["public"]
    assert list(public["environment"]) == [
        "LIKEWISE_GALLERY_URL",
        "LIKEWISE_ALLOWED_ORIGINS",
        "LIKEWISE_FRAME_ANCESTORS",
        *(f"LIKEWISE_OAUTH_{name}" for name in ("ISSUER", "AUDIENCE", "JWKS_URL", "CREATORS_CLAIM")),
    ]
    assert public["env_file"] == ["secrets/public.env"]
    assert "volumes" not in public


def test_the_public_service_shares_no_network_with_the_vault() -> None:
    """The public plane cannot open a connection to the server that holds vault and tally."""
    public, vault = (set(SERVICES[name]["networks"]) for name in ("public", "vault"))
    assert vault
    assert not public & vault


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {*SERVERS.values(), PROXY}))
def test_a_service_enters_the_rooms_of_its_users_alone(name: str) -> None:
    """A process has address and network of a room just if it has a password of a user that lives there."""
    processes = [Path(file).stem for file in SERVICES[name]["env_file"]]
    rooms = {room for process in processes for user in PROCESSES[Process(process)] for room in user.rooms}
    given: dict[str, str] = SERVICES[name]["environment"]
    addresses = {variable: url for variable, url in given.items() if variable in ADDRESSES.values()}
    assert addresses == {ADDRESSES[room]: f"redis://{SERVERS[room]}:6379" for room in rooms}
    assert set(SERVICES[name]["networks"]) - {"front"} == {SERVERS[room] for room in rooms}


@pytest.mark.parametrize("name", ["relay", "maintenance"])
def test_a_worker_of_the_private_room_reaches_nothing_else(name: str) -> None:
    """What works on vault and tally alone cannot open a connection to anything else."""
    assert SERVICES[name]["networks"] == ["vault"]


@pytest.mark.parametrize("name", BUILT)
def test_a_service_is_told_of_what_it_mounts(name: str) -> None:
    """The folders that are mounted are those that variables name, and those of files that they name."""
    given: dict[str, str] = SERVICES[name]["environment"]
    files = {str(Path(place).parent) for variable, place in given.items() if variable.endswith("_FILE")}
    folders = {place for variable, place in given.items() if variable.endswith("_DIR")}
    assert files | folders == mounts(name).keys()
    assert set(mounts(name).values()) <= COMPOSE["volumes"].keys()


@pytest.mark.parametrize("name", BUILT)
def test_a_service_is_given_what_its_process_reads(name: str) -> None:
    """The variables of a service are those of its process in the table of settings, but for two defaults."""
    given = set(SERVICES[name]["environment"])
    passwords = {variable for variable in names_read_by(Process(name)) if variable.endswith("_PASSWORD")}
    assert given == set(names_read_by(Process(name))) - passwords - {"LIKEWISE_REDIS_URL", "LIKEWISE_POLICY"}


def test_only_init_and_operator_write_keys() -> None:
    """They create and rotate the pseudonym and ledger keys; processes only read them."""
    keys = ("pseudonym-key:", "ledger-key:")
    writers = {
        name
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
        if volume.startswith(keys) and not volume.endswith(":ro")
    }
    assert writers == {"init", "operator"}


@pytest.mark.parametrize("name", LASTING)
def test_each_service_has_its_own_secrets(name: str) -> None:
    """A lasting service gets the one file that is named after it."""
    assert SERVICES[name]["env_file"] == [f"secrets/{name}.env"]


def test_ports_are_open_on_this_machine_only() -> None:
    """No port is open to other machines, and a server is reachable in its network only."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8081:8081", "127.0.0.1:8080:8080"]
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert outside == {PROXY}
    front = {name for name, service in SERVICES.items() if "front" in service["networks"]}
    assert front == {"platform", "public", PROXY}
    assert COMPOSE["networks"]["front"]["internal"] is True
    for server in SERVERS.values():
        assert COMPOSE["networks"][server]["internal"] is True
        assert SERVICES[server]["networks"] == [server]


def test_the_proxy_has_no_secret_and_gives_up_before_the_planes() -> None:
    """The proxy is given its configuration alone, and ends idle connections to planes before they do."""
    proxy = SERVICES[PROXY]
    assert not {"env_file", "environment"} & proxy.keys()
    assert EXACT_TAG.fullmatch(proxy["image"])
    assert mounts(PROXY) == {"/etc/nginx/nginx.conf": "./nginx.conf"}
    configuration = (ROOT / "docker" / "nginx.conf").read_text()
    idle = re.findall(r"keepalive 32; keepalive_timeout (\d+)s;", configuration)
    assert len(idle) == 2
    assert all(int(seconds) < FrontBounds().idle_seconds for seconds in idle)
    assert set(re.findall(r"server (\w+:\d+);", configuration)) == {"public:8080", "platform:8081"}


def test_the_proxy_logs_no_client_and_no_path() -> None:
    """Each line of nginx below the level of a start that fails names both, so none of these is written."""
    configuration = (ROOT / "docker" / "nginx.conf").read_text()
    assert re.findall(r"access_log ([^;]+);", configuration) == ["off"]
    assert re.findall(r"error_log ([^;]+);", configuration) == ["/dev/stderr emerg"]


def test_the_proxy_names_a_host_for_a_client_that_names_none() -> None:
    """A request of HTTP/1.0 may have no Host; it is passed on as HTTP/1.1, which needs one."""
    configuration = (ROOT / "docker" / "nginx.conf").read_text()
    servers = re.findall(r"^    server \{$(.*?)^    \}$", configuration, re.MULTILINE | re.DOTALL)
    assert [re.findall(r"server_name (\w+);", server) for server in servers] == [["likewise"]] * 2
    assert "proxy_set_header Host $host;" in configuration


def test_each_server_keeps_its_own_data() -> None:
    """No two servers write to one folder, and what they write outlives them."""
    data = [mounts(server)["/data"] for server in SERVERS.values()]
    assert len(set(data)) == len(SERVERS)
    assert set(data) <= COMPOSE["volumes"].keys()


@pytest.mark.parametrize("room", Room)
def test_a_server_is_asked_as_a_user_who_may_do_nothing_else(room: Room) -> None:
    """The password that a server is given is the one of its health check, which reaches no key."""
    server = SERVERS[room]
    [user] = PROCESSES[Process(server)]
    assert (user.keyless, user.grants) == (("ping",), ())
    question = SERVICES[server]["healthcheck"]["test"][-1]
    assert f"$$LIKEWISE_{user.name.upper()}_PASSWORD" in question
    assert f" --user {user.name} " in question


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - set(SERVERS.values())))
def test_nothing_starts_before_what_it_needs(name: str) -> None:
    """The store is set up once both servers answer, processes start once it is, the proxy after them."""
    if name == PROXY:
        needed = {plane: {"condition": "service_healthy"} for plane in ("platform", "public")}
    elif name in {"init", "operator"}:
        needed = {server: {"condition": "service_healthy"} for server in SERVERS.values()}
    else:
        needed = {"init": {"condition": "service_completed_successfully"}}
    assert SERVICES[name]["depends_on"] == needed


@pytest.mark.parametrize("name", BUILT)
def test_what_it_names_is_there(name: str) -> None:
    """Dockerfiles and mounted files exist, but for the secrets, which are made."""
    service = SERVICES[name]
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    mounted = [source for server in SERVERS.values() for source in mounts(server).values()]
    files = [place for place in mounted if place.startswith("./") and not place.startswith("./secrets/")]
    assert files
    assert all((ROOT / "docker" / place).is_file() for place in files)


def _last(name: str, instruction: str) -> str:
    """Words of the last such instruction in a service's Dockerfile; empty if there is none."""
    if name not in BUILT:
        return ""
    dockerfile = ROOT / SERVICES[name]["build"]["dockerfile"]
    said = [" ".join(words) for word, words in instructions(dockerfile) if word == instruction]
    return said[-1] if said else ""
