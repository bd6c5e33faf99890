"""The operations of a black-box audit on a deployment: reading, and planting canaries in its sandbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from privacy.errors import InvalidInputError

PREFIX = "sandbox:"
"""Prefix of the public ids of sandbox targets."""


@dataclass(frozen=True)
class Reply:
    """An HTTP response.

    Args:
        status: the HTTP status.
        headers: by name in lower case.
        body: the exact bytes.
        seconds: from the request to the last byte.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def document(self) -> Any:
        """The body as JSON.

        Raises:
            InvalidInputError: it is not JSON, because another service answers at this address.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise InvalidInputError(
                "answer", f"is {self.body[:40]!r}", "JSON, as returned by a plane of Likewise"
            ) from error


@dataclass(frozen=True)
class Canary:
    """A video of the sandbox.

    Args:
        name: the id on the platform plane.
        posted_at_ms: start of its schedule.
        hashtag: its hashtag on the platform plane; None for none.
    """

    name: str
    posted_at_ms: int
    hashtag: str | None = None

    @property
    def public_id(self) -> str:
        """The id on the public plane."""
        return PREFIX + self.name


@dataclass(frozen=True)
class CanaryEvent:
    """A like or unlike in the sandbox.

    Args:
        account: id of the account.
        video: name of the canary.
        profile: attributes of the account.
        liked: false for an unlike.
    """

    account: str
    video: str
    profile: Mapping[str, str] = field(default_factory=dict)
    liked: bool = True


class Deployment(Protocol):
    """A running deployment, seen from outside."""

    @property
    def keys(self) -> int:
        """Number of keys of the public plane."""

    def read(self, path: str, key: int | None = 0, headers: Mapping[str, str] | None = None) -> Reply:
        """Reads a path of the public plane with one of the keys, or without a key."""

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Registers videos in the sandbox."""

    def send(self, events: Sequence[CanaryEvent]) -> None:
        """Sends events to the sandbox; they are counted when this returns."""

    def metrics(self) -> Mapping[str, bytes]:
        """Reads the metrics of each plane that exposes them, by plane."""
