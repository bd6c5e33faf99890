"""Wires the platform plane's app together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from api.http.api_keys import KEY_PREFIXES, Authenticator, KeyReader
from api.http.flask_app import Gateway, build_app
from api.http.idempotency import Idempotency
from api.http.rate_limit import redis_limiter
from api.platform.dependencies import PLANE, PlatformDependencies
from api.platform.event_decoder import EventDecoder
from api.platform.operations import operations
from api.platform.sandbox import KEEP_SECONDS, SandboxAdmission, SandboxCatalogue
from api.platform.services import Moderation, PlatformServices
from privacy.catalogue.canary_places import account_places, canary_places
from privacy.catalogue.catalogue import Catalogue
from privacy.intake.admission import AdmissionControl
from privacy.intake.profile_shape import ProfileShape
from privacy.model.timestamp import Clock
from privacy.moderation.accounts import AccountModeration
from privacy.moderation.advisories import Advisories
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.moderation.jobs import Jobs
from privacy.moderation.pending import PendingOperations
from privacy.moderation.receipts import Receipts
from privacy.moderation.resync import ResyncService
from privacy.moderation.rights import DataSubjectRights
from privacy.policy.registry import PolicyRegistry
from privacy.publishing.publisher import Publisher
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.vault.blocks import EngagementBlocks
from privacy.vault.erasure import Erasure
from privacy.vault.limits import KnownLimits, require_limits_in_force
from privacy.vault.recount import Recount
from privacy.vault.registers import RegisterStore
from privacy.vault.resync import Resync
from privacy.vault.shards import AccountShards

if TYPE_CHECKING:
    from flask import Flask


class StaffServices(NamedTuple):
    """The services behind staff actions.

    Args:
        moderation: trust & safety.
        rights: data-subject rights.
    """

    moderation: Moderation
    rights: DataSubjectRights


def build_staff_services(
    registers: RegisterStore,
    catalogue: Catalogue,
    registry: PolicyRegistry,
    erasures: ErasureLog,
    entropy: Callable[[int], bytes],
) -> StaffServices:
    """Wire the services together.

    Args:
        registers: the vault, with the platform plane's credentials.
        catalogue: the targets.
        registry: the store's policies.
        erasures: the erasure log, outside the store.
        entropy: returns the given number of bytes from the operating system's CSPRNG.
    """
    shards, retention = registers.shards, registry.current.retention
    client, keys = shards.client, shards.keys
    recount = Recount(shards)
    trail, pending, advisories = AuditTrail(client), PendingOperations(client), Advisories(client)
    moderation = Moderation(
        accounts=AccountModeration(recount, keys, trail, pending, retention.deleted_account_seconds),
        jobs=Jobs(client, shards.count),
        catalogue=catalogue,
        blocks=EngagementBlocks(shards),
        resync=ResyncService(registry, catalogue, Resync(registers)),
        advisories=advisories,
        trail=trail,
        keys=keys,
    )
    rights = DataSubjectRights(
        recount=recount,
        erasure=ErasureProcedure(
            client, Erasure(shards, ErasureWatermark(client, erasures)), pending, advisories
        ),
        keys=keys,
        trail=trail,
        pending=pending,
        receipts=Receipts(client, entropy, retention.backup_seconds),
    )
    return StaffServices(moderation, rights)


def build_platform_app(dependencies: PlatformDependencies, clock: Clock) -> Flask:
    """Build the app.

    Args:
        dependencies: connections and keys.
        clock: the time in ms since 1970 UTC.
    """
    client, header, registry = dependencies.client, dependencies.header, dependencies.registry
    limits = KnownLimits(registry, client)
    require_limits = partial(require_limits_in_force, client, header.account_shards, limits)
    require_store = partial(header.verify, client)
    reader = KeyReader(client, KEY_PREFIXES[PLANE], require_store)
    gateway = Gateway(
        authenticator=Authenticator(PLANE, reader.find, time.monotonic),
        limiter=redis_limiter(client, PLANE),
        clock=clock,
        log=dependencies.log,
        readiness={
            "the store": require_store,
            "the gallery": partial(header.of_gallery.verify, dependencies.gallery),
            "the clock": clock,
            "the store's policy": require_limits,
        },
        require_store=require_store,
    )
    publisher = Publisher(dependencies.gallery)
    publish = publisher.publish_targets
    required = require_limits, require_store
    catalogue = Catalogue(client, header.target_shards, registry.current, publish, *required)
    clocks = dependencies.virtual_clock, dependencies.believed_clock
    shards = AccountShards(client, dependencies.keys, header.account_shards, limits, *clocks)
    registers = RegisterStore(shards)
    staff = build_staff_services(registers, catalogue, registry, dependencies.erasures, dependencies.entropy)
    idempotency = Idempotency(
        client,
        registry.current.retention.idempotency_seconds,
        dependencies.entropy,
        lambda: dependencies.keys.current.request_key,
    )
    services = PlatformServices(
        gateway=gateway,
        admission=AdmissionControl(registry, catalogue, registers),
        history=AdmissionControl(registry, catalogue, registers, imported=True),
        catalogue=catalogue,
        intake=registry.current.intake,
        idempotency=idempotency,
        moderation=staff.moderation,
        rights=staff.rights,
        decoder=EventDecoder(ProfileShape.of(registry.versions.values())),
    )
    sandbox = registry.sandbox
    if sandbox:
        canaries = SandboxCatalogue(
            client, header.target_shards, sandbox.current, publish, *required, canary_places(client)
        )
        in_sandbox = replace(
            services,
            admission=SandboxAdmission(
                sandbox,
                canaries,
                registers,
                places=account_places(client),
                digest_key=lambda: dependencies.keys.current.request_key,
            ),
            catalogue=canaries,
            idempotency=replace(idempotency, keep_seconds=KEEP_SECONDS),
        )
        services = replace(services, sandbox=in_sandbox)
    return build_app(PLANE, operations(), services)
