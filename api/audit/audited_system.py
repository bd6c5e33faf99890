"""The store of the end-to-end audit, and what its tally holds."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from api.audit.scenario import Scenario
from api.replay.in_process import InProcessSystem
from api.runtime.store_setup import PreparedStore
from privacy.catalogue.catalogue import Catalogue
from privacy.model.engagement import KINDS_PER_TARGET, Kind, TargetType
from privacy.release.history import NET_CHANGE
from privacy.store.connect import connect
from privacy.store.keys import tally_key
from privacy.store.users import PLATFORM
from privacy.tally.series import DueSeries, TallyShard


@dataclass(frozen=True)
class AuditedSystem:
    """The store after the scenario.

    Args:
        scenario: the replayed scenario.
        store: the prepared store.
        folder: its data folder.
        in_process: intake, relay and release workers under a virtual clock.
    """

    scenario: Scenario
    store: PreparedStore
    folder: Path
    in_process: InProcessSystem

    def read_series(self, videos: Iterable[str] | None = None) -> dict[str, DueSeries]:
        """Reads the tally's records of the likes of each video; by default, of the scenario's videos."""
        numbers = self._look_up(list(videos or self.scenario.exact))
        return dict(zip(numbers, self._shard.read_series(list(numbers.values())), strict=True))

    def read_raw(self, video: str, name: str) -> bytes:
        """Reads a history of the likes of a video without the release worker's script.

        Args:
            video: id of the video.
            name: `net` or `measured`.
        """
        number = self._look_up([video])[video]
        key = tally_key(self._shard.shard, name, number)
        return b"".join(cast("list[bytes]", self._shard.client.lrange(key, 0, -1)))

    @property
    def _shard(self) -> TallyShard:
        return self.in_process.timeline.workers[0].shards[0]

    def _look_up(self, videos: list[str]) -> dict[str, int]:
        """Returns the number of the series of likes of each video."""
        with closing(connect(self.store.settings, PLATFORM)) as client:
            catalogue = Catalogue(
                client, self.store.header.target_shards, self.scenario.policy, lambda _: None
            )
            known = catalogue.lookup(TargetType.VIDEO, videos)
        return {video: target.number * KINDS_PER_TARGET + Kind.LIKE for video, target in known.items()}

    def read_total_change(self, video: str, step: int) -> int:
        """Reads the exact net change of the likes of a video at a step."""
        rows = np.frombuffer(self.read_series([video])[video].net_changes, NET_CHANGE)
        return int(rows["value"][(rows["stream"] == 0) & (rows["step"] == step)].sum())
