"""A reference of registers and counts, written from the platform's and the staff's pages, not from the code.

It shares no line with the product, and none with `tests/support/reference_model.py`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.faults.history import UNDISCLOSED, Action, Batch, Cell, Erasure, Event, Name, profile_of

CHANGES_PER_ENGAGEMENT: Final = 4
NEW_PER_DAY: Final = 100
LIKES_BEFORE_BURST: Final = 30
BURST_MS: Final = 10_000
UNLIKED, INAUTHENTIC, ACCOUNT = "unliked", "inauthentic", "account"
PROFILE_DIMENSIONS: Final = ("age_band", "gender", "region", "language", "device")


@dataclass
class Engagement:
    """What is known of one account and one target."""

    at_ms: int
    liked: bool
    is_bot_like: bool = False
    changes: int = 0

    @property
    def stands(self) -> bool:
        """True if it is in the count."""
        return self.changes % 2 == 1


@dataclass
class Account:
    """What is known of an account."""

    profile: Mapping[str, str]
    day: int = -1
    new_today: int = 0
    likes_ms: list[int] = field(default_factory=list)
    is_purged: bool = False
    is_erased: bool = False


@dataclass
class Reference:
    """What must be stored after some actions. References of senders that share no account can be added up."""

    engagements: dict[tuple[str, Name], Engagement] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    net: Counter[Name] = field(default_factory=Counter)
    cells: Counter[Cell] = field(default_factory=Counter)
    removed: Counter[tuple[Name, str]] = field(default_factory=Counter)

    def apply(self, action: Action, today: int) -> Counter[str]:
        """Applies an action, once.

        Args:
            action: the action.
            today: UTC day since 1970. It matters only to accounts with many new engagements on one day.

        Returns:
            How often each verdict is given.
        """
        if isinstance(action, Batch):
            return Counter(self._record(event, today) for event in action.events)
        if isinstance(action, Erasure):
            self._erase(action.account)
        else:
            for account in action.accounts:
                self._purge(account)
        return Counter()

    def add(self, other: "Reference") -> None:
        """Adds what another sender has done."""
        self.engagements |= other.engagements
        self.accounts |= other.accounts
        self.net.update(other.net)
        self.cells.update(other.cells)
        self.removed.update(other.removed)

    @property
    def erased(self) -> int:
        """Number of erased accounts."""
        return sum(account.is_erased for account in self.accounts.values())

    def _record(self, event: Event, today: int) -> str:
        account = self._find_account(event.account)
        name = event.kind, event.target
        known = self.engagements.get((event.account, name))
        if account.is_erased:
            return "account_closed"
        if known and (event.at_ms, event.liked) == (known.at_ms, known.liked):
            return "duplicate"
        if known and (event.at_ms, not event.liked) < (known.at_ms, not known.liked):
            return "late"
        now = Engagement(event.at_ms, event.liked)
        if known:
            now.is_bot_like, now.changes = known.is_bot_like, known.changes
        is_new = now.liked and not now.changes and not (known and known.liked)
        if is_new:
            if not _admit(account, today):
                return "over_cap"
            now.is_bot_like |= _is_in_burst(account, event.at_ms)
        self._settle(name, now, account, UNLIKED if not now.liked else INAUTHENTIC)
        self.engagements[event.account, name] = now
        return "counted" if now.stands else "uncounted"

    def _settle(self, name: Name, engagement: Engagement, account: Account, reason: str) -> None:
        should_stand = engagement.liked and not engagement.is_bot_like and not account.is_purged
        if should_stand == engagement.stands:
            return
        if engagement.stands:
            self._remove(name, account, reason)
        elif engagement.changes < CHANGES_PER_ENGAGEMENT:
            self._move(name, account, 1)
        else:
            return
        engagement.changes += 1

    def _remove(self, name: Name, account: Account, reason: str) -> None:
        self._move(name, account, -1)
        self.removed[name, reason] += 1

    def _move(self, name: Name, account: Account, change: int) -> None:
        self.net[name] += change
        for dimension in PROFILE_DIMENSIONS:
            self.cells[name, dimension, account.profile.get(dimension, UNDISCLOSED)] += change

    def _purge(self, account_id: str) -> None:
        account = self._find_account(account_id)
        if account.is_erased or account.is_purged:
            return
        account.is_purged = True
        for (owner, name), engagement in self.engagements.items():
            if owner == account_id:
                self._settle(name, engagement, account, INAUTHENTIC)

    def _erase(self, account_id: str) -> None:
        account = self._find_account(account_id)
        account.is_erased = True
        for key in [key for key in self.engagements if key[0] == account_id]:
            if self.engagements.pop(key).stands:
                self._remove(key[1], account, ACCOUNT)

    def _find_account(self, account_id: str) -> Account:
        return self.accounts.setdefault(account_id, Account(profile_of(account_id)))


def _admit(account: Account, today: int) -> bool:
    is_new_day = account.day < today
    new_today = 0 if is_new_day else account.new_today
    if new_today >= NEW_PER_DAY:
        return False
    if is_new_day:
        account.likes_ms = []
    account.day, account.new_today = max(account.day, today), new_today + 1
    return True


def _is_in_burst(account: Account, at_ms: int) -> bool:
    """Returns whether the likes before the one that was just admitted all happened shortly before it."""
    before = account.likes_ms[-LIKES_BEFORE_BURST:]
    account.likes_ms.append(at_ms)
    return len(before) == LIKES_BEFORE_BURST and all(0 <= at_ms - ms < BURST_MS for ms in before)
