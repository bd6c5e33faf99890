"""Everything that `likewise doctor` looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.runtime.settings import LEDGER_KEY_FILE, PSEUDONYM_KEY_FILE
from privacy.embedded.config import CREDENTIALS_FILE
from privacy.errors import StoreBusyError, StoreError
from privacy.model.timestamp import Clock
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.signing.signing_key_file import load_signing_key
from privacy.store.acl import AclUser, Room
from privacy.store.checks import CheckResult, check_private_file, check_server
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.keys import GALLERY_HEADER, STORE_HEADER
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN, PUBLIC, USERS
from privacy.store.wall_checks import check_users, check_wall

if TYPE_CHECKING:
    from redis import Redis

_HEADERS = {Room.PRIVATE: STORE_HEADER, Room.GALLERY: GALLERY_HEADER}


@dataclass(frozen=True)
class Diagnostics:
    """One look at a deployment.

    Args:
        settings: the store.
        folder: data folder, perhaps without one of the files.
        key_file: of the pseudonyms, where it is not in the folder.
        ledger_key_file: with which the ledger is signed, likewise.
        never_restore: folder of what no restore may take back.
        clock: the real one.
    """

    settings: StoreSettings
    folder: Path
    key_file: str | None
    ledger_key_file: str | None
    never_restore: Path
    clock: Clock

    def findings(self) -> list[tuple[str, CheckResult]]:
        """What was found, with the place where."""
        found = [(room.value, finding) for room in Room for finding in self._room(room)]
        found += [("rooms", finding) for finding in self._asked(self._one_store)]
        found += [("wall", finding) for finding in self._asked(self._wall)]
        found += [("erasures", finding) for finding in self._asked(self._erasures)]
        found += [(path.name, check_private_file(path)) for path in self._files()]
        return [*found, self._signing_key()]

    def _room(self, room: Room) -> list[CheckResult]:
        def look() -> list[CheckResult]:
            with closing(connect(self.settings, ADMIN, room)) as client:
                return [
                    *check_server(client, self.clock),
                    _header(client, _HEADERS[room]),
                    *check_users(client, self._users(room)),
                ]

        return self._asked(look)

    def _users(self, room: Room) -> list[AclUser]:
        """Those of a server: a room that shares its server with the other one has the users of both."""
        here = [other for other in Room if self.settings.urls.get(other) == self.settings.urls.get(room)]
        return [user for user in USERS if set(user.rooms) & set(here)]

    def _one_store(self) -> list[CheckResult]:
        with (
            closing(connect(self.settings, ADMIN, Room.PRIVATE)) as private,
            closing(connect(self.settings, ADMIN, Room.GALLERY)) as gallery,
        ):
            StoreHeader.read(private).of_gallery.verify(gallery)
            return [CheckResult("one store", ok=True, detail="private room and gallery have the same id")]

    def _wall(self) -> list[CheckResult]:
        with closing(connect(self.settings, PUBLIC)) as client:
            return check_wall(client)

    def _erasures(self) -> list[CheckResult]:
        with closing(connect(self.settings, ADMIN, Room.PRIVATE)) as client:
            mark = ErasureWatermark(client, ErasureLog(self.never_restore, StoreHeader.read(client).store_id))
            mark.require_caught_up()
            detail = f"all {mark.read() or 0} that were ever listed are done; {self.never_restore}"
            return [CheckResult("list", ok=True, detail=detail)]

    def _files(self) -> Iterator[Path]:
        yield Path(self.key_file) if self.key_file else self.folder / PSEUDONYM_KEY_FILE
        if (credentials := self.folder / CREDENTIALS_FILE).exists():
            yield credentials

    def _signing_key(self) -> tuple[str, CheckResult]:
        path = Path(self.ledger_key_file) if self.ledger_key_file else self.folder / LEDGER_KEY_FILE
        try:
            key_id = load_signing_key(path).public_keys.key_ids[0]
        except StoreError as error:
            return path.name, CheckResult("secret file", ok=False, detail=str(error))
        return path.name, CheckResult(
            "secret file", ok=True, detail=f"{path} is its owner's alone; key {key_id}"
        )

    @staticmethod
    def _asked(question: Callable[[], list[CheckResult]]) -> list[CheckResult]:
        """The answer; a question that cannot be asked is a bad finding itself."""
        try:
            return question()
        except StoreError as error:
            return [CheckResult("answer", ok=False, detail=str(error))]


def _header(client: Redis, key: str) -> CheckResult:
    try:
        header = StoreHeader.read(client, key)
    except StoreBusyError:
        raise
    except StoreError as error:
        return CheckResult("header", ok=False, detail=str(error))
    detail = f"{header.account_shards} account and {header.target_shards} target shards"
    return CheckResult("header", ok=True, detail=detail)
