"""A store as an earlier version of the code left it: its keys, its key files and its rollback guard.

`python -m tests.support.past_store` fills a store with the code that is checked out and writes `PAST_STORE`.
It is run before a change that such a store must survive, never after it.
"""

import gzip
import json
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.replay.records import TimedRecord
from privacy.mechanism.guarantee import guarantee
from privacy.model.timestamp import MS_PER_HOUR, format_timestamp, parse_timestamp_ms
from privacy.policy.file import DEFAULT_POLICY_PATH, parse_policy
from privacy.store.settings import Settings
from tests.support.cli_policy import SMALL_POLICY
from tests.support.in_process import a_like, a_record, system_on
from tests.support.redis_server import Store, clients, server_with_root

PAST_STORE: Final = Path(__file__).with_name("past_store.json.gz")
OF_DEFAULT: Final = "of-default"
OF_SMALL: Final = "of-small"
_FIRST_MS: Final = parse_timestamp_ms("2026-05-01T00:00:00Z")
STARTS_MS: Final = {OF_DEFAULT: _FIRST_MS, OF_SMALL: _FIRST_MS + 4 * MS_PER_HOUR}
"""Each video is registered under its policy when no release of another one is due."""
FILLED_MS: Final = 3 * MS_PER_HOUR + 10 * 60_000
"""From the start of a video until its store is left: three epochs."""
LIKES: Final = 400
TAKEN_BACK: Final = 60
_REGIONS: Final = ("DE", "US", "JP")
_OF_ONE_PROCESS: Final = (b"p:keys:", b"l:")
"""API keys and request counters."""


@dataclass(frozen=True)
class PastStore:
    """A store that was filled by earlier code.

    Args:
        dumped: every key, as `Store.put_back` takes it.
        files: key files, by name.
        guard: files of the rollback guard, by name.
        policies: texts of its policies.
        guarantees: what earlier code computed from them.
    """

    dumped: Mapping[bytes, bytes]
    files: Mapping[str, str]
    guard: Mapping[str, str]
    policies: Mapping[str, str]
    guarantees: Mapping[str, Any]

    @classmethod
    def read(cls) -> "PastStore":
        """Read the store that is kept with the tests."""
        kept = json.loads(gzip.decompress(PAST_STORE.read_bytes()))
        dumped = {b64decode(key): b64decode(value) for key, value in kept.pop("dumped").items()}
        return cls(dumped, **kept)

    def put_back(self, store: Store, folder: Path) -> None:
        """Make a running server this store, and a folder its data folder."""
        store.put_back(self.dumped)
        guard = _guard_of(folder)
        guard.mkdir(mode=0o700)
        for place, files in ((folder, self.files), (guard, self.guard)):
            for name, text in files.items():
                (place / name).write_text(text)
                (place / name).chmod(0o600)


def _guard_of(folder: Path) -> Path:
    """Return the rollback guard that belongs to a data folder."""
    return Settings.from_environment({}, folder).rollback_guard_dir


def _texts_in(folder: Path, suffix: str = "") -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name.endswith(suffix)}


def a_past_like(video_id: str, number: int, at_ms: int) -> TimedRecord:
    """Return the like of an account of this number."""
    profile = {
        "age_band": "25-34",
        "gender": ("female", "male")[number % 2],
        "region": _REGIONS[number % 3],
        "language": "de",
        "device": "ios",
    }
    return a_like(video_id, f"a-{number}", at_ms, profile=profile)


def a_past_video(video_id: str) -> TimedRecord:
    """Return a video of the store, as it was registered."""
    start_ms = STARTS_MS[video_id]
    posted = {"video_id": video_id, "posted_at": format_timestamp(start_ms), "creator_id": "c-1"}
    return a_record(start_ms, posted)


def _likes(video_id: str) -> list[TimedRecord]:
    """Return likes of which some are taken back after the first epoch."""
    start_ms = STARTS_MS[video_id]
    likes = [a_past_like(video_id, number, start_ms + 1000 * number) for number in range(LIKES)]
    later_ms = start_ms + MS_PER_HOUR + 60_000
    backs = [
        a_like(video_id, f"a-{number}", later_ms + number, type="unlike") for number in range(TAKEN_BACK)
    ]
    return [*likes, *backs]


def _fill(store: Store, folder: Path) -> PastStore:
    """Fill an empty store: a target under the packaged policy, and then one under a small one."""
    policies = {OF_DEFAULT: DEFAULT_POLICY_PATH.read_text(), OF_SMALL: SMALL_POLICY}
    for video_id, text in policies.items():
        with system_on(store, folder, text) as system:
            until_ms = STARTS_MS[video_id] + FILLED_MS
            system.timeline.run([a_past_video(video_id)], _likes(video_id), until_ms)
    dumped = {key: value for key, value in store.dump().items() if not key.startswith(_OF_ONE_PROCESS)}
    guarantees = {name: guarantee(parse_policy(text.encode())) for name, text in policies.items()}
    return PastStore(dumped, _texts_in(folder, ".key"), _texts_in(_guard_of(folder)), policies, guarantees)


def _write(past: PastStore) -> None:
    dumped = {b64encode(key).decode(): b64encode(value).decode() for key, value in past.dumped.items()}
    kept = {
        "dumped": dumped,
        "files": past.files,
        "guard": past.guard,
        "policies": past.policies,
        "guarantees": past.guarantees,
    }
    PAST_STORE.write_bytes(gzip.compress(json.dumps(kept, sort_keys=True).encode(), mtime=0))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        redis_folder, data_folder = Path(scratch, "redis"), Path(scratch, "data")
        data_folder.mkdir()
        with server_with_root(redis_folder) as server, clients(server) as running:
            _write(_fill(running, data_folder))
