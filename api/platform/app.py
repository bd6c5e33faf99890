"""The platform plane's app: where its parts are wired together."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from api.http.app import build_app
from api.http.edge import Edge
from api.http.idempotency import Idempotency
from api.http.keys import KEY_PREFIXES, Authenticator
from api.http.rate_limit import redis_limiter
from api.platform.operations import operations
from api.platform.sandbox import SandboxDoor, SandboxRegistry
from api.platform.services import PlatformServices
from api.platform.staff_services import staff_services
from privacy.gallery.keys_reader import KeyReader
from privacy.gallery.publisher import Publisher
from privacy.tally.catalogue import Catalogue
from privacy.vault.door import IntakeDoor
from privacy.vault.shards import AccountShards
from privacy.vault.vault import Caps, Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from redis import Redis

    from api.http.logs import RequestLog
    from privacy.model.timestamp import Clock
    from privacy.policy_book import PolicyBook
    from privacy.store.erasure_list import ErasureList
    from privacy.store.header import StoreHeader
    from privacy.vault.shards import PseudonymKeys

PLANE = "platform"


@dataclass(frozen=True)
class PlatformDependencies:
    """What the platform plane is given.

    Args:
        client: of the private room, with the platform plane's credentials.
        gallery: with the publisher's credentials: new metadata is published at once.
        header: of the private room's store.
        book: its policies.
        keys: of the pseudonyms.
        erasures: the list of erasures, outside of the store.
        entropy: answers so many bytes of the operating system's CSPRNG.
        log: one line a request.
    """

    client: Redis
    gallery: Redis
    header: StoreHeader
    book: PolicyBook
    keys: PseudonymKeys
    erasures: ErasureList
    entropy: Callable[[int], bytes]
    log: RequestLog


def build_platform_app(dependencies: PlatformDependencies, clock: Clock) -> Flask:
    """Make the app.

    Args:
        dependencies: what it works with.
        clock: now, in ms since 1970 UTC.
    """
    client, header, book = dependencies.client, dependencies.header, dependencies.book
    edge = Edge(
        authenticator=Authenticator(PLANE, KeyReader(client, KEY_PREFIXES[PLANE]), time.monotonic),
        limiter=redis_limiter(client, PLANE),
        clock=clock,
        log=dependencies.log,
        readiness={"the store": client.ping, "the gallery": dependencies.gallery.ping},
    )
    publisher = Publisher(dependencies.gallery)
    catalogue = Catalogue(client, header.target_shards, book.current, publisher.publish_targets)
    vault = Vault(AccountShards(client, dependencies.keys, header.account_shards), Caps.of(book))
    staff = staff_services(vault, catalogue, book, dependencies.erasures, dependencies.entropy)
    services = PlatformServices(
        edge=edge,
        door=IntakeDoor(book, catalogue, vault),
        registry=catalogue,
        intake=book.current.intake,
        idempotency=Idempotency(client, book.current.retention.idempotency_seconds, dependencies.entropy),
        moderation=staff.moderation,
        rights=staff.rights,
    )
    sandbox = book.sandbox
    if sandbox:
        canaries = Catalogue(client, header.target_shards, sandbox.current, publisher.publish_targets)
        door = SandboxDoor(IntakeDoor(sandbox, canaries, vault))
        twin = replace(services, door=door, registry=SandboxRegistry(canaries))
        services = replace(services, sandbox=twin)
    return build_app(PLANE, operations(), services)
