"""Watches releases appear: over HTTP, or in the store with the public plane's credentials."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from redis import Redis

from privacy.audit.black_box.campaign_scale import PATIENCE_MS
from privacy.audit.black_box.claim import KIND
from privacy.audit.black_box.deployment import Deployment
from privacy.audit.black_box.published import read_document
from privacy.errors import StoreBusyError
from privacy.model.timestamp import Clock
from privacy.store.keys import gallery_key

LEAD_MS: Final = 40
"""How long before a release is visible polling begins."""
PROMPT_MS: Final = 5_000
"""How long after that polling is as fast as answers come; later a busy machine is left its time."""
_PAUSE_SECONDS: Final = 0.1
Look = Callable[[Sequence[str]], Mapping[str, int]]
"""Reads the epoch of the current release of each of several videos; those without one are absent."""


class _CurrentEpoch(msgspec.Struct):
    """The member of a release that is read."""

    epoch: int


@dataclass(frozen=True)
class Watch:
    """Polls as fast as answers come, and slower once a release is late.

    Args:
        look: reads the epochs.
        clock: now, in ms since 1970 UTC.
        wait: sleeps for the given number of seconds.
        stopwatch: seconds from an arbitrary moment on.
    """

    look: Look
    clock: Clock
    wait: Callable[[float], object]
    stopwatch: Callable[[], float]

    def time_release(self, names: Sequence[str], epoch: int, visible_ms: int) -> Mapping[str, float]:
        """Returns when a release of each of several videos showed, in seconds; NaN if that was missed.

        Args:
            names: public ids of the videos.
            epoch: of the release.
            visible_ms: when it should become visible, in ms since 1970 UTC.

        Raises:
            StoreBusyError: it did not show within five minutes of watching.
        """
        while (rest_ms := visible_ms - LEAD_MS - self.clock()) > 0:
            self.wait(rest_ms / 1000)
        began_ms = max(visible_ms, self.clock())
        seen = {name: np.nan for name, shown in self.look(names).items() if shown >= epoch}
        while missing := [name for name in names if name not in seen]:
            shown_now, at_seconds = self.look(missing), self.stopwatch()
            seen |= {name: at_seconds for name in missing if shown_now.get(name, -1) >= epoch}
            late_ms = self.clock() - began_ms
            if late_ms > PATIENCE_MS:
                raise StoreBusyError(f"a release of the sandbox did not appear for {PATIENCE_MS // 1000} s")
            if late_ms > PROMPT_MS:
                self.wait(_PAUSE_SECONDS)
        return seen


def look_over_http(deployment: Deployment) -> Look:
    """Returns a look at a list of videos of the public plane."""

    def look(names: Sequence[str]) -> Mapping[str, int]:
        return list_epochs(read_document(deployment, f"/v1/videos?ids={','.join(names)}"))

    return look


def list_epochs(answer: Mapping[str, Any]) -> Mapping[str, int]:
    """Returns the epoch of the current release of each video of a list that has one, by public id."""
    epochs: dict[str, Any] = {video["video_id"]: video[f"{KIND}s"]["epoch"] for video in answer["videos"]}
    return {name: epoch for name, epoch in epochs.items() if epoch is not None}


def look_in_store(client: Redis) -> Look:
    """Returns a look into the gallery.

    Args:
        client: with the credentials of the public plane.
    """

    def look(names: Sequence[str]) -> Mapping[str, int]:
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.get(gallery_key("current", name, KIND))
        return {
            name: msgspec.json.decode(document, type=_CurrentEpoch).epoch
            for name, document in zip(names, pipeline.execute(), strict=True)
            if document
        }

    return look
