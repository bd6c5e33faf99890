"""Backfills the history of a simulated platform within seconds."""

from collections.abc import Callable, Iterator

from api.replay.in_process import open_in_process_system
from api.replay.records import TimedRecord
from api.runtime.store_setup import PreparedStore
from api.simulation.platform import SimulatedPlatform


class StoppedError(Exception):
    """The program was asked to stop."""


def backfill(
    platform: SimulatedPlatform,
    store: PreparedStore,
    until_ms: int,
    on_hours: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    """Replays a platform's history through the real intake and release workers, under a virtual clock.

    Args:
        platform: the simulated platform.
        store: the prepared store; no other process may use it.
        until_ms: end of the history, which is now.
        on_hours: called with the number of whole hours that have been replayed, whenever it has grown.
        stopped: returns whether the program was asked to stop.

    Raises:
        StoppedError: the program was asked to stop; a later call continues from there.
        StoreError: the store is not usable.
    """

    def stop_if_asked(_events: int) -> None:
        if stopped():
            raise StoppedError

    def history() -> Iterator[TimedRecord]:
        hours = 0
        for record in platform.history(until_ms):
            if (reached := platform.count_hours(record.at_ms)) > hours:
                hours = reached
                on_hours(hours)
            yield record

    videos = [video.registration() for video in platform.catalogue.videos(until_ms)]
    with open_in_process_system(store, stop_if_asked, equal_work=False) as system:
        system.timeline.run(
            videos,
            history(),
            until_ms,
            actions=platform.purges(until_ms),
            creators=platform.catalogue.creators(),
        )
    on_hours(platform.count_hours(until_ms))
