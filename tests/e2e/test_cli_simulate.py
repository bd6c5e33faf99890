"""The simulated platform: `likewise up --simulate`, as `make run` has it."""

import signal
from pathlib import Path

from api.http.command import ExitCode
from api.http.system import clock_ms
from api.simulation.feed import MS_PER_WEEK
from api.simulation.state_file import STATE_FILE, SimulationState, StateFile
from privacy.embedded.rooms import EmbeddedRooms
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from tests.support.command_line import alive, family, likewise, start_up, up
from tests.support.eventually import eventually
from tests.support.prepared_store import prepare_store


def test_there_is_something_to_see_at_once_and_more_is_coming(tmp_path: Path) -> None:
    """The first request shows published numbers with intervals, and the live feed reaches the platform.

    A start that is ended while the past is told ends at once and is made up for by the next one. After a
    further start the same platform goes on, without its past being told again. `make run` has four weeks of
    it.
    """
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    StateFile(folder).write(SimulationState(1, shortest_past_ms(clock_ms()), backfilled=False))
    interrupted = start_up(folder, "--simulate")
    eventually(lambda: written(folder) > 100_000, "the past being told", 60)
    pids = family(interrupted.pid)
    interrupted.terminate()
    said, _ = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, said) == (ExitCode.OK, "")
    assert not any(map(alive, pids))
    with up(folder, "--simulate") as system:
        path = f"/v1/videos/{system.welcome['video_id']}/likes"
        total = system.read(path).json()["total"]
        assert total["status"] == "published"
        assert total["ci95"][0] < total["value"] < total["ci95"][1]
        breakdown = system.read(f"{path}/breakdowns/age_band").json()
        assert any(cell["likes"]["status"] == "published" for cell in breakdown["cells"])
        points = system.read(f"{path}/timeseries").json()["points"]
        assert len(points) > 24
        live = folder / "logs" / "platform.log"
        eventually(lambda: live.read_text().count('"operation":"post_events"') > 2, "the live feed")
        purged = '"operation":"post_moderation_purge","status":202'
        eventually(lambda: purged in live.read_text(), "staff at work")
        pids = family(system.process.pid)
        keys = system.welcome["keys"]
        assert system.stop(signal.SIGINT) == ExitCode.OK
        assert not any(map(alive, pids))
    told = (folder / STATE_FILE).read_text()
    with up(folder, "--simulate") as system:
        system.welcome["keys"] = keys
        assert system.read(path).json()["total"]["value"] == total["value"]
    assert (folder / STATE_FILE).read_text() == told


def test_a_folder_that_was_not_simulated_is_refused(tmp_path: Path) -> None:
    """Simulated likes never mix with real ones."""
    folder = tmp_path / "data"
    with EmbeddedRooms(folder) as rooms:
        assert prepare_store(rooms.settings, folder).is_new
    refused = likewise("up", "--simulate", "--data-folder", folder)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "was not simulated" in refused.stderr


def shortest_past_ms(now_ms: int) -> int:
    """When a platform opened that has bots to purge now, and a day of releases at least, on the hour.

    The bots of a week are found out a day after its end, and the latest ones are purged again at each start.
    """
    end_of_week_ms = (now_ms - MS_PER_DAY) // MS_PER_WEEK * MS_PER_WEEK
    return min(end_of_week_ms, now_ms // MS_PER_HOUR * MS_PER_HOUR - MS_PER_DAY) - MS_PER_HOUR


def written(folder: Path) -> int:
    """Return how many bytes the private room has logged."""
    return sum(file.stat().st_size for file in (folder / "appendonlydir").glob("*.aof"))
