"""A deployment in one thread, where the work of a release takes virtual time.

Releases are computed and published by the product's own code on a real store. Each read of entropy takes some
time, and so does each shard, by chance. What a reader sees follows from the moment of each copy, so it is the
same on every machine, however busy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import numpy as np

from privacy.audit.black_box.deployment import Canary, CanaryEvent, Reply
from privacy.model.engagement import Kind
from privacy.release.publication import ReleasePublication
from privacy.release.worker import WORKERS_AT_ONCE, ReleaseWorker
from privacy.tally.outbox_relay import Relay
from privacy.tally.pending_release import PendingRelease
from privacy.tally.series import TallyShard
from tests.support.appearing_deployment import SIXTEEN_SHARDS, START_MS, SandboxTally, sandbox_calibration
from tests.support.entropy import shake_entropy
from tests.support.release_world import AFTER_EVERY_TICK_MS

if TYPE_CHECKING:
    from tests.support.redis_server import Store

US_PER_MS: Final = 1_000
US_PER_SECOND: Final = 1_000_000
READ_US: Final = 20
"""Time that a read of entropy takes."""
DISTURBANCE_US: Final = 200
"""Mean time by which a shard is late for other reasons."""


@dataclass
class WorkingDeployment:
    """The deployment.

    Args:
        store: an empty store.
        at_once: whether a shard's releases are copied when they are written, not at their tick.
    """

    store: Store
    at_once: bool = False
    _now_us: int = START_MS * US_PER_MS
    _work_us: int = 0
    _shown_us: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """When each release was copied, by video and epoch."""

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng(12)
        self._tally = SandboxTally(self.store)
        self._relay = Relay(self.store.relay, SIXTEEN_SHARDS, self.clock)
        bytes_of = shake_entropy("working deployment")

        def entropy(count: int) -> bytes:
            self._work_us += READ_US
            return bytes_of(count)

        shards = [TallyShard(self.store.release, shard) for shard in range(SIXTEEN_SHARDS.target_shards)]
        self._workers = [
            ReleaseWorker([shard], sandbox_calibration, entropy, lambda: self._work_us // US_PER_MS)
            for shard in shards
        ]
        # Only the moments of copies are looked at, so this deployment is its own publisher.
        self._publication = ReleasePublication(shards, self)  # type: ignore[arg-type]

    @property
    def keys(self) -> int:
        """Number of keys of the public plane."""
        return 1

    def clock(self) -> int:
        """Returns the attacker's time, in ms since 1970 UTC."""
        return self._now_us // US_PER_MS

    def stopwatch(self) -> float:
        """Returns the attacker's time in seconds."""
        return self._now_us / US_PER_SECOND

    def wait(self, seconds: float) -> None:
        """Lets time pass, and the release process do at each second what is due then."""
        until_us = self._now_us + round(US_PER_SECOND * seconds)
        while (next_us := (self._now_us // US_PER_SECOND + 1) * US_PER_SECOND) <= until_us:
            self._now_us = next_us
            self._work_at(next_us)
        self._now_us = until_us

    def read(self, path: str, key: int | None = 0, headers: Mapping[str, str] | None = None) -> Reply:  # noqa: ARG002 - a Deployment's
        """Answers a list of videos, half a millisecond later."""
        self.wait(0.0005)
        videos = [
            {"video_id": name, "likes": {"epoch": self._epoch(name)}}
            for name in parse_qs(urlsplit(path).query)["ids"][0].split(",")
        ]
        return Reply(200, {}, msgspec.json.encode({"videos": videos}), 0.0005)

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Registers videos."""
        self._tally.plant(canaries, self.clock())

    def send(self, events: Sequence[CanaryEvent]) -> None:
        """Appends likes to the logs of their videos."""
        self._tally.send(events, self.clock())

    def metrics(self) -> Mapping[str, bytes]:
        """Returns nothing."""
        return {}

    def publish_releases(self, releases: Sequence[PendingRelease]) -> None:
        """Notes when releases are copied."""
        for release in releases:
            if release.kind == Kind.LIKE.label:
                self._shown_us[release.target_id][release.epoch] = self._work_us

    def _epoch(self, name: str) -> int | None:
        shown = [epoch for epoch, at_us in self._shown_us[name].items() if at_us <= self._now_us]
        return max(shown, default=None)

    def _work_at(self, second_us: int) -> None:
        """Publishes and computes what is due at a second, on as many threads as the release process has."""
        self._work_us = second_us
        self._publication.publish(second_us // US_PER_MS)
        self._relay.step()
        threads_us = [second_us] * WORKERS_AT_ONCE
        for worker in self._workers:
            thread = int(np.argmin(threads_us))
            self._work_us = threads_us[thread] + round(self._chance.exponential(DISTURBANCE_US))
            if worker.run_due():
                if self.at_once:
                    ReleasePublication(worker.shards, self).publish(AFTER_EVERY_TICK_MS)  # type: ignore[arg-type]
                threads_us[thread] = self._work_us
