"""An operator puts a copy of the whole data folder back: `likewise up` erases again what was erased since."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

from api.http.command import ExitCode
from api.http.system import clock_ms, entropy
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.settings import operator_settings
from privacy.model.engagement import Reason
from privacy.model.timestamp import MS_PER_HOUR, format_timestamp
from privacy.store.connect import connect
from privacy.store.header import DEFAULT_SHARDS
from privacy.store.keys import outbox_key, tally_key
from privacy.store.users import RELAY, RELEASE
from tests.support.cli_policy import SMALL_POLICY
from tests.support.command_line import System, likewise, up
from tests.support.eventually import eventually
from tests.support.registers import join_changes, raw

ACCOUNTS, ERASED, CHILD = 40, "a-7", "a-8"
VIDEO = "v-1"


def test_a_restored_system_has_erased_what_was_erased(tmp_path: Path) -> None:
    """Two accounts, one of them a child's, are erased after the copy was made; it is put back, keys and all.

    They are gone and closed, the others are known, the counts follow, and the release that was out is the
    same to the byte, with the same measurements behind it.
    """
    folder, copy, policy = tmp_path / "data", tmp_path / "copy", tmp_path / "policy.toml"
    policy.write_text(SMALL_POLICY)
    with up(folder, "--policy", policy) as system:
        keys = system.welcome["keys"]
        posted_at = format_timestamp(clock_ms() - MS_PER_HOUR + 10_000)  # its first hour ends in ten seconds
        assert system.send("/v1/videos", [{"video_id": VIDEO, "posted_at": posted_at}]).ok
        assert verdicts(system, range(ACCOUNTS), posted_at) == {"counted": ACCOUNTS}
        eventually(lambda: total(system)["epoch"] == 0, "the first release", 60)
        released, measured = likes(system), tally(folder)
        assert system.stop() == ExitCode.OK
    shutil.copytree(folder, copy)
    with up(folder, "--policy", policy) as system:
        ring = ApiKeys.open(operator_settings(folder, {}).store, "platform", entropy)
        officer, _ = ring.create(ApiKeySpec("officer", ["privacy"], 1, 100))
        system.welcome["keys"] = {"platform": officer}
        for right, account in (("erasures", ERASED), ("children", CHILD)):
            answer = system.send(f"/v1/rights/{right}", {"account_id": account, "note": "a test"})
            assert answer.json()["engagements"] == 1
        assert system.stop() == ExitCode.OK
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    with up(folder, "--policy", policy) as system:
        system.welcome["keys"] = keys
        assert "older than 2 erasures" in folder.with_name("data.errors").read_text()
        counts = verdicts(system, range(ACCOUNTS), posted_at)
        assert counts == {"duplicate": ACCOUNTS - 2, "account_closed": 2}
        eventually(lambda: relayed(folder), "the relay moving what fell")
        now = tally(folder)
        assert now["changes"] == measured["changes"] + [Reason.ACCOUNT] * 2
        assert now["measured"] == measured["measured"]
        assert likes(system) == released
        examined = likewise("doctor", "--data-folder", folder)
        assert examined.returncode == ExitCode.OK, examined.stdout
        assert system.stop() == ExitCode.OK


def verdicts(system: System, accounts: range, occurred_at: str) -> dict[str, int]:
    """Send a like of each account; how many met each verdict."""
    events = [
        {"type": "like", "account_id": f"a-{number}", "video_id": VIDEO, "occurred_at": occurred_at}
        for number in accounts
    ]
    answer: dict[str, int] = system.send("/v1/events", events).json()["verdicts"]
    return {verdict: count for verdict, count in answer.items() if count}


def likes(system: System) -> bytes:
    """Return what readers are told."""
    answer = system.read(f"/v1/videos/{VIDEO}/likes")
    assert answer.ok
    return answer.content


def total(system: System) -> Any:
    """The total of what readers are told."""
    return system.read(f"/v1/videos/{VIDEO}/likes").json()["total"]


def tally(folder: Path) -> dict[str, Any]:
    """Measurements, and the changes of the one series that no release has counted, in order of arrival."""
    found: dict[str, Any] = {"measured": {}, "changes": []}
    with closing(connect(operator_settings(folder, {}).store, RELEASE)) as client:
        for shard in range(DEFAULT_SHARDS):
            for series in range(64):
                if measured := client.lrange(tally_key(shard, "measured", series), 0, -1):
                    found["measured"][series] = measured
                log = join_changes(map(raw, client.lrange(tally_key(shard, "log", series), 0, -1)))
                found["changes"] += [code & 15 for code in log[::4]]
    return found


def relayed(folder: Path) -> bool:
    """Return whether the relay has moved everything that was counted."""
    with closing(connect(operator_settings(folder, {}).store, RELAY)) as client:
        return not any(client.xrange(outbox_key(shard)) for shard in range(DEFAULT_SHARDS))
