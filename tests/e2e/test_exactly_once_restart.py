"""A restart of Redis brings back everything: registers, logs, offsets, measurements, ledger, gallery."""

from pathlib import Path

from tests.support.crash_plan import DAILY_CAP, FLIP_CAP, batch_of, reference_of
from tests.support.redis_server import clients, server_with_root
from tests.support.registers import read_registers, vault_on
from tests.support.release_world import (
    VIDEOS,
    ReleaseWorld,
    calibration,
    count_streams,
    hours,
    read_counts,
)


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """What scripts wrote, several keys in one step, is there again, and work goes on where it stood."""
    with server_with_root(tmp_path) as server, clients(server) as store:
        world = ReleaseWorld(store)
        world.reset()
        series = sorted(world.numbers.values())
        vault = vault_on(store, FLIP_CAP, DAILY_CAP, lambda: world.now_ms)
        for number in range(60):
            vault.record(batch_of("ada", number, series), 0)
            if number == 40:
                world.now_ms = hours(1)
                world.run_due()
        written = world.records()
        server.stop()
        server.start()
        assert world.records() == written
        reference = reference_of({"ada": 60}, series)
        accounts = {account for account, _ in reference.registers}
        assert read_registers(store.root, accounts) == reference.registers
        world.relay().drain()
        policy = calibration().policy
        expected = count_streams(reference.changes, series, policy)
        assert read_counts(store.root, series, policy) == expected
        world.now_ms = hours(2)
        world.run_due()
        assert read_counts(store.root, series, policy) == expected
        world.check(dict.fromkeys(VIDEOS, 2))
