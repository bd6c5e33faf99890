"""What the handlers of the platform plane work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from api.platform.event_decoder import EventDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.http.edge import Edge
    from api.http.idempotency import Idempotency
    from api.platform.moderation.services import Moderation
    from privacy.moderation.rights import Rights
    from privacy.policy import Intake
    from privacy.tally.catalogue import Registration
    from privacy.tally.target import TargetMetadata
    from privacy.vault.door import Outcome
    from privacy.vault.event_columns import EventColumns


class Door(Protocol):
    """Takes events in: `privacy.vault.door.IntakeDoor`."""

    def admit(self, events: EventColumns, now_ms: int) -> list[Outcome]:
        """Judge a batch and store what passes."""


class Registry(Protocol):
    """Registers targets: `privacy.tally.catalogue.Catalogue`."""

    def register(self, targets: Sequence[TargetMetadata], now_ms: int) -> list[Registration]:
        """Register targets or update their metadata."""


@dataclass(frozen=True)
class PlatformServices:
    """The platform plane, wired together in its app.

    Args:
        edge: what every request passes.
        door: of the vault.
        registry: of targets.
        intake: bounds on times.
        idempotency: answers kept for requests that are sent again.
        moderation: trust & safety.
        rights: of people.
        sandbox: the same for the sandbox; None where the policy in force has none.
        decoder: of events.
    """

    edge: Edge
    door: Door
    registry: Registry
    intake: Intake
    idempotency: Idempotency
    moderation: Moderation
    rights: Rights
    sandbox: PlatformServices | None = None
    decoder: EventDecoder = field(default_factory=EventDecoder)
