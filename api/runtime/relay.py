"""The relay, wired together."""

from __future__ import annotations

from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import StoreSettings
from privacy.store.users import RELAY
from privacy.tally.relay import Relay


def make_relay(settings: StoreSettings, header: StoreHeader) -> Relay:
    """Wire a relay together; it writes to no other store than the header's."""
    return Relay(connect(settings, RELAY, greet=header.greet), header)
