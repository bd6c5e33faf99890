"""A log that ends at any byte is loaded twice: nothing acknowledged is lost, nothing is done again."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from privacy.embedded import server as embedded_server
from privacy.embedded.append_log import AppendLog
from privacy.embedded.config import redis_conf
from privacy.embedded.server import EmbeddedRedis
from privacy.store.acl import Room
from privacy.store.connect import connect
from tests.faults.cuts import Recording
from tests.faults.deployment import Pool, deployed_on
from tests.faults.figures import Figures
from tests.support.redis_server import ROOT, server_with_root

CUTS = 1
"""That of `make test`, besides one in the middle of a release and one in the middle of a delivery."""
_CUT_DELIVERIES = 5


@pytest.fixture(scope="module")
def recording(pool: Pool, tmp_path_factory: pytest.TempPathFactory, faults_seed: int) -> Iterator[Recording]:
    """A log of some batches, the relays and a release worker."""
    folder: Path = tmp_path_factory.mktemp("cuts")
    with deployed_on(server_with_root(folder / "server"), folder, pool) as site:
        yield Recording(site, f"cuts-{faults_seed}")


@pytest.mark.parametrize(
    "cuts",
    [
        CUTS,
        pytest.param(98, marks=[pytest.mark.nightly(part="faults-power"), pytest.mark.timeout(3600)]),
    ],
)
def test_a_cut_at_any_byte_loses_and_doubles_nothing(
    recording: Recording, cuts: int, figures: Figures
) -> None:
    """What was acknowledged or read before a cut is there after both loads; what is sent again is counted."""
    chosen = [recording.find_commit(), *recording.find_deliveries(1)]
    for log_bytes in [*chosen, *(recording.draw_cut() for _ in range(cuts))]:
        faults = recording.cut(log_bytes)
        figures.tried["cuts of a log, two loads each"] += 1
        figures.add_faults(faults)
        assert not faults, f"cut at {log_bytes} of {len(recording.whole)} bytes: {faults[:20]}"
    figures.add(recording.run)


@pytest.fixture
def unrepaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers load a torn log as Redis 8.2 does by default, and nothing is cut off before."""
    start = EmbeddedRedis.start

    def start_unrepaired(server: EmbeddedRedis) -> None:
        start(server)
        with closing(connect(server.settings, ROOT, Room.PRIVATE)) as root:
            # Processes ask for this setting; by now it has no effect.
            root.config_set("aof-load-truncated", "no")

    def careless(port: int) -> str:
        return redis_conf(port).replace("aof-load-truncated no", "aof-load-truncated yes")

    assert careless(1) != redis_conf(1)
    monkeypatch.setattr(AppendLog, "begin_repair", lambda *_: None)
    monkeypatch.setattr(embedded_server, "redis_conf", careless)
    monkeypatch.setattr(EmbeddedRedis, "start", start_unrepaired)


@pytest.mark.usefixtures("unrepaired")
def test_a_torn_log_that_nobody_repairs_is_found_out(recording: Recording) -> None:
    """Without the repair, half of a delivery is done again at the second load, and the same test sees it.

    Several are cut, since the changes of one may cancel each other.
    """
    found = (recording.cut(log_bytes) for log_bytes in recording.find_deliveries(_CUT_DELIVERIES))
    assert any("doubled" in fault for faults in found for fault in faults)
