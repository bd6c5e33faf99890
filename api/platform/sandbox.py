"""The sandbox: runs the same code on a reviewer's canaries, under names that no real object can have."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from api.http.api_keys import CANARY
from api.http.operation import Operation, Request, Response
from api.platform.services import PlatformServices
from privacy.catalogue.canary_places import SandboxPlaces
from privacy.catalogue.catalogue import Catalogue, Registration, TargetMetadata
from privacy.errors import InvalidInputError, NotFoundError
from privacy.intake.admission import AdmissionControl, Outcome
from privacy.intake.event import Event
from privacy.intake.event_columns import EventColumns
from privacy.intake.taken import Takings
from privacy.model.sandbox import sandbox_account, sandbox_id

PATH = "/v1/sandbox"
_DIGEST_BYTES = 12
KEEP_SECONDS = 60
"""How long a response is kept for a repeated request: for a retry, not for a day."""


@dataclass(frozen=True)
class SandboxAdmission(AdmissionControl):
    """Takes in a reviewer's events by the sandbox's policy; accounts and targets are the sandbox's own.

    Args:
        places: bounds the number of accounts; None for a store that is thrown away.
        digest_key: returns the secret key of the digests by which accounts take their places.
        caller: id of the reviewer's API key.
    """

    places: SandboxPlaces | None = None
    digest_key: Callable[[], bytes] = bytes
    caller: str = ""

    def for_caller(self, key_id: str) -> SandboxAdmission:
        """Return the same admission for another API key."""
        return replace(self, caller=key_id)

    def admit(self, events: EventColumns, now_ms: int, takings: Takings | None = None) -> list[Outcome]:
        """Check a batch and store what passes, under the sandbox's names.

        Raises:
            ConflictError: the API key, or the store, has too many accounts; nothing was stored.
        """
        renamed = [_rename_event(event) for event in events.to_events()]
        if self.places:
            key = self.digest_key()
            names = {event.account_id for event in renamed if isinstance(event, Event)}
            digests = [hmac.digest(key, name.encode(), "sha256")[:_DIGEST_BYTES] for name in sorted(names)]
            if digests:
                self.places.reserve(self.caller, digests, now_ms)
        return super().admit(EventColumns.from_events(renamed), now_ms, takings)


@dataclass(frozen=True)
class SandboxCatalogue(Catalogue):
    """Registers a reviewer's canaries, which are bound to the sandbox's policy.

    Args:
        places: bounds their number; None for a store that is thrown away.
        caller: id of the reviewer's API key.
    """

    places: SandboxPlaces | None = None
    caller: str = ""

    def for_caller(self, key_id: str) -> SandboxCatalogue:
        """Return the same catalogue for another API key."""
        return replace(self, caller=key_id)

    def register(self, targets: Sequence[TargetMetadata], now_ms: int) -> list[Registration]:
        """Register canaries or update their metadata, under the sandbox's names.

        Raises:
            ConflictError: the API key, or the store, has too many canaries; nothing was registered.
            InvalidInputError: an id is too long for the sandbox's prefix; nothing was stored.
        """
        canaries = [_rename_target(target) for target in targets]
        if self.places and canaries:
            self.places.reserve(self.caller, [canary.target_id for canary in canaries], now_ms)
        return super().register(canaries, now_ms)


def in_sandbox(operation: Operation[PlatformServices]) -> Operation[PlatformServices]:
    """Return the same operation on the sandbox, for a reviewer's API key."""
    return replace(
        operation,
        path=operation.path.replace("/v1", PATH, 1),
        operation_id=f"{operation.operation_id}_in_sandbox",
        summary=f"{operation.summary}, for canaries",
        description=f"Like `{operation.method} {operation.path}`, for canaries: the same code and policy "
        "with a compressed schedule. The target `x` is called `sandbox:x` in public. Accounts are the "
        "sandbox's own, too.",
        scope=CANARY,
        handler=_run_in_sandbox(operation.handler),
    )


def _run_in_sandbox(
    handler: Callable[[PlatformServices, Request], Response],
) -> Callable[[PlatformServices, Request], Response]:
    def handle(services: PlatformServices, request: Request) -> Response:
        if services.sandbox is None:
            raise NotFoundError("The policy in force has no sandbox.")
        sandbox, catalogue = services.sandbox, services.sandbox.catalogue
        if request.key and isinstance(catalogue, SandboxCatalogue):
            sandbox = replace(sandbox, catalogue=catalogue.for_caller(request.key.key_id))
        if request.key and isinstance(sandbox.admission, SandboxAdmission):
            sandbox = replace(sandbox, admission=sandbox.admission.for_caller(request.key.key_id))
        return handler(sandbox, request)

    return handle


def _rename_event(event: Event | InvalidInputError) -> Event | InvalidInputError:
    if isinstance(event, InvalidInputError):
        return event
    try:
        target_id = sandbox_id("video_id", event.target_id)
    except InvalidInputError as error:
        return error
    # A network would be shown to staff together with those of real accounts.
    return msgspec.structs.replace(
        event, account_id=sandbox_account(event.account_id), target_id=target_id, network=None
    )


def _rename_target(target: TargetMetadata) -> TargetMetadata:
    """Prefix everything by which a rollup might group."""
    return replace(
        target,
        target_id=sandbox_id("video_id", target.target_id),
        creator_id=target.creator_id and sandbox_id("creator_id", target.creator_id),
        sound_id=target.sound_id and sandbox_id("sound_id", target.sound_id),
        hashtags=tuple(sandbox_id("hashtags", hashtag) for hashtag in target.hashtags),
    )
