"""`PUT /v1/videos/{video_id}`, `POST /v1/videos`, and the same of creators: the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.http.arguments import load
from api.http.json_body import parse_json
from api.http.operation import Answer, Call, json_answer
from api.platform.batch import Batch
from api.platform.report import batch_report
from privacy.errors import ConflictError, InvalidInputError
from privacy.tally.catalogue import Registration
from privacy.tally.target import TargetMetadata
from privacy.vault.time_bounds import TimeBounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from marshmallow import Schema

    from api.platform.services import PlatformServices
    from privacy.policy import Intake

PASSED = (Registration.CREATED, Registration.UPDATED, Registration.UNCHANGED)


@dataclass(frozen=True)
class TargetRoutes:
    """How targets of one type are registered.

    Args:
        word: one of them.
        plural: as it stands in paths.
        start: the field that starts the schedule.
        one: schema of its metadata.
        listed: the same with its id.
        metadata: makes what the catalogue takes of what a schema loaded.
        example: of the metadata.
        example_id: of the id.
    """

    word: str
    plural: str
    start: str
    one: type[Schema]
    listed: type[Schema]
    metadata: Callable[[str, dict[str, Any]], TargetMetadata]
    example: Mapping[str, Any]
    example_id: str

    @property
    def id_name(self) -> str:
        """The field that names one of them."""
        return f"{self.word}_id"

    def put(self, services: PlatformServices, call: Call) -> Answer:
        """Register one, or replace its metadata.

        Raises:
            InvalidInputError: the metadata breaks a rule.
            ConflictError: it is registered with another start.
        """
        loaded = load(self.one(), parse_json(call.body))
        target = self._checked(call.path[self.id_name], loaded, services.intake, call.now_ms)
        registration = services.registry.register([target], call.now_ms)[0]
        if registration is Registration.CONFLICT:
            raise ConflictError(
                f"the {self.word} is registered with another {self.start}, which never changes"
            )
        status = 201 if registration is Registration.CREATED else 200
        return json_answer({self.id_name: target.target_id, "verdict": registration.value}, status=status)

    def post(self, services: PlatformServices, call: Call) -> Answer:
        """Register many, or replace their metadata.

        Raises:
            InvalidInputError: the batch as a whole cannot be read; nothing was stored.
        """
        batch = Batch.of_call(call)

        def register() -> Answer:
            targets = [self._read(item, services.intake, call.now_ms) for item in batch.items()]
            valid = [target for target in targets if isinstance(target, TargetMetadata)]
            verdicts = iter(services.registry.register(valid, call.now_ms))
            outcomes = [
                next(verdicts) if isinstance(target, TargetMetadata) else target for target in targets
            ]
            return json_answer(batch_report(outcomes, Registration, PASSED, "not_registered"))

        name = f"POST /v1/{self.plural} {batch.media_type}"
        return services.idempotency.once(call, name, batch.raw, register)

    def _read(self, item: bytes, intake: Intake, now_ms: int) -> TargetMetadata | InvalidInputError:
        try:
            loaded = load(self.listed(), parse_json(item, self.word))
            return self._checked(loaded.pop(self.id_name), loaded, intake, now_ms)
        except InvalidInputError as error:
            return error

    def _checked(self, target_id: str, loaded: dict[str, Any], intake: Intake, now_ms: int) -> TargetMetadata:
        target = self.metadata(target_id, loaded)
        TimeBounds.at(now_ms, intake).check(self.start, target.starts_at_ms)
        return target
