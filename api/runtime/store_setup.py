"""Sets a store up: headers, keys, policy, guarantee. Running it again changes nothing."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from redis import Redis

from api.runtime.guard_setup import GuardRebuild, GuardSetup
from api.runtime.maintenance import make_maintenance_worker
from api.runtime.policy_source import PolicySource
from api.runtime.store_keys import KeyFiles
from api.runtime.video_lists import VideoListBackfill
from privacy.catalogue.retirement import Retirement
from privacy.errors import PolicyError, StoreError
from privacy.maintenance.throttle import Throttle
from privacy.mechanism.guarantee import guarantee
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.model.timestamp import Clock
from privacy.policy.registry import PolicyRegistry, read_registered_policies, register_policy
from privacy.publishing.publisher import Publisher
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.guard import RollbackGuard
from privacy.store.acl import Room
from privacy.store.checks import check_server, require
from privacy.store.clock import read_anchor_ms
from privacy.store.connect import connect
from privacy.store.header import DEFAULT_SHARDS, StoreHeader
from privacy.store.keys import GALLERY_HEADER
from privacy.store.rights import check_rights
from privacy.store.settings import GALLERY_URL, POLICY, VAULT_URL, StoreSettings
from privacy.store.users import ADMIN, MAINTENANCE, PUBLISHER
from privacy.vault.keys_in_force import KeysInForce
from privacy.vault.limits import put_limits_in_force
from privacy.vault.pseudonym_key_file import load_store_keys
from privacy.vault.shards import PseudonymKeys

DEFAULT_SHARD_COUNTS: Final = (DEFAULT_SHARDS, DEFAULT_SHARDS)
ONE_SHARD: Final = (1, 1)
"""For a store that one process fills: series that are due together are released in one step."""


@dataclass(frozen=True)
class PreparedStore:
    """A store that is ready.

    Args:
        settings: addresses and passwords.
        header: of the private room.
        registry: its policies.
        keys: pseudonym keys of the deployment.
        erasures: its erasure log, which is outside the store.
        is_new: whether it was created just now.
        rebuild: how its lost rollback guard was rebuilt just now; None for one that was not lost.
    """

    settings: StoreSettings
    header: StoreHeader
    registry: PolicyRegistry
    keys: PseudonymKeys
    erasures: ErasureLog
    is_new: bool
    rebuild: GuardRebuild | None = None


@dataclass(frozen=True)
class StoreSetup:
    """Sets a store up; what exists already is kept.

    Args:
        source: the policy in force from now on.
        key_files: created with a new store.
        rollback_guard_dir: folder of the records that no restore may take back.
        clock: current time in ms since 1970 UTC.
        entropy: returns the given number of random bytes.
        new_shards: numbers of account and target shards of a new store; an existing one keeps its own.
        was_restored: whether the store was restored from a backup since it last ran: the operator's answer if
            the rollback guard is lost, and None otherwise.
    """

    source: PolicySource
    key_files: KeyFiles
    rollback_guard_dir: Path
    clock: Clock
    entropy: Callable[[int], bytes]
    new_shards: tuple[int, int] = DEFAULT_SHARD_COUNTS
    was_restored: bool | None = None

    def prepare(self, settings: StoreSettings) -> PreparedStore:
        """Makes a store ready.

        Args:
            settings: addresses, and the passwords of the users admin and publisher at least.

        Raises:
            PolicyError: the store knows another policy under this version.
            StoreError: the store is not fit; keys or guard are another store's; a part of the deployment is
                missing.
            StoreBusyError: the store cannot answer now.
        """
        policy = self.source.policy
        stated = guarantee(policy)  # a policy that the mechanism cannot do is not registered
        self.key_files.check()
        with (
            closing(connect(settings, ADMIN, Room.PRIVATE)) as private,
            closing(connect(settings, ADMIN, Room.GALLERY)) as gallery,
        ):
            rights = [check_rights(room, ADMIN) for room in (private, gallery)]
            require([*check_server(private, self.clock), *check_server(gallery, self.clock), *rights])
            known = _known_store(private, gallery)
            header = known or self._new_header(private)
            keys = self.key_files.load(header)
            header.of_gallery.put(gallery)
            in_force = KeysInForce(private, header.account_shards)
            if not self.key_files.name_a_store:
                in_force.begin(keys)
            in_force.require(keys)
            guard = RollbackGuard(self.rollback_guard_dir, header.store_id, header.target_shards)
            # A clock that is behind must not make the erasures that a rebuilt guard lists look old.
            now_ms = max(self.clock(), read_anchor_ms(private))
            rebuild = GuardSetup(private, guard, header.account_shards).run(self.was_restored, now_ms)
            self._require_named_policy(private)
            registry = register_policy(private, self.source.text)
            Retirement(private, header.target_shards).open((policy.version, policy.version + POLICY_SUFFIX))
            put_limits_in_force(private, header.account_shards, registry.limits)
        self.key_files.name_store(header)
        with closing(connect(settings, PUBLISHER)) as client:
            publisher = Publisher(client)
            for version, other in registry.versions.items():
                if version != policy.version:  # M in force bounds the targets of every version
                    publisher.publish_other_guarantee(version, guarantee(other, policy))
            publisher.publish_guarantee(policy.version, stated, header.target_shards)
            with closing(connect(settings, ADMIN, Room.PRIVATE)) as private:
                VideoListBackfill(private, header.target_shards, publisher).run()
        loaded = PseudonymKeys(partial(load_store_keys, self.key_files.pseudonym, header))
        is_new = known is None
        return PreparedStore(settings, header, registry, loaded, guard.erasures, is_new, rebuild)

    def _require_named_policy(self, client: Redis) -> None:
        """Refuses to put the packaged policy in force over another one that the operator did not name."""
        version = self.source.policy.version
        others = {name.removesuffix(POLICY_SUFFIX) for name in read_registered_policies(client)} - {version}
        if others and not self.source.is_named:
            raise PolicyError(
                f"the store has policies besides the packaged {version}: {', '.join(sorted(others))}. Name "
                f"the file of the one to be in force with --policy or {POLICY.name}"
            )

    def _new_header(self, client: Redis) -> StoreHeader:
        """Creates the header, after the keys: a store never exists without its keys."""
        keys = self.key_files.create(self.entropy, self.rollback_guard_dir)
        return StoreHeader.create_or_verify(client, self.entropy, *self.new_shards, keys)


def reapply_erasures(store: PreparedStore, clock: Clock) -> int:
    """Repeats erasures that a restored store lacks, before anything else runs on it.

    Returns:
        The number of repeated erasures.

    Raises:
        StoreError: the list of erasures is damaged, or not the newest one.
        StoreBusyError: the store did not confirm.
    """
    with closing(connect(store.settings, MAINTENANCE, greet=store.header.greet)) as client:
        maintenance = make_maintenance_worker(
            client, store.header, store.registry, store.keys, store.erasures, clock, Throttle.disabled()
        )
        return maintenance.replay.run(clock())


def _known_store(private: Redis, gallery: Redis) -> StoreHeader | None:
    """Returns the header of an existing store whose rooms belong together and have both kept their data.

    A store is set up in the order private header, gallery header, policy. It is read in the opposite order,
    so that a store that is being set up concurrently is not taken for one that lost data.

    Raises:
        StoreError: the rooms belong to two stores, or one of them lost its data.
    """
    has_policy = bool(read_registered_policies(private))
    shown = StoreHeader.find(gallery, GALLERY_HEADER)
    known = StoreHeader.find(private)
    if shown and known is None:
        raise StoreError(
            "the gallery is in use, but the private room is empty: put the data of its Redis back, or check "
            f"that {VAULT_URL.name} and {GALLERY_URL.name} name the rooms of one store"
        )
    if known and shown is None and has_policy:
        raise StoreError(
            "the private room is in use, but the gallery is empty: put the data of its Redis back, since a "
            f"release is published once, or check that {GALLERY_URL.name} names the right one"
        )
    if known and shown and known.store_id != shown.store_id:
        raise StoreError(
            f"private room and gallery belong to two stores: {VAULT_URL.name} and {GALLERY_URL.name} must "
            "name the rooms of one"
        )
    return known
