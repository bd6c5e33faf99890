"""`history`: imports a million likes of years from a file, with the command, into a running plane."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from api.http.system import clock_ms
from bench.deployment import (
    ACCOUNTS,
    ENGAGEMENTS,
    LOOPBACK,
    VIDEOS,
    BenchDeployment,
    account_name,
    start_deployment,
    video_of,
)
from bench.figure import Bar, Figure, Measure, ProgressCallback
from bench.ingest import wait_until_drained
from privacy.catalogue.catalogue import Catalogue, TargetMetadata
from privacy.model.engagement import TargetType
from privacy.model.timestamp import MS_PER_DAY, format_timestamp
from privacy.store.settings import PLATFORM_KEY, PLATFORM_URL
from privacy.store.users import Process

MAX_SECONDS: Final = 60.0
_DAYS: Final = 1_000
_REGIONS: Final = ("US", "BR", "DE", "JP", "MX")


def history(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures seconds until the command has ended, and until the relay has counted everything."""
    with start_deployment(videos=1) as deployment:
        file = deployment.folder / "likes.ndjson"
        progress(f"{ENGAGEMENTS:,} likes of {_DAYS:,} days")
        _write(file)
        with deployment.run_plane(Process.PLATFORM) as port, deployment.run_process(Process.RELAY):
            _register(deployment)
            progress("the import")
            began_at = time.perf_counter()
            _import(file, port, deployment.create_key("platform", "import"))
            ended_at = time.perf_counter()
            counted_at = wait_until_drained(deployment)
    note = f"{_DAYS:,} days, {ACCOUNTS:,} accounts, {VIDEOS:,} videos, batches of 10,000, one after the other"
    bar = Bar(Measure.VALUE, high=MAX_SECONDS)
    yield Figure("a million likes imported, until answered", ended_at - began_at, "s", bar=bar, note=note)
    yield Figure("a million likes imported, until counted", counted_at - began_at, "s", bar=bar)


def _write(file: Path) -> None:
    """Writes likes in the order of their times; the last is of the day before yesterday."""
    step_ms = _DAYS * MS_PER_DAY // ENGAGEMENTS
    first_ms = clock_ms() - (_DAYS + 2) * MS_PER_DAY
    with file.open("w", encoding="utf-8") as lines:
        for number in range(ENGAGEMENTS):
            like = {
                "type": "like",
                "account_id": account_name(number),
                "video_id": _name(video_of(number)),
                "occurred_at": format_timestamp(first_ms + number * step_ms),
                "profile": {"age_band": "25-34", "region": _REGIONS[number % len(_REGIONS)]},
            }
            lines.write(json.dumps(like, separators=(",", ":")) + "\n")


def _register(deployment: BenchDeployment) -> None:
    """Registers videos that have had no release."""
    prepared, now_ms = deployment.prepared, clock_ms()
    publish = deployment.publisher.publish_targets
    shards, policy = prepared.header.target_shards, prepared.registry.current
    catalogue = Catalogue(deployment.redis.platform, shards, policy, publish)
    names = [_name(number) for number in range(VIDEOS)]
    catalogue.register([TargetMetadata(TargetType.VIDEO, name, now_ms) for name in names], now_ms)


def _name(number: int) -> str:
    return f"old-video-{number:04d}"


def _import(file: Path, port: int, key: str) -> None:
    """Runs the command; all likes must be counted."""
    named = {PLATFORM_KEY.name: key, PLATFORM_URL.name: f"http://{LOOPBACK}:{port}"}
    command = [sys.executable, "-m", "api.cli", "import", str(file), "--json"]
    ended = subprocess.run(command, env={**os.environ, **named}, capture_output=True, text=True, check=False)
    if ended.returncode or json.loads(ended.stdout)["verdicts"] != {"counted": ENGAGEMENTS}:
        raise RuntimeError(f"the import ended so: {ended.stdout} {ended.stderr[-2000:]}")
