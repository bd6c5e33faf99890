"""Reads the record of one account: for the person it is about, on the operator's command line."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Series
from privacy.model.timestamp import MS_PER_DAY
from privacy.store.connect import translated
from privacy.vault.pseudonym import PSEUDONYM_BYTES, Account
from privacy.vault.shards import AccountShards

_REGISTER = Struct("<6sBI")
_IMPORT_DAY_BYTES = 3
_ACCOUNT_MARK = 128
_ACCOUNT_NUMBER = slice(1, 8)
_HIDDEN = 8
_DAYS = 1 << 19


@dataclass(frozen=True)
class HeldRegister:
    """One engagement as it is stored.

    Args:
        series: target and kind.
        at_ms: time of the newest event.
        liked: whether the person likes the target.
        block: number of the reason that keeps this engagement out of the counts; 0 for none.
        flips: how often it was counted or uncounted; it is counted if this is odd.
        joint_code: the joint cell in which it counts.
    """

    series: Series
    at_ms: int
    liked: bool
    block: int
    flips: int
    joint_code: int

    @classmethod
    def parse(cls, field: bytes, stored: bytes) -> HeldRegister:
        """Parses a field of an account, as `account.lua` packs it."""
        at, flags, code = _REGISTER.unpack(stored)
        return cls(
            series=Series.from_number(int(field)),
            at_ms=int.from_bytes(at, "little"),
            liked=flags % 2 == 0,
            block=flags % 16 // 2,
            flips=flags // 16,
            joint_code=code,
        )


@dataclass(frozen=True)
class HeldAccount:
    """Everything that is stored of an account.

    Args:
        status: its status; a restriction may be over, and not ended yet.
        until_ms: when its restriction ends; None for none.
        hidden: whether it is undisclosed in every breakdown.
        last_day: UTC day, since 1970, of its latest admission.
        admissions: number of engagements admitted on that day.
        imported_day: UTC day, since 1970, on which engagements of it were imported last; 0 for never.
        network: digest of the network that it last used; empty if it named none.
        since_ms: when its status was last set; 0 for never.
        registers: its engagements.
    """

    status: AccountStatus
    until_ms: int | None
    hidden: bool
    last_day: int
    admissions: int
    imported_day: int
    network: bytes
    since_ms: int
    registers: tuple[HeldRegister, ...]

    @property
    def last_heard_ms(self) -> int:
        """The latest time of an admission, import or change of status; of the first two, their day's end."""
        return max((max(self.last_day, self.imported_day) + 1) * MS_PER_DAY, self.since_ms)

    @classmethod
    def parse(cls, account: bytes | None, fields: dict[bytes, bytes]) -> HeldAccount:
        """Parses an account from its entry in the table of its shard and the fields of its own hash."""
        number, admissions = divmod(_parse_number(account or b"0"), 1 << 16)
        number, status = divmod(number, 16)
        until = fields.get(b"u")
        return cls(
            status=AccountStatus(status % _HIDDEN),
            until_ms=None if until is None else int(until),
            hidden=status >= _HIDDEN,
            last_day=number // 2 % _DAYS,
            admissions=admissions,
            imported_day=int.from_bytes(fields.get(b"i", b"")[:_IMPORT_DAY_BYTES], "little"),
            network=fields.get(b"n", b""),
            since_ms=int(fields.get(b"s", b"0")),
            registers=tuple(
                HeldRegister.parse(field, stored) for field, stored in fields.items() if field.isdigit()
            ),
        )


def _parse_number(account: bytes) -> int:
    """Parses the integer of an account; earlier versions wrote it in digits."""
    if account[0] == _ACCOUNT_MARK:
        return int.from_bytes(account[_ACCOUNT_NUMBER], "little")
    return int(account)


def read_account(shards: AccountShards, account: Account) -> HeldAccount | None:
    """Reads an account, under either of its pseudonyms; None if nothing of it is stored.

    Raises:
        StoreBusyError: the store did not answer.
    """
    table = shards.account_table(account.shard(shards.count))
    with translated():
        for name in shards.list_stored_names(account):
            pseudonym = name[-PSEUDONYM_BYTES:]
            # Read twice: a rotation may move hash and table entry, to this name or away from it, in between.
            pipeline = shards.client.pipeline(transaction=False)
            pipeline.hget(table, pseudonym)
            pipeline.hgetall(name)
            pipeline.hget(table, pseudonym)
            before, fields, after = pipeline.execute()
            if fields:
                return HeldAccount.parse(after or before, fields)
    return None
