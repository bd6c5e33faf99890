"""API keys for operators: an owner has at most two live ones, so that a key is replaced without a gap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from api.http.api_keys import KEY_PREFIXES, KeyRecord, issue_key
from api.http.caller import UNLIMITED, ReaderLimits
from api.http.system import clock_ms, entropy, uptime
from api.runtime.api_key_writer import KeyWriter
from privacy.errors import ConflictError
from privacy.model.identifier import check_identifier
from privacy.model.timestamp import SECONDS_PER_DAY, Clock
from privacy.store.acl import Room
from privacy.store.clock import StoreClock
from privacy.store.connect import connect
from privacy.store.settings import StoreSettings
from privacy.store.users import ADMIN

MAX_LIVE_KEYS: Final = 2
MAX_LIVE_SHARES: Final = 20
"""Share links of one creator."""
SHARE_REQUESTS_PER_MINUTE: Final = 120
"""Enough for a few people who look at pages."""
_ROOMS: Final = {"public": Room.GALLERY, "platform": Room.PRIVATE}


@dataclass(frozen=True)
class ApiKeySpec:
    """The properties of a new key.

    Args:
        owner: identifier of its owner.
        scopes: what it may do on its plane.
        days: lifetime.
        requests_per_minute: rate limit.
        limits: what it is limited to.
    """

    owner: str
    scopes: Sequence[str]
    days: int
    requests_per_minute: int
    limits: ReaderLimits = UNLIMITED


def is_live(record: KeyRecord, now_ms: int) -> bool:
    """Returns whether a key is accepted at a time."""
    return record.revoked_at_ms is None and now_ms < record.expires_at_ms


@dataclass(frozen=True)
class ApiKeys:
    """The API keys of one plane.

    Args:
        plane: `public` or `platform`.
        writer: its records.
        clock: gives a new key its times, in ms since 1970 UTC; it is the store's, and refuses after a leap.
        entropy: returns the given number of random bytes.
    """

    plane: str
    writer: KeyWriter
    clock: Clock
    entropy: Callable[[int], bytes]

    @classmethod
    def open(cls, settings: StoreSettings, plane: str, entropy: Callable[[int], bytes]) -> ApiKeys:
        """Returns the API keys of a plane, with the admin's credentials.

        Their clock is the server's that holds them, as it is the plane's. The public plane's server has no
        anchor, so the wall clock of this process alone is compared.
        """
        client = connect(settings, ADMIN, _ROOMS[plane])
        clock = StoreClock(client, clock_ms, uptime, has_anchor=False)
        return cls(plane, KeyWriter(client, KEY_PREFIXES[plane]), clock, entropy)

    def live(self, owner: str) -> list[KeyRecord]:
        """Returns the keys of an owner that are neither revoked nor expired, oldest first.

        Raises:
            StoreError: the store does not answer.
        """
        now_ms = self.writer.server_ms()
        records = self.writer.records()
        return [
            record
            for record in records
            if record.owner == owner and not record.is_share and is_live(record, now_ms)
        ]

    def live_shares(self, creator_id: str) -> list[KeyRecord]:
        """Returns the share links of a creator that are neither revoked nor expired, oldest first.

        Raises:
            StoreError: the store does not answer.
        """
        now_ms = self.writer.server_ms()
        records = self.writer.records()
        return [
            record
            for record in records
            if record.is_share and record.owner == creator_id and is_live(record, now_ms)
        ]

    def create(self, spec: ApiKeySpec) -> tuple[str, KeyRecord]:
        """Creates a key: the token, which cannot be recovered later, and its record.

        Raises:
            ConflictError: the owner has two live keys already.
            InvalidInputError: the owner is no identifier, the plane has no such scope or no limits, or a
                number is not positive.
            ClockError: the clock of this process and the server's contradict each other.
            StoreError: the store does not answer.
        """
        owner = check_identifier("owner", spec.owner)
        live = self.live(owner)
        if len(live) >= MAX_LIVE_KEYS:
            ids = " and ".join(record.key_id for record in live)
            raise ConflictError(
                f"{owner} has {len(live)} live keys already, {ids}; at most {MAX_LIVE_KEYS}: "
                f"revoke one first, with `likewise keys revoke --plane {self.plane} {live[0].key_id}`"
            )
        token, record = self._issue(spec)
        self.writer.add(record)
        return token, record

    def share(self, creator_id: str, days: int) -> tuple[str, KeyRecord]:
        """Creates the key of a share link: it reads one creator, and a few people may use it at once.

        Raises:
            ConflictError: the creator has as many live share links as it may have.
            InvalidInputError: the id is none, or the number of days is not positive.
            ClockError: the clock of this process and the server's contradict each other.
            StoreError: the store does not answer.
        """
        limits = ReaderLimits(creators=(check_identifier("creator", creator_id),))
        live = self.live_shares(creator_id)
        if len(live) >= MAX_LIVE_SHARES:
            raise ConflictError(
                f"{creator_id} has {len(live)} live share links already; at most {MAX_LIVE_SHARES}: "
                f"revoke one first, with `likewise keys revoke --plane {self.plane} {live[0].key_id}`"
            )
        token, issued = self._issue(
            ApiKeySpec(creator_id, ("read",), days, SHARE_REQUESTS_PER_MINUTE, limits)
        )
        record = msgspec.structs.replace(issued, is_share=True)
        self.writer.add(record)
        return token, record

    def _issue(self, spec: ApiKeySpec) -> tuple[str, KeyRecord]:
        return issue_key(
            self.plane,
            spec.owner,
            list(spec.scopes),
            lifetime_seconds=spec.days * SECONDS_PER_DAY,
            requests_per_minute=spec.requests_per_minute,
            now_ms=self.clock(),
            entropy=self.entropy,
            limits=spec.limits,
        )

    def renew(self, spec: ApiKeySpec) -> str:
        """Revokes every live key of an owner that is one of our programs, and returns the token of a new one.

        Raises:
            StoreError: the store does not answer.
        """
        self.revoke_all(spec.owner)
        return self.create(spec)[0]

    def revoke_all(self, owner: str) -> None:
        """Revokes every live key of an owner.

        Raises:
            StoreError: the store does not answer.
        """
        for record in self.live(owner):
            self.writer.revoke(record.key_id)


FIRST_OWNER: Final = "first"
SIMULATION_OWNER: Final = "simulation"

_DAYS: Final = 90
_PUBLIC: Final = ApiKeySpec(FIRST_OWNER, ("read", "audit"), _DAYS, requests_per_minute=6_000)
_PLATFORM: Final = ApiKeySpec(FIRST_OWNER, ("ingest",), _DAYS, requests_per_minute=6_000)
_SIMULATION: Final = ApiKeySpec(SIMULATION_OWNER, ("ingest",), _DAYS, requests_per_minute=6_000)
_SIMULATED_STAFF: Final = ApiKeySpec("simulated-staff", ("moderate",), _DAYS, requests_per_minute=600)


@dataclass(frozen=True)
class FirstKeys:
    """Tokens of new keys; None if the plane has its first key already, whose token is not stored."""

    public: str | None
    platform: str | None


def bootstrap_keys(settings: StoreSettings) -> FirstKeys:
    """Creates a first key for each plane that has none.

    Raises:
        StoreError: the store does not answer.
    """
    return FirstKeys(
        _create_first(settings, "public", _PUBLIC), _create_first(settings, "platform", _PLATFORM)
    )


@dataclass(frozen=True)
class SimulationKeys:
    """API tokens of the simulated platform.

    Args:
        feed: to send events.
        staff: to purge bots.
    """

    feed: str
    staff: str


def create_simulation_keys(settings: StoreSettings) -> SimulationKeys:
    """Creates keys for the simulated platform, and revokes its earlier ones.

    Raises:
        StoreError: the store does not answer.
    """
    keys = ApiKeys.open(settings, "platform", entropy)
    return SimulationKeys(keys.renew(_SIMULATION), keys.renew(_SIMULATED_STAFF))


def _create_first(settings: StoreSettings, plane: str, spec: ApiKeySpec) -> str | None:
    keys = ApiKeys.open(settings, plane, entropy)
    known = any(record.owner == FIRST_OWNER for record in keys.writer.records())
    return None if known else keys.create(spec)[0]
