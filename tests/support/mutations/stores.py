"""Mistakes in the vault, in write-once records, and in reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from api.public import breakdowns, numbers, totals
from privacy.intake import admission as door
from privacy.intake.event import EventAttributes
from privacy.intake.event_columns import EventColumns
from privacy.intake.taken import Takings
from privacy.model.dimension import JointDomain
from privacy.publishing import publisher
from privacy.tally import series
from privacy.vault import registers as vault
from privacy.vault.pseudonym import Account, AccountColumns, Pseudonymiser
from tests.support.mutations.mutation import Mutation, edited

if TYPE_CHECKING:
    import pytest

_right_number = numbers.make_current_number


def _record(before: str, after: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(vault, "_RECORD", edited(vault._RECORD, before, after))


def _per_read(patch: pytest.MonkeyPatch) -> None:
    reads = count()

    def make_current_number(current: Any, figure: Any, now_ms: int) -> Any:
        fresh = next(reads) % 7
        altered = figure and (figure[0] + fresh, figure[1] + fresh, figure[2] + fresh)
        return _right_number(current, altered, now_ms)

    for module in (totals, breakdowns):
        patch.setattr(module, "make_current_number", make_current_number)


def _name_accounts(patch: pytest.MonkeyPatch, accounts: Callable[[Sequence[str]], list[Account]]) -> None:
    def columns(_: Pseudonymiser, account_ids: Sequence[str]) -> AccountColumns:
        pseudonyms, _previous, tombstones, shard_hashes = zip(*accounts(account_ids), strict=True)
        return AccountColumns(
            np.array(pseudonyms, "V16"),
            np.empty(0, "V16"),
            np.array(tombstones, "V8"),
            np.array(shard_hashes),
        )

    patch.setattr(Pseudonymiser, "pseudonymise_all", lambda _, account_ids: accounts(account_ids))
    patch.setattr(Pseudonymiser, "pseudonymise_columns", columns)


def _unkeyed(patch: pytest.MonkeyPatch) -> None:
    def accounts(account_ids: Sequence[str]) -> list[Account]:
        digests = [blake2b(account_id.encode(), digest_size=16).digest() for account_id in account_ids]
        return [Account(digest, b"", digest[:8], digest[0]) for digest in digests]

    _name_accounts(patch, accounts)


def _plain_id(patch: pytest.MonkeyPatch) -> None:
    def accounts(account_ids: Sequence[str]) -> list[Account]:
        plain = [account_id.encode()[-16:].rjust(16, b"-") for account_id in account_ids]
        return [Account(name, b"", name[:8], sum(name)) for name in plain]

    _name_accounts(patch, accounts)


def _commits_always(patch: pytest.MonkeyPatch) -> None:
    script = edited(series._COMMIT, "if (call('GET', HEAD) or '') ~= HEAD_BEFORE then", "if false then")
    is_late = "due_ms > last_due_ms[release.waiting]"
    state = f"if not release.is_next or not due_ms or due_ms ~= release.due_ms or {is_late}"
    script = edited(script, state, f"if false and ({is_late}")
    patch.setattr(series, "_COMMIT", edited(script, "or seen[series] then", "or seen[series]) then"))


def _replaces(patch: pytest.MonkeyPatch) -> None:
    right = "return call('HSETNX', key, field, value) == 1 or call('HGET', key, field) == value"
    wrong = "call('HSETNX', key, field, value) return true"
    for name in ("_PUBLISH", "_PUBLISH_FIELDS"):
        unchecked = edited(getattr(publisher, name), "return not held or held == value", "return true")
        patch.setattr(publisher, name, edited(unchecked, right, wrong))


def _children_pass(patch: pytest.MonkeyPatch) -> None:
    right = door.AdmissionControl.admit

    def admit(
        self: door.AdmissionControl, events: EventColumns, now_ms: int, takings: Takings | None = None
    ) -> Any:
        dropped = self.registry.current.dropped_age_bands
        grown_up = [
            EventAttributes() if profile.age_band in dropped else profile for profile in events.profiles
        ]
        return right(self, replace(events, profiles=grown_up), now_ms, takings)

    patch.setattr(door.AdmissionControl, "admit", admit)


def _private_disclosed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(JointDomain, "undisclosed_code", property(lambda _: 0))


STORES = (
    Mutation("fresh noise at each read", _per_read, "end to end", in_quick_tests=True),
    Mutation(
        "unlike counted without a flip",
        _record("flips >= FLIP_CAP", "flips >= 2 * FLIP_CAP"),
        "end to end",
        in_quick_tests=True,
    ),
    Mutation(
        "a frozen register that still counts",
        _record("(should_count and flips >= FLIP_CAP)", "false"),
        "end to end",
    ),
    Mutation(
        "duplicate delivery counted twice",
        _record(
            "return at == stored_at",
            "changes[#changes + 1] = pack('<I8I4', series, code * 16) return at == stored_at",
        ),
        "end to end",
        in_quick_tests=True,
    ),
    Mutation(
        "a change handed on twice",
        _record("table.concat(changes))", "table.concat(changes) .. table.concat(changes))"),
        "end to end",
    ),
    Mutation(
        "a late event that takes effect",
        _record("if at < stored_at or (at == stored_at", "if false or (at == stored_at"),
        "end to end",
    ),
    Mutation(
        "a cell that changes when an account comes back",
        _record("if flips > 0 then code = stored_code end", ""),
        "end to end",
    ),
    Mutation("unkeyed pseudonym", _unkeyed, "end to end", in_quick_tests=True),
    Mutation("account ids in the store", _plain_id, "end to end"),
    Mutation("a child's event that is kept", _children_pass, "end to end"),
    Mutation("a private account in the cells", _private_disclosed, "end to end"),
    Mutation("a second worker that writes over the first", _commits_always, "end to end"),
    Mutation("other bytes for a release that are taken as written", _replaces, "end to end"),
)
