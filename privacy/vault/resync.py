"""Repairs an account's engagements of one kind from the platform's own truth: the list of all that it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from privacy.model.change import GAINED
from privacy.model.engagement import Kind, Reason, Verdict
from privacy.store.connect import translated
from privacy.vault.account_record import HeldRegister
from privacy.vault.entries import AdmittedEvent
from privacy.vault.pseudonym import Account
from privacy.vault.registers import RegisterStore

_FIELDS_PER_STEP = 1_000


@dataclass(frozen=True)
class ResyncReport:
    """The differences between the platform's list and the vault.

    Args:
        added: engagements that the platform has and the vault had not.
        removed: those that the vault had and the platform has not; they leave with the reason `correction`.
        unchanged: engagements that both have.
        newer: those that differ, and about which the vault knows something newer than the list: left alone.
        over_cap: those that would be added, and find the account's day full: send the list again tomorrow.
        account_closed: those that would be added to an account that was erased, or objects.
        unknown_target: those whose target is not registered; counted by the caller.
        past_last_release: those whose target is past its last release; counted by the caller.
    """

    added: int = 0
    removed: int = 0
    unchanged: int = 0
    newer: int = 0
    over_cap: int = 0
    account_closed: int = 0
    unknown_target: int = 0
    past_last_release: int = 0


@dataclass(frozen=True)
class Resync:
    """Compares, and lets the vault repair the difference with ordinary events at the time of the list.

    Events are last-writer-wins, so a resync beside live intake, or one that is run twice, ends as it should.

    Args:
        vault: of a user that may scan accounts.
    """

    vault: RegisterStore

    def run(
        self,
        account_id: str,
        kind: Kind,
        wanted: Mapping[int, int],
        as_of_ms: int,
        now_ms: int,
        left_alone: frozenset[int] = frozenset(),
    ) -> ResyncReport:
        """Repair the engagements of one kind of an account.

        Args:
            account_id: the account.
            kind: the kind.
            wanted: joint code of every engagement that it has, by series.
            as_of_ms: the time of the list; what the vault heard later stays.
            now_ms: the time, for the daily cap.
            left_alone: series that are past their last release: nothing of them is compared.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        account = self.vault.shards.keys.current.pseudonymise(account_id)
        held = {
            register.series.number: register
            for register in self._registers(account)
            if register.series.kind is kind and register.series.number not in left_alone
        }
        counts: Counter[str] = Counter()
        entries: list[AdmittedEvent] = []
        for series, register in held.items():
            if register.liked == (series in wanted):
                counts["unchanged"] += register.liked
            elif register.at_ms > as_of_ms:
                counts["newer"] += 1
            elif register.liked:
                entries.append((account_id, series, as_of_ms, int(Reason.CORRECTION), 0))
            else:
                entries.append((account_id, series, as_of_ms, GAINED, wanted[series]))
        entries += [
            (account_id, series, as_of_ms, GAINED, code)
            for series, code in wanted.items()
            if series not in held
        ]
        for entry, verdict in zip(entries, self.vault.record(entries, now_ms), strict=True):
            counts[_outcome(entry, verdict)] += 1
        return ResyncReport(**counts)

    def _registers(self, account: Account) -> Iterator[HeldRegister]:
        """The engagements of an account, under either of its pseudonyms."""
        shards = self.vault.shards
        with translated():
            for name in shards.stored_names(account):
                for field, stored in shards.client.hscan_iter(name, count=_FIELDS_PER_STEP):
                    if field.isdigit():
                        yield HeldRegister.parse(field, stored)


def _outcome(entry: AdmittedEvent, verdict: Verdict) -> str:
    if verdict is Verdict.OVER_CAP:
        return "over_cap"
    if verdict is Verdict.ACCOUNT_CLOSED:
        return "account_closed"
    if verdict in (Verdict.LATE, Verdict.DUPLICATE):
        return "newer"  # an event arrived between the comparison and this
    return "added" if entry[3] == GAINED else "removed"
