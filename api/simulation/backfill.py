"""Tells the past of a simulated platform in some seconds, so that there is something to see."""

from __future__ import annotations

from collections.abc import Callable

from api.replay.in_process import time_machine
from api.runtime.store_setup import PreparedStore
from api.simulation.platform import SimulatedPlatform


class StoppedError(Exception):
    """The program was asked to end."""


def backfill(
    world: SimulatedPlatform,
    store: PreparedStore,
    until_ms: int,
    on_events: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    """Run a world's history through the real intake and release workers, under a virtual clock.

    Args:
        world: whose history.
        store: where to; no process may run on it.
        until_ms: the end, which is now.
        on_events: told how many events were just sent.
        stopped: whether the program was asked to end.

    Raises:
        StoppedError: it was. Telling the same again later goes on from there.
        StoreError: the store refuses.
    """

    def count(events: int) -> None:
        if stopped():
            raise StoppedError
        on_events(events)

    videos = [video.registration() for video in world.studio.videos(until_ms)]
    with time_machine(store, count) as machine:
        machine.timeline.run(
            videos,
            world.history(until_ms),
            until_ms,
            actions=world.purges(until_ms),
            creators=world.studio.creators(),
        )
