"""What a black-box audit may do with a deployment: read as anybody may, and plant canaries in its sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from privacy.errors import InvalidInputError

PREFIX = "sandbox:"
"""What the sandbox's targets are called in public begins so."""


@dataclass(frozen=True)
class Reply:
    """An answer.

    Args:
        status: the HTTP status.
        headers: names in lower case.
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
            InvalidInputError: it is none: something else answers at this address.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise InvalidInputError(
                "answer", f"is {self.body[:40]!r}", "JSON, as a plane of Likewise answers"
            ) from error


@dataclass(frozen=True)
class Canary:
    """A video of the sandbox.

    Args:
        name: as the platform plane knows it.
        posted_at_ms: start of its schedule.
    """

    name: str
    posted_at_ms: int

    @property
    def public_id(self) -> str:
        """As the public plane knows it."""
        return PREFIX + self.name


@dataclass(frozen=True)
class CanaryEvent:
    """A like in the sandbox, or the end of one.

    Args:
        account: who.
        video: name of the canary.
        profile: what is said about the account.
        liked: false takes it back.
    """

    account: str
    video: str
    profile: Mapping[str, str] = field(default_factory=dict)
    liked: bool = True


class Deployment(Protocol):
    """A running deployment, seen from outside."""

    @property
    def keys(self) -> int:
        """How many keys of the public plane there are."""

    def read(self, path: str, key: int | None = 0, headers: Mapping[str, str] | None = None) -> Reply:
        """GET a path of the public plane with one of the keys, or without."""

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Register videos in the sandbox."""

    def send(self, events: Sequence[CanaryEvent]) -> None:
        """Send events to the sandbox; counted when this returns."""

    def metrics(self) -> Mapping[str, bytes]:
        """What each plane that can be asked says of itself, by plane."""
