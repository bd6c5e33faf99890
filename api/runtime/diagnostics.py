"""The checks of `likewise doctor`."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from api.runtime.policy_source import read_policy
from privacy.embedded.append_log import AppendLog
from privacy.embedded.config import CREDENTIALS_FILE, room_folders
from privacy.errors import ClockError, PolicyError, StoreBusyError, StoreError
from privacy.model.timestamp import Clock, format_timestamp
from privacy.policy.registry import PolicyRegistry, read_registered_policies
from privacy.rollback.erasure_watermark import ErasuresMissingError, ErasureWatermark
from privacy.rollback.guard import RollbackGuard, describe_shared_device, shares_device
from privacy.signing.signing_key_file import load_store_signing_key
from privacy.store.acl import AclUser, Room
from privacy.store.checks import CheckResult, check_private_file, check_server
from privacy.store.clock import StoreClock, Uptime
from privacy.store.connect import connect, translated
from privacy.store.header import StoreHeader
from privacy.store.keys import GALLERY_HEADER, STORE_HEADER, ledger_log_key
from privacy.store.settings import Settings
from privacy.store.users import ADMIN, PUBLIC, USERS
from privacy.store.wall_checks import check_users, check_wall
from privacy.vault.keys_in_force import KeysInForce
from privacy.vault.limits import check_limits, read_limits_in_force
from privacy.vault.pseudonym_key_file import load_store_keys

_HEADERS = {Room.PRIVATE: STORE_HEADER, Room.GALLERY: GALLERY_HEADER}


@dataclass(frozen=True)
class Diagnostics:
    """Checks a deployment.

    Args:
        settings: of the deployment.
        data_folder: where the embedded store keeps its passwords, if there is one.
        clock: current time in ms since 1970 UTC.
        uptime: of this machine.
    """

    settings: Settings
    data_folder: Path
    clock: Clock
    uptime: Callable[[], Uptime]

    def run(self) -> list[tuple[str, CheckResult]]:
        """Returns what was found, with the subject of each check."""
        found = [(room.value, finding) for room in Room for finding in self._room(room)]
        found += [("rooms", finding) for finding in self._try(self._one_store)]
        found += [("rooms", finding) for finding in self._try(self._store_clock)]
        found += [("rooms", finding) for finding in self._try(self._limits)]
        found += [("wall", finding) for finding in self._try(self._wall)]
        found += [("rollback guard", finding) for finding in self._try(self._guard)]
        found += [(room.value, finding) for room in Room for finding in self._log(room)]
        found += [(path.name, check_private_file(path)) for path in self._files()]
        return [*found, *self._keys()]

    def _room(self, room: Room) -> list[CheckResult]:
        def check() -> list[CheckResult]:
            with closing(connect(self.settings.store, ADMIN, room)) as client:
                return [
                    *check_server(client, self.clock),
                    _header(client, _HEADERS[room]),
                    *check_users(client, self._users(room)),
                ]

        return self._try(check)

    def _log(self, room: Room) -> list[CheckResult]:
        """Says whether the log of an embedded server ended in a torn transaction once."""
        cut = AppendLog(room_folders(self.data_folder)[room]).last_cut()
        detail = f"the last torn transaction had {cut} bytes; it was never acknowledged, and was cut off"
        return [CheckResult("log", ok=True, detail=detail)] if cut else []

    def _users(self, room: Room) -> list[AclUser]:
        """Returns the users of a room's server; if the rooms share one server, it has the users of both."""
        here = [
            other
            for other in Room
            if self.settings.store.urls.get(other) == self.settings.store.urls.get(room)
        ]
        return [user for user in USERS if set(user.rooms) & set(here)]

    def _one_store(self) -> list[CheckResult]:
        with (
            closing(connect(self.settings.store, ADMIN, Room.PRIVATE)) as private,
            closing(connect(self.settings.store, ADMIN, Room.GALLERY)) as gallery,
        ):
            StoreHeader.read(private).of_gallery.verify(gallery)
            return [CheckResult("one store", ok=True, detail="private room and gallery have the same id")]

    def _store_clock(self) -> list[CheckResult]:
        with closing(connect(self.settings.store, ADMIN, Room.PRIVATE)) as client:
            try:
                now_ms = StoreClock(client, self.clock, self.uptime)()
            except ClockError as error:
                return [CheckResult("store's clock", ok=False, detail=str(error))]
            detail = f"is believed: it says {format_timestamp(now_ms)}"
            return [CheckResult("store's clock", ok=True, detail=detail)]

    def _limits(self) -> list[CheckResult]:
        """Compares the limits in force on every account shard with those that the store's policies demand."""
        with closing(connect(self.settings.store, ADMIN, Room.PRIVATE)) as client:
            header = StoreHeader.read(client)
            in_force = read_limits_in_force(client, header.account_shards)
            versions = read_registered_policies(client)
        try:
            named = read_policy(self.settings.policy_file) if self.settings.policy_file else None
        except PolicyError as error:
            return [CheckResult("limits", ok=False, detail=str(error))]
        current = [versions.get(named.policy.version)] if named else versions.values()
        return [
            check_limits(in_force, [PolicyRegistry(policy, versions).limits for policy in current if policy])
        ]

    def _wall(self) -> list[CheckResult]:
        with closing(connect(self.settings.store, PUBLIC)) as client:
            return check_wall(client)

    def _guard(self) -> list[CheckResult]:
        """Checks that no restore has taken anything back, and that no disk takes data and guard together."""
        with closing(connect(self.settings.store, ADMIN, Room.PRIVATE)) as client:
            header = StoreHeader.read(client)
            folder = self.settings.rollback_guard_dir
            guard = RollbackGuard(folder, header.store_id, header.target_shards)
            try:
                guard.require_own()
            except StoreError as error:
                return [CheckResult("owner", ok=False, detail=str(error))]
            found = [
                _outcome("erasures", lambda: _check_erasures(client, guard)),
                _outcome("releases", lambda: _check_releases(client, guard, header.target_shards)),
            ]
        if (self.data_folder / CREDENTIALS_FILE).exists() and shares_device(folder, self.data_folder):
            found.append(CheckResult("disk", ok=True, detail=f"warning: {describe_shared_device(folder)}"))
        return found

    def _files(self) -> Iterator[Path]:
        yield self.settings.pseudonym_key_file
        if (credentials := self.data_folder / CREDENTIALS_FILE).exists():
            yield credentials
        yield self.settings.ledger_key_file

    def _keys(self) -> list[tuple[str, CheckResult]]:
        """Checks that the keys are those of the store, in its header and in every shard."""

        def check_pseudonym_key() -> list[CheckResult]:
            with closing(connect(self.settings.store, ADMIN, Room.PRIVATE)) as client:
                header = StoreHeader.read(client)
                keys = load_store_keys(self.settings.pseudonym_key_file, header)
                KeysInForce(client, header.account_shards).require(keys)
            detail = f"the store's, in all {header.account_shards} account shards"
            return [CheckResult("key", ok=True, detail=detail)]

        def check_ledger_key() -> list[CheckResult]:
            with closing(connect(self.settings.store, ADMIN, Room.PRIVATE)) as client:
                key = load_store_signing_key(self.settings.ledger_key_file, StoreHeader.read(client))
            return [CheckResult("key", ok=True, detail=f"the store's; {key.public_keys.key_ids[0]}")]

        checks = (
            (self.settings.pseudonym_key_file.name, check_pseudonym_key),
            (self.settings.ledger_key_file.name, check_ledger_key),
        )
        return [(name, finding) for name, check in checks for finding in self._try(check)]

    @staticmethod
    def _try(question: Callable[[], list[CheckResult]]) -> list[CheckResult]:
        """Returns the findings of a check; a check that cannot run is a bad finding itself."""
        try:
            return question()
        except StoreError as error:
            return [CheckResult("answer", ok=False, detail=str(error))]


def _outcome(name: str, check: Callable[[], str]) -> CheckResult:
    """Returns the finding of one check, bad if it raises an error; a store that does not answer is none."""
    try:
        return CheckResult(name, ok=True, detail=check())
    except ErasuresMissingError as error:
        return CheckResult(name, ok=False, detail=str(error))
    except StoreBusyError:
        raise
    except StoreError as error:
        return CheckResult(name, ok=False, detail=str(error))


def _check_erasures(client: Redis, guard: RollbackGuard) -> str:
    watermark = ErasureWatermark(client, guard.erasures)
    watermark.require_caught_up()
    return f"all {watermark.read() or 0} that were ever listed are done; {guard.folder}"


def _check_releases(client: Redis, guard: RollbackGuard, target_shards: int) -> str:
    with translated():
        for shard in range(target_shards):
            guard.releases.check(shard, int(client.llen(ledger_log_key(shard))))
    return "the tally holds every published one"


def _header(client: Redis, key: str) -> CheckResult:
    try:
        header = StoreHeader.read(client, key)
    except StoreBusyError:
        raise
    except StoreError as error:
        return CheckResult("header", ok=False, detail=str(error))
    detail = f"{header.account_shards} account and {header.target_shards} target shards"
    return CheckResult("header", ok=True, detail=detail)
