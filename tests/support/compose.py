"""What `docker/compose.yaml` says."""

from typing import Any, Final

import yaml

from privacy.store.acl import Room
from tests.support.dockerfile import ROOT

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
SERVERS: Final = {Room.PRIVATE: "vault", Room.GALLERY: "gallery"}
"""The service that holds a room, which is its network's name too."""
ADDRESSES: Final = {Room.PRIVATE: "LIKEWISE_VAULT_URL", Room.GALLERY: "LIKEWISE_GALLERY_URL"}


def mounts(service: str) -> dict[str, str]:
    """Return what is mounted into a service, by the place where it is there."""
    pairs = (volume.split(":")[:2] for volume in SERVICES[service].get("volumes", []))
    return {place: source for source, place in pairs}
