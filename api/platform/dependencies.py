"""The connections and keys of the platform plane, and the checks that its store is fit."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import FileIO
from typing import Final

from redis import Redis

from api.http.logs import STDERR, BufferedLogFile, JsonLog, RequestLog
from api.http.system import clock_ms, entropy
from privacy.model.timestamp import Clock
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from privacy.policy.registry import PolicyRegistry, read_policy_registry
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark, caught_up
from privacy.store.checks import check_server, require
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.rights import check_rights
from privacy.store.settings import Settings
from privacy.store.users import PLATFORM, PUBLISHER
from privacy.vault.limits import KnownLimits, require_limits_in_force
from privacy.vault.pseudonym_key_file import load_store_keys
from privacy.vault.shards import PseudonymKeys

PLANE: Final = "platform"


@dataclass(frozen=True)
class PlatformDependencies:
    """The connections and keys of the platform plane.

    Args:
        client: connection to the private store with the platform plane's credentials.
        gallery: connection to the gallery with the publisher's credentials, to publish metadata at once.
        header: of the private store.
        registry: the store's policies.
        keys: the pseudonym keys.
        erasures: the erasure log, outside the store.
        entropy: returns the given number of bytes from the operating system's CSPRNG.
        log: one line per request.
        virtual_clock: stamps changes in a replay; the store's own clock does if not given.
        believed_clock: the store's clock as this process believes it: nothing is written after a leap of it.
    """

    client: Redis
    gallery: Redis
    header: StoreHeader
    registry: PolicyRegistry
    keys: PseudonymKeys
    erasures: ErasureLog
    entropy: Callable[[int], bytes]
    log: RequestLog
    virtual_clock: Clock | None = None
    believed_clock: Clock | None = None


def make_dependencies(settings: Settings) -> PlatformDependencies:
    """Connects to the store and checks that it is fit.

    Raises:
        PolicyError: the policy breaks a rule, or is not the one that is registered in the store.
        StoreError: a variable or the key is missing, the key is another store's, or the store is not fit.
    """
    policy = load_policy(settings.policy_file or DEFAULT_POLICY_PATH)
    store = settings.store
    client = connect(store, PLATFORM)
    publisher = connect(store, PUBLISHER)
    require(
        [
            *check_server(client, clock_ms),
            check_rights(client, PLATFORM),
            check_rights(publisher, PUBLISHER),
        ]
    )
    header = StoreHeader.read(client)
    keys = PseudonymKeys(partial(load_store_keys, settings.pseudonym_key_file, header))
    header.of_gallery.verify(publisher)
    erasures = ErasureLog(settings.rollback_guard_dir, header.store_id)
    ErasureWatermark(client, erasures).require_caught_up()
    registry = read_policy_registry(client, policy)
    require_limits_in_force(client, header.account_shards, KnownLimits(registry, client))
    return PlatformDependencies(
        client=connect(store, PLATFORM, greet=caught_up(header.greet, erasures)),
        gallery=connect(store, PUBLISHER, greet=header.of_gallery.greet),
        header=header,
        registry=registry,
        keys=keys,
        erasures=erasures,
        entropy=entropy,
        log=JsonLog(BufferedLogFile(FileIO(STDERR, "w", closefd=False)), PLANE),
    )
