"""Repairs an account's engagements of one kind from the platform's own list of all that it has."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from privacy.model.engagement import Kind, Reason, Verdict
from privacy.store.connect import translated
from privacy.vault.account_record import HeldRegister
from privacy.vault.entries import UNTIMED, AdmittedEvent, AdmittedEvents
from privacy.vault.pseudonym import AccountRef
from privacy.vault.registers import RegisterStore

_FIELDS_PER_STEP = 1_000
_NO_SLICES: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True)
class ResyncReport:
    """The differences between the platform's list and the vault.

    Args:
        added: engagements that only the platform had, and that are counted now.
        uncounted: engagements that only the platform had, and that are stored and not counted: the account is
            kept out of the counts, or they are blocked, or have changed a count as often as they may.
        removed: those that only the vault had; they leave the counts with the reason `correction`.
        unchanged: engagements that both have.
        newer: those that differ, where the vault has a newer event than the list: not changed.
        over_cap: those that would be added, but the account's day or month is full.
        account_closed: those that would be added to an account that was erased, or objects.
        unknown_target: those whose target is not registered; counted by the caller.
        past_last_release: those whose target is past its last release; counted by the caller.
    """

    added: int = 0
    uncounted: int = 0
    removed: int = 0
    unchanged: int = 0
    newer: int = 0
    over_cap: int = 0
    account_closed: int = 0
    unknown_target: int = 0
    past_last_release: int = 0


@dataclass(frozen=True)
class Resync:
    """Compares the list with the vault, and repairs differences by events at the time of the list.

    Events are last-writer-wins, so a resync that runs during intake, or twice, has the right result. The time
    is the list's and no engagement's own, so no rule that compares the times of engagements sees it.

    Args:
        registers: their client must have an ACL user that may scan accounts.
    """

    registers: RegisterStore

    def run(
        self,
        account_id: str,
        kind: Kind,
        wanted: Mapping[int, int],
        as_of_ms: int,
        now_ms: int,
        skipped: frozenset[int] = frozenset(),
        slices: Mapping[int, int] = _NO_SLICES,
    ) -> ResyncReport:
        """Repairs the engagements of one kind of an account.

        Args:
            account_id: the account.
            kind: the kind.
            wanted: joint code of every engagement that the account has, by series.
            as_of_ms: the time of the list; newer events stay in effect.
            now_ms: the time, for the daily cap.
            skipped: series that are not compared, because they are past their last release.
            slices: by series, those in which an engagement that is added counts in audiences.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
            StoreError: the store is under other limits than this process's.
        """
        held = {
            register.series.number: register
            for register in self._scan_registers(account_id)
            if register.series.kind is kind and register.series.number not in skipped
        }
        counts: Counter[str] = Counter()
        events: list[AdmittedEvent] = []
        for series, register in held.items():
            if register.liked == (series in wanted):
                counts["unchanged"] += register.liked
            elif register.at_ms > as_of_ms:
                counts["newer"] += 1
            elif register.liked:
                events.append((account_id, series, as_of_ms, int(Reason.CORRECTION), 0))
            else:
                events.append((account_id, series, as_of_ms, UNTIMED, wanted[series]))
        events += [
            (account_id, series, as_of_ms, UNTIMED, code)
            for series, code in wanted.items()
            if series not in held
        ]
        columns = AdmittedEvents.from_events(events, slices)
        for event, verdict in zip(events, self.registers.record_columns(columns, now_ms), strict=True):
            counts[_name_result(event, verdict)] += 1
        return ResyncReport(**counts)

    def _scan_registers(self, account_id: str) -> Iterator[HeldRegister]:
        """Yields the registers of an account, under either of its pseudonyms."""
        shards = self.registers.shards
        with translated():
            for name in shards.list_stored_names(shards.resolve(AccountRef(account_id))):
                for field, stored in shards.client.hscan_iter(name, count=_FIELDS_PER_STEP):
                    if field.isdigit():
                        yield HeldRegister.parse(field, stored)


def _name_result(event: AdmittedEvent, verdict: Verdict) -> str:
    if verdict in (Verdict.OVER_CAP, Verdict.ACCOUNT_CLOSED):
        return str(verdict.value)
    if verdict in (Verdict.LATE, Verdict.DUPLICATE):
        return "newer"  # an event arrived between the comparison and this
    if event[3] != UNTIMED:
        return "removed"
    return "added" if verdict is Verdict.COUNTED else "uncounted"
