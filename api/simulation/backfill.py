"""Backfills the history of a simulated platform within seconds."""

from collections.abc import Callable

from api.replay.in_process import open_in_process_system
from api.runtime.store_setup import PreparedStore
from api.simulation.platform import SimulatedPlatform


class StoppedError(Exception):
    """The program was asked to stop."""


def backfill(
    platform: SimulatedPlatform,
    store: PreparedStore,
    until_ms: int,
    on_events: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    """Replays a platform's history through the real intake and release workers, under a virtual clock.

    Args:
        platform: the simulated platform.
        store: the prepared store; no other process may use it.
        until_ms: end of the history, which is now.
        on_events: called with the number of events just sent.
        stopped: returns whether the program was asked to stop.

    Raises:
        StoppedError: the program was asked to stop; a later call continues from there.
        StoreError: the store is not usable.
    """

    def count(events: int) -> None:
        if stopped():
            raise StoppedError
        on_events(events)

    videos = [video.registration() for video in platform.catalogue.videos(until_ms)]
    with open_in_process_system(store, count, equal_work=False) as system:
        system.timeline.run(
            videos,
            platform.history(until_ms),
            until_ms,
            actions=platform.purges(until_ms),
            creators=platform.catalogue.creators(),
        )
