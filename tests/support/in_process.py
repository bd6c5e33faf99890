"""The whole system in this process on the tests' store, under a virtual clock."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.replay.exact_counts import SeriesName
from api.replay.in_process import InProcessSystem, open_in_process_system
from api.replay.published import read_releases
from api.replay.records import TimedRecord
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import Kind
from privacy.model.timestamp import format_timestamp
from tests.support.prepared_store import prepare_store
from tests.support.redis_server import Store


@contextmanager
def system_on(store: Store, folder: Path, policy_text: str) -> Iterator[InProcessSystem]:
    """Open the system under a policy.

    Args:
        store: an empty one, or one whose files are in the folder.
        folder: for the policy, keys and guard.
        policy_text: of the policy in force.
    """
    policy_file = folder / "policy.toml"
    policy_file.write_text(policy_text)
    prepared = prepare_store(store.settings, folder, policy_file)
    with open_in_process_system(prepared, lambda _: None, equal_work=False) as system:
        yield system


def a_record(at_ms: int, document: dict[str, Any]) -> TimedRecord:
    """Return a target or event that is sent at a time."""
    return TimedRecord(at_ms, json.dumps(document).encode())


def a_like(video_id: str, account_id: str, at_ms: int, **more: Any) -> TimedRecord:
    """Return a like, which is sent when it happens."""
    like = {
        "type": "like",
        "account_id": account_id,
        "video_id": video_id,
        "occurred_at": format_timestamp(at_ms),
    }
    return a_record(at_ms, like | more)


def a_posting(video_id: str, posted_at_ms: int, registered_ms: int | None = None) -> TimedRecord:
    """Return a video, which is registered when it is posted if no time is given."""
    at_ms = posted_at_ms if registered_ms is None else registered_ms
    return a_record(at_ms, {"video_id": video_id, "posted_at": format_timestamp(posted_at_ms)})


def likes_of(store: Store, video_id: str) -> list[ReleaseDocument]:
    """Return the releases about the likes of a video, in order."""
    return read_releases(store.public, SeriesName(Kind.LIKE, video_id))
