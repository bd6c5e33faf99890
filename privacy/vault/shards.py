"""Runs scripts on account shards: packs their arguments, and retries what was refused as out of date."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec
from redis import Redis
from redis.exceptions import ResponseError

from privacy.errors import ClockError, StoreBusyError
from privacy.model.timestamp import Clock
from privacy.store.clock import MAX_DEVIATION_MS
from privacy.store.connect import translated
from privacy.store.keys import audiences_key, outbox_key, register_prefix, vault_key
from privacy.store.script import Script, ScriptCall
from privacy.vault.limits import KnownLimits, limits_key, require_limits_in_force
from privacy.vault.pseudonym import Account, AccountRef, Pseudonymiser

ScriptArguments = Mapping[str, Any]
"""Arguments of a script by name: integers, text, bytes, booleans, None for absent, and sequences of these."""

_STALE = _STALE_KEY, _STALE_LIMITS = "STALEKEY", "STALELIMITS "
_LEAP = "LEAP "
_ACCOUNTS = "accounts"
_KEYS = ("tombstones", "flagged", "timers", "outer-key", _ACCOUNTS, "jobs")
_Item = TypeVar("_Item")


def vault_script(*names: str) -> Script:
    """Loads a script of the vault, preceded by `account.lua`, which all of them share."""
    return Script.from_package("privacy.vault", "account.lua", *names)


def raw_string(content: bytes) -> msgspec.Raw:
    """Encodes bytes as a MessagePack string: Redis decodes no other form of bytes."""
    return msgspec.Raw(b"\xdb" + len(content).to_bytes(4, "big") + content)


class PseudonymKeys:
    """The pseudonym keys in use; read again when the store says that they were rotated.

    Args:
        load: reads them from their file.
    """

    def __init__(self, load: Callable[[], Pseudonymiser]) -> None:
        self._load = load
        self.current = load()

    def reload(self) -> None:
        """Reads the keys again."""
        self.current = self._load()


@dataclass(frozen=True)
class AccountShards:
    """Runs scripts on account shards.

    Args:
        client: connection of an ACL user that may run them.
        keys: the pseudonym keys.
        count: number of account shards of this store.
        limits: those that this process knows; None for one that only reads accounts or moves them, which the
            scripts refuse whatever else it asks for.
        virtual_clock: stamps changes, for replays and tests; the store's own clock does if not given.
        clock: the time that this process believes, where the store's own clock stamps changes: if that has
            leapt since, nothing is done.
    """

    client: Redis
    keys: PseudonymKeys
    count: int
    limits: KnownLimits | None = None
    virtual_clock: Clock | None = None
    clock: Clock | None = None

    def require_limits_in_force(self) -> None:
        """Makes sure that this process knows the limits in force, before it decides by one outside a script.

        Raises:
            LimitsError: it does not.
            StoreBusyError: the store did not answer.
        """
        if self.limits:
            require_limits_in_force(self.client, self.count, self.limits)

    def account_table(self, shard: int) -> str:
        """Names the hash that holds, by pseudonym, the status and admissions of a shard's accounts."""
        return vault_key(shard, _ACCOUNTS)

    def list_stored_names(self, account: Account) -> list[bytes]:
        """Lists the names an account may be stored under: during a rotation, the previous one too."""
        shard, generation = account.shard(self.count), self.keys.current.generation
        names = [register_prefix(shard, generation).encode() + account.pseudonym]
        if account.previous_pseudonym:
            names.append(register_prefix(shard, generation - 1).encode() + account.previous_pseudonym)
        return names

    def pack_call(self, shard: int, arguments: ScriptArguments, keys: Pseudonymiser) -> ScriptCall:
        """Packs a call of a vault script; `account.lua` unpacks it.

        Args:
            shard: the shard to run on.
            arguments: by name, as the script lists them.
            keys: the pseudonym keys under which the arguments name accounts.
        """
        packed = {name: _pack(value) for name, value in arguments.items()}
        if self.virtual_clock:
            packed["stamp_ms"] = self.virtual_clock()
        elif self.clock:
            packed |= {"believed_ms": self.clock(), "max_leap_ms": MAX_DEVIATION_MS}
        return ScriptCall(
            _script_keys(shard),
            (
                register_prefix(shard, keys.generation),
                register_prefix(shard, keys.generation - 1),
                keys.key_id + keys.previous_key_id,
                str(self.limits.current) if self.limits else "",
                msgspec.msgpack.encode(packed),
            ),
        )

    def run(
        self,
        script: Script,
        shards: Mapping[int, _Item],
        arguments: Callable[[int, _Item, Pseudonymiser], ScriptArguments],
    ) -> dict[int, Any]:
        """Runs a script on several shards in one round trip; otherwise as `run_all`.

        Returns:
            The reply of each shard.
        """
        return dict(zip(shards, self.run_all(script, list(shards.items()), arguments), strict=True))

    def run_all(
        self,
        script: Script,
        items: Sequence[tuple[int, _Item]],
        arguments: Callable[[int, _Item, Pseudonymiser], ScriptArguments],
    ) -> list[Any]:
        """Runs a script several times in one round trip.

        Args:
            script: made by `vault_script`.
            items: shard, and an item that is passed to `arguments`.
            arguments: returns the arguments of a call under the keys of this try.

        Returns:
            The replies, in order.

        Raises:
            StoreBusyError: the store did not confirm, or keeps the accounts under a key that this process
                does not know yet. Some calls may have been carried out.
            LimitsError: the store is under other limits than those of this process's policy.
        """
        replies: dict[int, Any] = {}
        keys_to_try, may_read_limits = self._list_keys_to_try(), True
        keys: Pseudonymiser | None = next(keys_to_try)
        while keys:
            pending = [index for index in range(len(items)) if index not in replies]
            calls = [
                self.pack_call(shard, arguments(shard, item, keys), keys)
                for shard, item in (items[index] for index in pending)
            ]
            with translated():
                answers = dict(zip(pending, script.try_all(self.client, calls), strict=True))
                refusals = {
                    index: str(reply)
                    for index, reply in answers.items()
                    if isinstance(reply, ResponseError) and str(reply).startswith(_STALE)
                }
                replies |= _raise_or_return(answers, refusals)
            if not refusals:
                return [replies[index] for index in range(len(items))]
            of_limits = [text for text in refusals.values() if text.startswith(_STALE_LIMITS)]
            if of_limits and self.limits and may_read_limits:
                may_read_limits = False
                self.limits.reload()
            elif len(of_limits) < len(refusals):
                keys = next(keys_to_try, None)
            else:
                raise self._too_old(of_limits[0])
        raise StoreBusyError("the pseudonym key was rotated, and this process cannot read the new one yet")

    def _too_old(self, refusal: str) -> Exception:
        """Returns the error of a process that knows other limits, also after it has read them again."""
        if self.limits is None:
            return AssertionError("a process that knows no limits may read and move accounts, and no more")
        return self.limits.error(refusal.removeprefix(_STALE_LIMITS))

    def _list_keys_to_try(self) -> Iterator[Pseudonymiser]:
        """Yields the keys in memory, those in the file, and those before a rotation that is under way."""
        yield self.keys.current
        self.keys.reload()
        yield self.keys.current
        if before := self.keys.current.before_rotation:
            yield before

    def run_one(self, script: Script, account: AccountRef, arguments: ScriptArguments) -> Any:
        """Runs a script on the shard of one account.

        Args:
            script: made by `vault_script`.
            account: the account, resolved again for every try: the script is given its `pseudonym`, its
                `previous` pseudonym and its `tombstone`.
            arguments: all other arguments.

        Raises:
            StoreBusyError: as `run`.
        """

        def add_account(_shard: int, _item: None, keys: Pseudonymiser) -> ScriptArguments:
            found = account.resolve(keys)
            return {
                "pseudonym": found.pseudonym,
                "previous": found.previous_pseudonym,
                "tombstone": found.tombstone,
                **arguments,
            }

        shard = self.resolve(account).shard(self.count)
        return self.run(script, {shard: None}, add_account)[shard]

    def resolve(self, account: AccountRef) -> Account:
        """Finds an account under the keys that are current."""
        return account.resolve(self.keys.current)


@cache
def _script_keys(shard: int) -> tuple[str, ...]:
    named = (vault_key(shard, name) for name in _KEYS)
    return (outbox_key(shard), *named, limits_key(shard), audiences_key(shard))


def _raise_or_return(answers: Mapping[int, Any], refusals: Mapping[int, str]) -> dict[int, Any]:
    """Returns the answers that are replies; raises the first error that is no refusal."""
    replies = {index: reply for index, reply in answers.items() if index not in refusals}
    for reply in replies.values():
        if isinstance(reply, ResponseError) and str(reply).startswith(_LEAP):
            raise ClockError("the clock of the store has leapt: nothing was written")
        if isinstance(reply, Exception):
            raise reply
    return replies


def _pack(value: object) -> object:
    if isinstance(value, bytes):
        return raw_string(value)
    if isinstance(value, list | tuple):
        return [_pack(part) for part in value]
    return value
