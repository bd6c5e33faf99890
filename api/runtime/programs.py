"""The programs of a system on one machine, each with the credentials of its own plane and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.runtime.api_keys import SimulationKeys
from api.runtime.child import Program
from privacy.rollback.folder import FOLDER_VARIABLE
from privacy.store.acl import AclUser, Room
from privacy.store.settings import StoreSettings
from privacy.store.users import LIMITER, MAINTENANCE, PLATFORM, PUBLIC, PUBLISHER, RELAY, RELEASE, SIGNER

_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Programs:
    """What the programs have in common.

    Args:
        settings: the store, with the passwords of all users.
        key_file: of the pseudonyms.
        ledger_key_file: with which the ledger is signed.
        never_restore: folder of what no restore may take back.
        policy_file: None for the packaged one.
        environment: of this process; what is Likewise's own is not passed on.
    """

    settings: StoreSettings
    key_file: Path
    ledger_key_file: Path
    never_restore: Path
    policy_file: Path | None
    environment: Mapping[str, str]

    def platform(self, port: int) -> Program:
        """The platform plane."""
        arguments = ("platform", "--port", str(port))
        return Program("platform", arguments, self._environment(PLATFORM, PUBLISHER) | self._of_accounts())

    def public(self, port: int) -> Program:
        """The public plane: it is not even told where the private room is."""
        gallery = StoreSettings({Room.GALLERY: self.settings.urls[Room.GALLERY]}, self.settings.passwords)
        environment = self._base() | gallery.environment((PUBLIC, LIMITER))
        return Program("public", ("public", "--port", str(port)), environment)

    def maintenance(self) -> Program:
        """The maintenance worker."""
        return Program("maintenance", ("maintain",), self._environment(MAINTENANCE) | self._of_accounts())

    def relay(self) -> Program:
        """The relay."""
        return Program("relay", ("relay",), self._environment(RELAY))

    def release(self) -> Program:
        """The release worker."""
        extra = {
            "LIKEWISE_LEDGER_KEY_FILE": str(self.ledger_key_file.absolute()),
            FOLDER_VARIABLE: str(self.never_restore.absolute()),
        }
        return Program("release", ("release",), self._environment(RELEASE, PUBLISHER, SIGNER) | extra)

    def simulate(self, platform_url: str, keys: SimulationKeys, seed: int, opened_at: str) -> Program:
        """The simulated platform: it has API keys and knows of no store."""
        policy = ("--policy", str(self.policy_file.absolute())) if self.policy_file else ()
        which = ("--seed", str(seed), "--opened-at", opened_at)
        arguments = ("simulate", "--platform-url", platform_url, *which, *policy)
        tokens = {"LIKEWISE_PLATFORM_KEY": keys.feed, "LIKEWISE_STAFF_KEY": keys.staff}
        return Program("simulate", arguments, self._base() | tokens)

    def _of_accounts(self) -> dict[str, str]:
        """What those are given that know accounts."""
        extra = {
            "LIKEWISE_PSEUDONYM_KEY_FILE": str(self.key_file.absolute()),
            FOLDER_VARIABLE: str(self.never_restore.absolute()),
        }
        if self.policy_file:
            extra["LIKEWISE_POLICY"] = str(self.policy_file.absolute())
        return extra

    def _environment(self, *users: AclUser) -> dict[str, str]:
        return self._base() | self.settings.environment(users)

    def _base(self) -> dict[str, str]:
        base = {name: value for name, value in self.environment.items() if not name.startswith("LIKEWISE_")}
        # The programs are found where this one was, whatever the working folder is.
        path = [str(_ROOT), *filter(None, [base.get("PYTHONPATH")])]
        return base | {"PYTHONPATH": ":".join(path)}
