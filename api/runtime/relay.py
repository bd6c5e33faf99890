"""The relay process: moves changes from the vault's outboxes to the tally."""

from typing import Final

from api.http.system import clock_ms, uptime
from api.runtime.poll import PollInterval, poll, report_busy
from api.runtime.stop_signal import stop_on_signal
from api.runtime.store_check import require_healthy_store
from privacy.model.timestamp import Clock
from privacy.store.clock import StoreClock
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import Settings, StoreSettings
from privacy.store.users import RELAY
from privacy.tally.outbox_relay import Relay

_INTERVAL: Final = PollInterval(idle_seconds=0.05, gather_seconds=0.1)
"""Short: a release waits until what came before it is in the tally. A larger step costs less per change."""


def make_relay(settings: StoreSettings, header: StoreHeader, virtual_clock: Clock | None = None) -> Relay:
    """Returns a relay that writes to no other store than the header's; a virtual clock is a replay's."""
    return Relay(connect(settings, RELAY, greet=header.greet), header, virtual_clock)


def run_relay(settings: Settings) -> None:
    """Relays until SIGTERM or SIGINT.

    Raises:
        StoreError: the settings or the store do not allow it.
    """
    header = require_healthy_store(settings.store, RELAY, clock_ms)
    client = connect(settings.store, RELAY, greet=header.greet)
    # Each step asks the time first: the watermark is compared with ids that the same server makes.
    relay = Relay(client, header, StoreClock(client, clock_ms, uptime))
    with stop_on_signal() as stop:
        poll(relay.step, stop.wait, _INTERVAL, report_busy("relay"))
