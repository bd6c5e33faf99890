"""The account shards as scripts see them: their keys, and a caller whose pseudonym key is out of date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from privacy.errors import StoreBusyError
from privacy.store.connect import translated
from privacy.store.keys import outbox_key, register_prefix, vault_key
from privacy.store.script import Script, ScriptCall
from privacy.vault.pseudonym import Account, AccountRef, Pseudonymiser

if TYPE_CHECKING:
    from redis import Redis

_STALE = "STALEKEY"
_ACCOUNTS = "accounts"


def vault_script(*names: str) -> Script:
    """A script of the vault, with what all of them share before it."""
    return Script.packaged("privacy.vault", "account.lua", *names)


class PseudonymKeys:
    """The pseudonym keys in use; read again when the store says that they were rotated.

    Args:
        load: reads them, from their file.
    """

    def __init__(self, load: Callable[[], Pseudonymiser]) -> None:
        self._load = load
        self.current = load()

    def reload(self) -> None:
        """Read them again."""
        self.current = self._load()


@cache
def _script_keys(shard: int, generation: int) -> tuple[str, ...]:
    return (
        outbox_key(shard),
        *(vault_key(shard, name) for name in ("tombstones", "flagged", "timers", "outer-key", _ACCOUNTS)),
        register_prefix(shard, generation - 1),
    )


@dataclass(frozen=True)
class AccountShards:
    """Runs scripts on account shards.

    Args:
        client: connection of a user that may.
        keys: of the pseudonyms.
        count: number of account shards of this store.
    """

    client: Redis
    keys: PseudonymKeys
    count: int

    def script_keys(self, shard: int) -> tuple[str, ...]:
        """The keys of a shard that belong to no single account, as every script of the vault takes them.

        The last one is no key but the prefix of accounts under the former pseudonym key.
        """
        return _script_keys(shard, self.keys.current.generation)

    def prefix(self, shard: int) -> str:
        """What stands before a pseudonym in the name of an account of a shard."""
        return register_prefix(shard, self.keys.current.generation)

    def account_table(self, shard: int) -> str:
        """The key of the hash that holds, by pseudonym, the standing and admissions of a shard's accounts."""
        return vault_key(shard, _ACCOUNTS)

    def stored_names(self, account: Account) -> list[bytes]:
        """The names an account may be stored under: while keys are rotated, the former one too."""
        shard, generation = account.shard(self.count), self.keys.current.generation
        names = [register_prefix(shard, generation).encode() + account.pseudonym]
        if account.previous_pseudonym:
            names.append(register_prefix(shard, generation - 1).encode() + account.previous_pseudonym)
        return names

    def run(
        self, script: Script, shards: Mapping[int, Any], call: Callable[[int, Any], ScriptCall]
    ) -> dict[int, Any]:
        """Run a script on several shards in one round trip.

        Args:
            script: of `vault_script`.
            shards: what each shard is given; passed to `call`.
            call: makes the call of a shard with the keys that are current by then.

        Returns:
            The answer of each shard.

        Raises:
            StoreBusyError: the store did not confirm, or keeps the accounts under a key that this process
                does not know yet. Some shards may have applied their part.
        """
        pending, answers = dict(shards), {}
        for _ in range(2):
            with translated():
                given = script.try_all(self.client, [call(shard, items) for shard, items in pending.items()])
                stale = {}
                for (shard, items), answer in zip(pending.items(), given, strict=True):
                    if isinstance(answer, ResponseError) and str(answer).startswith(_STALE):
                        stale[shard] = items
                    elif isinstance(answer, Exception):
                        raise answer
                    else:
                        answers[shard] = answer
            if not stale:
                return answers
            pending = stale
            self.keys.reload()
        raise StoreBusyError("the pseudonym key was rotated, and this process cannot read the new one yet")

    def run_one(self, script: Script, account: AccountRef, call: Callable[[Account], ScriptCall]) -> Any:
        """Run a script on the shard of one account.

        Args:
            script: of `vault_script`.
            account: the account; resolved again for every try.
            call: makes the call.

        Raises:
            StoreBusyError: as `run`.
        """
        shard = self.resolve(account).shard(self.count)
        return self.run(script, {shard: None}, lambda _shard, _items: call(self.resolve(account)))[shard]

    def resolve(self, account: AccountRef) -> Account:
        """Finds an account under the keys that are current."""
        return account.resolve(self.keys.current)
