"""The sandbox: where a reviewer's canaries meet the same code, under names that no real thing can have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from api.http.api_keys import CANARY
from api.http.operation import Operation, Request, Response
from api.platform.services import Door, PlatformServices, Registry
from privacy.catalogue.catalogue import Registration, TargetMetadata
from privacy.errors import InvalidInputError, NotFoundError
from privacy.intake.admission import Outcome
from privacy.intake.event import Event
from privacy.intake.event_columns import EventColumns
from privacy.model.sandbox import sandbox_account, sandbox_id

PATH = "/v1/sandbox"


@dataclass(frozen=True)
class SandboxDoor:
    """Takes a reviewer's events in: their accounts and targets are the sandbox's own.

    Args:
        door: judges them by the sandbox's policy.
    """

    door: Door

    def admit(self, events: EventColumns, now_ms: int) -> list[Outcome]:
        """Judge a batch and store what passes."""
        return self.door.admit(
            EventColumns.from_events([_renamed(event) for event in events.to_events()]), now_ms
        )


@dataclass(frozen=True)
class SandboxRegistry:
    """Registers a reviewer's canaries.

    Args:
        registry: binds them to the sandbox's policy.
    """

    registry: Registry

    def register(self, targets: Sequence[TargetMetadata], now_ms: int) -> list[Registration]:
        """Register canaries or update their metadata.

        Raises:
            InvalidInputError: an id is too long for the sandbox's prefix; nothing was stored.
        """
        return self.registry.register([_renamed_target(target) for target in targets], now_ms)


def in_sandbox(operation: Operation[PlatformServices]) -> Operation[PlatformServices]:
    """The same operation on the sandbox, for a reviewer's key."""
    return replace(
        operation,
        path=operation.path.replace("/v1", PATH, 1),
        operation_id=f"{operation.operation_id}_in_sandbox",
        summary=f"{operation.summary}, for canaries",
        description=f"As `{operation.method} {operation.path}`, for canaries: the same code and policy with "
        "a compressed schedule. In public what is called `x` here is called `sandbox:x`. Accounts are the "
        "sandbox's own too.",
        scope=CANARY,
        handler=_with_sandbox(operation.handler),
    )


def _with_sandbox(
    handler: Callable[[PlatformServices, Request], Response],
) -> Callable[[PlatformServices, Request], Response]:
    def handle(services: PlatformServices, call: Request) -> Response:
        if services.sandbox is None:
            raise NotFoundError("the policy in force has no sandbox")
        return handler(services.sandbox, call)

    return handle


def _renamed(event: Event | InvalidInputError) -> Event | InvalidInputError:
    if isinstance(event, InvalidInputError):
        return event
    try:
        target_id = sandbox_id("video_id", event.target_id)
    except InvalidInputError as error:
        return error
    # A network would stand beside real accounts' in what staff is shown.
    return msgspec.structs.replace(
        event, account_id=sandbox_account(event.account_id), target_id=target_id, network=None
    )


def _renamed_target(target: TargetMetadata) -> TargetMetadata:
    """Everything that a rollup might gather by gets the prefix."""
    return replace(
        target,
        target_id=sandbox_id("video_id", target.target_id),
        creator_id=target.creator_id and sandbox_id("creator_id", target.creator_id),
        sound_id=target.sound_id and sandbox_id("sound_id", target.sound_id),
        hashtags=tuple(sandbox_id("hashtags", hashtag) for hashtag in target.hashtags),
    )
