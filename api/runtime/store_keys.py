"""The key files of a store: created with it, checked against it ever after."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from privacy.errors import StoreError
from privacy.rollback.guard import list_stores
from privacy.signing import signing_key_file
from privacy.store.header import KeyFingerprints, StoreHeader
from privacy.store.settings import LEDGER_KEY_FILE, PSEUDONYM_KEY_FILE, Settings
from privacy.vault import pseudonym_key_file
from privacy.vault.pseudonym import Pseudonymiser


@dataclass(frozen=True)
class KeyFiles:
    """The pseudonym key and the ledger key of a deployment.

    Each file names its store as the last step of setting that up. So keys without a store are either those of
    a setup that was interrupted, and name none, or those of a store that is missing.

    Args:
        pseudonym: path of the pseudonym key file.
        ledger: path of the ledger key file.
    """

    pseudonym: Path
    ledger: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns the key files of a deployment.

        Raises:
            StoreError: the settings name none.
        """
        return cls(settings.pseudonym_key_file, settings.ledger_key_file)

    def check(self) -> None:
        """Reads the files that exist: a file without a key is refused before anything else is looked at.

        Raises:
            StoreError: a file is readable by others, or holds no key.
        """
        if self.pseudonym.exists():
            pseudonym_key_file.load_pseudonymiser(self.pseudonym)
        if self.ledger.exists():
            signing_key_file.load_signing_key(self.ledger)

    def create(self, entropy: Callable[[int], bytes], guard: Path) -> KeyFingerprints:
        """Creates the keys of a new store; those of a setup that was interrupted are used.

        Args:
            entropy: returns the given number of random bytes.
            guard: folder of the rollback guard.

        Raises:
            StoreError: a file or the guard is of a store that was set up, and is missing.
        """
        self._require_no_store(guard)
        pseudonym_key_file.create_key_file(self.pseudonym, entropy)
        signing_key_file.create_ledger_key(self.ledger, entropy)
        return KeyFingerprints(
            pseudonym_key=pseudonym_key_file.load_pseudonymiser(self.pseudonym).fingerprint,
            ledger_key=signing_key_file.load_signing_key(self.ledger).public_keys.key_ids[0],
        )

    def load(self, header: StoreHeader) -> Pseudonymiser:
        """Reads the keys of an existing store, which may not have been set up to its end.

        Raises:
            StoreError: a file is missing, or its key is another store's.
        """
        if not self.pseudonym.exists():
            raise StoreError(
                f"the store is in use, but the key of its pseudonyms is not at {self.pseudonym}: put it "
                f"back, or set {PSEUDONYM_KEY_FILE.name}; under another key every account would be counted a "
                "second time"
            )
        if not self.ledger.exists():
            raise StoreError(
                f"the store is in use, but the key of its ledger is not at {self.ledger}: put it back, or "
                f"set {LEDGER_KEY_FILE.name}; if it is lost, see docs/compliance/ledger.md, The signing key"
            )
        signing_key_file.load_store_signing_key(self.ledger, header, is_set_up=False)
        return pseudonym_key_file.load_store_keys(self.pseudonym, header, is_set_up=False)

    @property
    def name_a_store(self) -> bool:
        """Returns whether the pseudonym key file names a store: that one was set up to its end."""
        return pseudonym_key_file.FILES.read(self.pseudonym).store is not None

    def name_store(self, header: StoreHeader) -> None:
        """Writes the store's id into the files that name none, as the last step of setting it up.

        Raises:
            StoreError: a file cannot be written.
        """
        if signing_key_file.FILES.read(self.ledger).store is None:
            signing_key_file.FILES.name_store(self.ledger, header.store_id)
        if pseudonym_key_file.FILES.read(self.pseudonym).store is None:
            pseudonym_key_file.FILES.name_store(self.pseudonym, header.store_id)

    def _require_no_store(self, guard: Path) -> None:
        """Refuses to set a new store up with what belongs to a store that is missing."""
        belongings = [
            path
            for path, files in (
                (self.pseudonym, pseudonym_key_file.FILES),
                (self.ledger, signing_key_file.FILES),
            )
            if path.exists() and files.read(path).store is not None
        ]
        belongings += [guard] if list_stores(guard) else []
        if belongings:
            raise StoreError(
                "the store is empty, but there is what belongs to a store that was set up: "
                f"{', '.join(map(str, belongings))}. Put the data of its Redis servers back, or check their "
                "addresses. To set up a new store instead, which knows nothing of the old one, move these "
                "away first"
            )
