"""The platform's staff, and the maintenance worker that carries out their jobs, on the tests' store."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from api.runtime.maintenance import make_maintenance_worker
from privacy.maintenance.throttle import Throttle
from privacy.maintenance.worker import MaintenanceWorker
from privacy.policy.policy import Policy
from privacy.policy.registry import PolicyRegistry
from privacy.store.header import StoreHeader
from privacy.store.keys import STORE_HEADER
from privacy.tally.outbox_relay import Relay
from privacy.vault.shards import PseudonymKeys
from tests.support.platform_plane import (
    JSON,
    NDJSON,
    POLICY,
    PSEUDONYMISER,
    PlatformPlane,
    Reply,
    ago,
    erasures_of,
    event,
    lines,
    plane_on,
)
from tests.support.redis_server import Store
from tests.support.registers import read_changes

HEADER = StoreHeader(STORE_HEADER, 4, 4, "0" * 32)
_SERIES = 256
"""Upper bound of the series numbers of a test's targets."""
SCOPES = ("ingest", "moderate", "privacy")


@dataclass
class Office:
    """A platform plane with an API key for every scope, and a maintenance worker under the test's control."""

    store: Store
    plane: PlatformPlane
    maintenance: MaintenanceWorker

    def post(self, path: str, document: Any, **headers: str) -> Reply:
        """Send a JSON document."""
        return self.plane.send("POST", f"/v1/{path}", msgspec.json.encode(document), JSON, **headers)

    def moderate(self, action: str, account_id: str = "account-1", **members: Any) -> Reply:
        """Take a staff action on an account."""
        document = {"action": action, "account_id": account_id, "note": "a test"} | members
        return self.post("moderation/accounts", document)

    def request(self, what: str, account_id: str = "account-1", **members: Any) -> Reply:
        """Make a data-subject request."""
        return self.post(f"rights/{what}", {"account_id": account_id, "note": "a test"} | members)

    def purge(self, *items: dict[str, str], action: str = "purge", **headers: str) -> Reply:
        """Request a purge."""
        path = f"/v1/moderation/purges?note=a%20test&action={action}"
        return self.plane.send("POST", path, lines(*items), NDJSON, **headers)

    def read(self, path: str) -> Any:
        """Read an existing resource."""
        reply = self.plane.client.get(f"/v1/{path}", headers={"Authorization": f"Bearer {self.plane.token}"})
        assert reply.status_code == 200, (reply.data, self.plane.log.failures)
        return reply.get_json()

    def like(self, account_id: str, *video_ids: str) -> None:
        """Let an account like videos, one every 30 seconds."""
        events = (
            event(account_id=account_id, video_id=video, occurred_at=ago(3000 - 30 * index))
            for index, video in enumerate(video_ids)
        )
        assert self.plane.events(lines(*events)).json["verdicts"]["counted"] == len(video_ids)

    def work(self) -> None:
        """Let the maintenance worker do everything that there is to do."""
        while self.maintenance.step():
            pass

    def read_changes(self) -> Counter[tuple[int, int]]:
        """Drain the relay, and return the changes in the tally."""
        Relay(self.store.relay, HEADER).drain()
        return read_changes(self.store.root, range(_SERIES), HEADER)

    def read_trail(self) -> list[tuple[str, str]]:
        """Return stage and action of every entry of the trail, oldest first."""
        entries = self.read("moderation/audit-trail")["entries"]
        return [(entry["stage"], entry["action"]) for entry in reversed(entries)]


def office_on(store: Store, policy: Policy = POLICY) -> Office:
    """Open an office on a store."""
    plane = plane_on(store, SCOPES, policy)
    keys = PseudonymKeys(lambda: PSEUDONYMISER)
    registry = PolicyRegistry(policy, {policy.version: policy})
    erasures, throttle = erasures_of(store), Throttle.disabled()
    return Office(
        store,
        plane,
        make_maintenance_worker(store.maintenance, HEADER, registry, keys, erasures, plane.clock, throttle),
    )
