"""The API keys that a new deployment starts with, so that the first request can be sent at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.cli.api_keys import KeyRing, KeyTerms
from api.cli.system import clock_ms, entropy

if TYPE_CHECKING:
    from privacy.store.settings import StoreSettings

FIRST_OWNER: Final = "first"
SIMULATION_OWNER: Final = "simulation"

_DAYS: Final = 90
_PUBLIC: Final = KeyTerms(FIRST_OWNER, ("read", "audit"), _DAYS, requests_a_minute=6_000)
_PLATFORM: Final = KeyTerms(FIRST_OWNER, ("ingest",), _DAYS, requests_a_minute=6_000)
_SIMULATION: Final = KeyTerms(SIMULATION_OWNER, ("ingest",), _DAYS, requests_a_minute=6_000)
_SIMULATED_STAFF: Final = KeyTerms("simulated-staff", ("moderate",), _DAYS, requests_a_minute=600)


@dataclass(frozen=True)
class FirstKeys:
    """Tokens of new keys; None where the plane has keys already, whose tokens nobody knows any more."""

    public: str | None
    platform: str | None


def first_keys(settings: StoreSettings) -> FirstKeys:
    """Make a key for each plane that has none.

    Raises:
        StoreError: the store does not answer.
    """
    return FirstKeys(_first(settings, "public", _PUBLIC), _first(settings, "platform", _PLATFORM))


@dataclass(frozen=True)
class SimulationKeys:
    """Tokens of the simulated platform.

    Args:
        feed: sends its events.
        staff: purges its bots.
    """

    feed: str
    staff: str


def simulation_keys(settings: StoreSettings) -> SimulationKeys:
    """New keys for the simulated platform; the ones that it had are revoked.

    Raises:
        StoreError: the store does not answer.
    """
    ring = KeyRing.open(settings, "platform", clock_ms, entropy)
    return SimulationKeys(ring.renew(_SIMULATION), ring.renew(_SIMULATED_STAFF))


def _first(settings: StoreSettings, plane: str, terms: KeyTerms) -> str | None:
    ring = KeyRing.open(settings, plane, clock_ms, entropy)
    known = any(record.owner == FIRST_OWNER for record in ring.writer.records())
    return None if known else ring.create(terms)[0]
