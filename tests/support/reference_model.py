"""A slow, obvious reference of vault and tally: plain dictionaries, one engagement at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from privacy.model.account_status import AccountStatus
from privacy.model.change import change_code
from privacy.model.dimension import UNDISCLOSED_EVERYWHERE
from privacy.model.engagement import Reason, Verdict
from privacy.model.timestamp import MS_PER_DAY
from privacy.policy.file import load_policy
from privacy.vault.blocks import Block, BlockResult
from privacy.vault.entries import TOO_YOUNG, UNTIMED, AdmittedEvent
from privacy.vault.recount import StatusTransition

_INTEGRITY = load_policy().integrity
_LIKE = 0
_NO_BLOCK = 0
_BLOCKS = {
    AccountStatus.RESTRICTED: Reason.ACCOUNT,
    AccountStatus.BANNED: Reason.ACCOUNT,
    AccountStatus.DELETED: Reason.ACCOUNT,
    AccountStatus.INAUTHENTIC: Reason.INAUTHENTIC,
    AccountStatus.OBJECTED: Reason.ACCOUNT,
}


@dataclass(frozen=True)
class Register:
    """One engagement.

    Args:
        at_ms: time of the newest event.
        liked: whether the person likes the target.
        block: number of the reason that keeps it out of the counts; 0 for none.
        flips: how often it was counted or uncounted.
        cell: the joint cell in which it counts.
    """

    at_ms: int
    liked: bool
    block: int
    flips: int
    cell: int

    @property
    def is_counted(self) -> bool:
        """Returns whether the engagement is counted."""
        return self.flips % 2 == 1


@dataclass
class Admissions:
    """The engagements of an account that were admitted, as far as the rules look back.

    Args:
        day: of the latest one.
        of_day: number on that day.
        of_month: number in the month of that day, under a monthly cap.
        likes_ms: times of the likes of that day that have one, in their order.
    """

    day: int = -1
    of_day: int = 0
    of_month: int = 0
    likes_ms: list[int] = field(default_factory=list)


@dataclass
class AccountState:
    """What is stored about an account apart from its engagements."""

    status: AccountStatus = AccountStatus.GOOD
    until_ms: int = 0
    hidden: bool = False
    admissions: Admissions = field(default_factory=Admissions)
    first_day: int | None = None
    imported: Admissions = field(default_factory=Admissions)


@dataclass
class ReferenceModel:
    """Registers, and the changes of counts that follow from them.

    Args:
        flip_cap: w.
        daily_cap: M.
        burst_likes: a like is uncounted if the likes of its account that came before it on that day, as many
            as this, …
        burst_ms: … all happened within this time before it.
        monthly_cap: of newly counted engagements of an account in a month; None for no cap.
    """

    flip_cap: int
    daily_cap: int
    burst_likes: int = _INTEGRITY.burst_likes
    burst_ms: int = 1_000 * _INTEGRITY.burst_seconds
    monthly_cap: int | None = None
    registers: dict[tuple[str, int], Register] = field(default_factory=dict)
    """By account and series."""
    changes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """How often each (series, change code) happened."""
    accounts: dict[str, AccountState] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)

    def record(
        self, entries: Sequence[AdmittedEvent], now_ms: int, *, imported: bool = False
    ) -> list[Verdict]:
        """Applies events in their order."""
        return [self._record(entry, now_ms, imported) for entry in entries]

    def change_status(self, account: str, move: StatusTransition, now_ms: int) -> tuple[int, int] | None:
        """Changes the status of an account; None if refused.

        Returns:
            How many engagements are newly counted, and newly uncounted.
        """
        if account in self.erased:
            return None
        state = self._account(account)
        if state.status not in move.allowed_from:
            return None
        state.status, state.until_ms = move.to, move.until_ms or 0
        return self._recount(account, now_ms)

    def hide(self, account: str, *, hidden: bool, now_ms: int) -> tuple[int, int] | None:
        """Keeps an account's later first counts out of breakdowns, or no longer."""
        if account in self.erased:
            return None
        self._account(account).hidden = hidden
        return self._recount(account, now_ms)

    def block(self, blocks: Sequence[Block], now_ms: int) -> list[BlockResult]:
        """Blocks single engagements, or lifts their blocks."""
        return [self._block(block, now_ms) for block in blocks]

    def erase(self, account: str) -> tuple[int, int]:
        """Erases an account; returns how many registers it had, and how many of them were counted."""
        gone = {key: self.registers.pop(key) for key in [key for key in self.registers if key[0] == account]}
        for (_, series), register in gone.items():
            if register.is_counted:
                self._change(series, register.cell, Reason.ACCOUNT)
        self.accounts.pop(account, None)
        self.erased.add(account)
        return len(gone), sum(register.is_counted for register in gone.values())

    def totals(self) -> Counter[int]:
        """Returns the counted engagements of each series: gains less losses."""
        totals: Counter[int] = Counter()
        for (series, code), times in self.changes.items():
            totals[series] += times if code % 16 == _LIKE else -times
        return totals

    def _account(self, account: str) -> AccountState:
        return self.accounts.setdefault(account, AccountState())

    def _change(self, series: int, cell: int, why: int) -> None:
        self.changes[series, change_code(cell, why)] += 1

    def _kept_out(self, account: str, now_ms: int) -> int:
        state = self._account(account)
        if state.status is AccountStatus.RESTRICTED and state.until_ms <= now_ms:
            return _NO_BLOCK
        return int(_BLOCKS.get(state.status, _NO_BLOCK))

    def _record(self, entry: AdmittedEvent, now_ms: int, imported: bool) -> Verdict:  # noqa: C901 - all rules
        account, series, at_ms, change, cell = entry
        liked = change in (_LIKE, UNTIMED, TOO_YOUNG)
        known = self.registers.get((account, series))
        if known is None and account in self.erased:
            return Verdict.ACCOUNT_CLOSED
        state = self._account(account)
        if state.status is AccountStatus.OBJECTED:
            return Verdict.ACCOUNT_CLOSED
        if known and (at_ms, not liked) == (known.at_ms, not known.liked):
            return Verdict.DUPLICATE
        if known and (at_ms, not liked) < (known.at_ms, not known.liked):
            return Verdict.LATE
        register = Register(
            at_ms=at_ms,
            liked=liked,
            block=known.block if known else _NO_BLOCK,
            flips=known.flips if known else 0,
            cell=known.cell if known and known.flips else cell,
        )
        kept_out = self._kept_out(account, now_ms)
        if liked and register.flips == 0:
            if state.hidden:
                register = replace(register, cell=UNDISCLOSED_EVERYWHERE)
            was_liked = known is not None and known.liked
            if not was_liked:
                refused, is_blocked = self._admit_like(state, at_ms, change, now_ms, imported)
                if refused:
                    return refused
                if is_blocked:
                    register = replace(register, block=int(Reason.INAUTHENTIC))
        should_count = liked and register.block == _NO_BLOCK and not kept_out
        if should_count != register.is_counted and (register.is_counted or register.flips < self.flip_cap):
            why = 0
            if register.is_counted:
                why = (change if not liked else 0) or register.block or kept_out
            self._change(series, register.cell, why)
            register = replace(register, flips=register.flips + 1)
        self.registers[account, series] = register
        return Verdict.COUNTED if register.is_counted else Verdict.UNCOUNTED

    def _admit_like(
        self, state: AccountState, at_ms: int, change: int, now_ms: int, imported: bool
    ) -> tuple[Verdict | None, bool]:
        """Returns the verdict of a like that is not stored, and whether a rule keeps it out of the counts."""
        if imported and not self._may_import(state, at_ms, now_ms):
            return Verdict.LATE, False
        admissions = state.imported if imported else state.admissions
        is_first = admissions.day < 0
        if not self._admit(admissions, at_ms if imported else now_ms):
            return Verdict.OVER_CAP, False
        if is_first and not imported:
            state.first_day = now_ms // MS_PER_DAY
        return None, (change != UNTIMED and self._in_burst(admissions, at_ms)) or change == TOO_YOUNG

    def _block(self, block: Block, now_ms: int) -> BlockResult:
        key = block.account_id, block.series
        register = self.registers.get(key)
        if register is None:
            return BlockResult.UNKNOWN
        if register.block == block.block:
            return BlockResult.UNCHANGED
        blocked = replace(register, block=block.block)
        self.registers[key], _ = self._settle(block.account_id, block.series, blocked, now_ms)
        return BlockResult.CHANGED

    def _recount(self, account: str, now_ms: int) -> tuple[int, int]:
        outcomes: Counter[str] = Counter()
        for (name, series), register in sorted(self.registers.items()):
            if name == account:
                self.registers[name, series], outcome = self._settle(account, series, register, now_ms)
                outcomes[outcome] += 1
        return outcomes["newly counted"], outcomes["newly uncounted"]

    def _settle(self, account: str, series: int, register: Register, now_ms: int) -> tuple[Register, str]:
        """Settles an engagement: counts it if it should count, and uncounts it if not."""
        state = self._account(account)
        kept_out = self._kept_out(account, now_ms)
        should_count = register.liked and register.block == _NO_BLOCK and not kept_out
        if should_count == register.is_counted or (
            not register.is_counted and register.flips >= self.flip_cap
        ):
            return register, "stayed"
        if register.is_counted:
            why = (int(Reason.UNLIKED) if not register.liked else 0) or register.block or kept_out
            self._change(series, register.cell, why)
            return replace(register, flips=register.flips + 1), "newly uncounted"
        if register.flips == 0 and state.hidden:
            register = replace(register, cell=UNDISCLOSED_EVERYWHERE)
        self._change(series, register.cell, 0)
        return replace(register, flips=register.flips + 1), "newly counted"

    def _may_import(self, state: AccountState, at_ms: int, now_ms: int) -> bool:
        """Days are imported in their order, and all before the first admission of another kind."""
        day, until = at_ms // MS_PER_DAY, now_ms // MS_PER_DAY
        if state.first_day is not None:
            until = min(until, state.first_day)
        elif state.admissions.day >= 0:
            return False
        in_order = state.imported.day <= day < until
        return in_order and (self.monthly_cap is None or month_of(day) < month_of(until))

    def _admit(self, admissions: Admissions, now_ms: int) -> bool:
        today = now_ms // MS_PER_DAY
        if admissions.day > today + 1:
            admissions.day = today
        day, of_day, of_month = admissions.day, admissions.of_day, admissions.of_month
        if day < today:
            of_month = of_month if month_of(day) == month_of(today) else 0
            day, of_day = today, 0
        if of_day >= self.daily_cap or (self.monthly_cap is not None and of_month >= self.monthly_cap):
            return False
        if admissions.day < today:
            admissions.likes_ms = []
        admissions.day, admissions.of_day, admissions.of_month = day, of_day + 1, of_month + 1
        return True

    def _in_burst(self, admissions: Admissions, at_ms: int) -> bool:
        """Takes a like that has a time, and looks at those that came before it."""
        before = admissions.likes_ms[-self.burst_likes :]
        admissions.likes_ms.append(at_ms)
        return len(before) == self.burst_likes and all(0 <= at_ms - ms < self.burst_ms for ms in before)


def month_of(day: int) -> tuple[int, int]:
    """Returns year and month of a UTC day since 1970."""
    moment = datetime.fromtimestamp(day * MS_PER_DAY // 1000, UTC)
    return moment.year, moment.month
