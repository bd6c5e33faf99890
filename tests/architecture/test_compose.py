"""The compose file and the Dockerfiles: what can be said of them without an engine."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml

from tests.support.dockerfile import ROOT, instructions

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
BUILT: Final = sorted(name for name, service in SERVICES.items() if "build" in service)
LASTING: Final = ("redis", "platform", "relay", "release", "steward", "public")
EXACT_TAG: Final = re.compile(r"[a-z]+:\d+\.\d+\.\d+(-[a-z-]+)?")
DOCKERFILES: Final = sorted((ROOT / "docker").glob("*.Dockerfile"))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_confined(name: str) -> None:
    """No service runs as root, writes to its own image, keeps a capability or gains one."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
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


def test_redis_is_pinned() -> None:
    """The Redis image is one exact version."""
    assert EXACT_TAG.fullmatch(SERVICES["redis"]["image"])


def test_the_public_service_is_given_the_gallery_alone() -> None:
    """No address of the private room, no secret of another process and no volume reaches the public plane."""
    public = SERVICES["public"]
    assert list(public["environment"]) == ["LIKEWISE_GALLERY_URL"]
    assert public["env_file"] == ["secrets/public.env"]
    assert "volumes" not in public


@pytest.mark.parametrize("name", LASTING)
def test_each_service_has_its_own_secrets(name: str) -> None:
    """A lasting service gets the one file that is named after it."""
    assert SERVICES[name]["env_file"] == [f"secrets/{name}.env"]


def test_ports_are_open_on_this_machine_only() -> None:
    """Nothing listens to the world, and the store to nobody outside its network."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8081:8081", "127.0.0.1:8080:8080"]
    assert COMPOSE["networks"]["store"]["internal"] is True
    assert SERVICES["redis"]["networks"] == ["store"]


@pytest.mark.parametrize("name", BUILT)
def test_what_it_names_is_there(name: str) -> None:
    """Dockerfiles and mounted files exist, but for the secrets, which are made."""
    service = SERVICES[name]
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    mounted = [volume.split(":")[0] for volume in SERVICES["redis"]["volumes"]]
    files = [place for place in mounted if place.startswith("./") and not place.startswith("./secrets/")]
    assert all((ROOT / "docker" / place).is_file() for place in files)


def _last(name: str, instruction: str) -> str:
    """Words of the last such instruction in a service's Dockerfile; empty if there is none."""
    if name not in BUILT:
        return ""
    dockerfile = ROOT / SERVICES[name]["build"]["dockerfile"]
    said = [" ".join(words) for word, words in instructions(dockerfile) if word == instruction]
    return said[-1] if said else ""
