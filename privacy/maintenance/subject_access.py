"""Everything that is stored about one account, for the person it is about (GDPR, articles 15 and 20)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privacy.model.engagement import KINDS_PER_TARGET, Kind, Reason, Series, TargetType
from privacy.model.timestamp import MS_PER_DAY, format_timestamp
from privacy.policy.policy import Policy
from privacy.store.connect import translated
from privacy.store.keys import tally_prefix
from privacy.vault.account_record import HeldRegister, read_account
from privacy.vault.audience_closing import HeldList, find_rows
from privacy.vault.shards import AccountShards

_SERIES_PER_STEP = 1_000
_DESCRIPTION = (
    "Engagements and the status of the account are stored. The account id is not stored, nor any name, "
    "address, device or content, nor any profile apart from the cells below. No one can look up who engaged "
    "with a target: there is no such index."
)


@dataclass(frozen=True)
class SubjectAccess:
    """Answers data-subject access requests.

    Args:
        shards: the account shards. Its client must have the ACL user `maintenance`.
        target_shards: number of target shards of the store.
        policies: by version; they decode cells.
    """

    shards: AccountShards
    target_shards: int
    policies: Mapping[str, Policy]

    def build_document(self, account_id: str, now_ms: int) -> dict[str, Any]:
        """Return the document for the person.

        Args:
            account_id: of the person.
            now_ms: the time.

        Raises:
            StoreBusyError: the store did not answer.
        """
        account = self.shards.keys.current.pseudonymise(account_id)
        held = read_account(self.shards, account)
        document: dict[str, Any] = {
            "account_id": account_id,
            "as_of": format_timestamp(now_ms),
            "known": held is not None,
            "description": _DESCRIPTION,
        }
        if held is None:
            return document
        return document | {
            "status": held.status.label,
            "restricted_until": None if held.until_ms is None else format_timestamp(held.until_ms),
            "undisclosed_in_breakdowns": held.hidden,
            "status_set_at": format_timestamp(held.since_ms) if held.since_ms else None,
            "latest_day": format_timestamp(held.last_day * MS_PER_DAY)[:10] if held.last_day else None,
            "engagements_admitted_on_latest_day": held.admissions,
            "network_digest": held.network.hex() or None,
            "engagements": self._describe_all(held.registers),
            "audiences": self._describe_audiences(find_rows(self.shards, account)),
        }

    def _describe_audiences(self, rows: Sequence[tuple[HeldList, int]]) -> list[dict[str, Any]]:
        """Return for which videos and audiences the account is counted, until their periods are closed."""
        series = [Series(number, Kind.LIKE).number if held.is_journal else number for held, number in rows]
        with translated():
            pipeline = self.shards.client.pipeline(transaction=False)
            for number in series:
                pipeline.hmget(self._state_key(number), "scope", "target_id")
            states: list[list[bytes | None]] = pipeline.execute()
        return [
            {
                "scope": scope.decode() if scope else TargetType.VIDEO.value,
                "id": target_id.decode() if target_id else None,
                "period_starts_at": format_timestamp(held.period.start_ms),
                "period_ends_at": format_timestamp(held.period.end_ms),
            }
            for (held, _), (scope, target_id) in zip(rows, states, strict=True)
        ]

    def _describe_all(self, registers: Sequence[HeldRegister]) -> list[dict[str, Any]]:
        engagements = []
        for first in range(0, len(registers), _SERIES_PER_STEP):
            page = registers[first : first + _SERIES_PER_STEP]
            with translated():
                pipeline = self.shards.client.pipeline(transaction=False)
                for register in page:
                    pipeline.hmget(self._state_key(register.series.number), "target_id", "policy_version")
                rows = pipeline.execute()
            engagements += [self._describe(register, *row) for register, row in zip(page, rows, strict=True)]
        return engagements

    def _describe(
        self, register: HeldRegister, target_id: bytes | None, version: bytes | None
    ) -> dict[str, Any]:
        policy = self.policies.get((version or b"").decode())
        return {
            "kind": register.series.kind.label,
            f"{register.series.kind.target_type.value}_id": target_id.decode() if target_id else None,
            "latest_event_at": format_timestamp(register.at_ms),
            "wanted": register.liked,
            "counted": register.flips % 2 == 1,
            "block_reason": Reason(register.block).label if register.block else None,
            "count_changes": register.flips,
            "cells": policy.domain.cells(register.joint_code) if policy else None,
        }

    def _state_key(self, number: int) -> str:
        return f"{tally_prefix(number // KINDS_PER_TARGET % self.target_shards, 'series')}{number}"
