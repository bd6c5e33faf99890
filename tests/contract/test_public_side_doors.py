"""Logs and metrics of the public plane: about requests, never about videos, keys or people."""

import io

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from api.http.logs import JsonLog
from api.public.app import build_public_app
from tests.support.gallery import NOW_MS, publish_every_state
from tests.support.public_plane import new_key
from tests.support.redis_server import Store


def test_logs_and_metrics_know_operations_only(store: Store) -> None:
    """Logs and metrics name the operation and the status, never the path, the query or the key."""
    publish_every_state(store)
    file = io.BytesIO()
    client = build_public_app(
        store.public, store.limiter, lambda: NOW_MS, JsonLog(file, "public")
    ).test_client()
    token, record = new_key(store, "read")
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "198.51.100.7"}
    for path in (
        "shown/likes",
        "nobody-9/likes",
        "shown/likes?account_id=person-8",
        "sh%00/likes",
        "shown/who-7",
    ):
        client.get(f"/v1/videos/{path}", headers=headers)
    metrics = client.get("/metrics").get_data(as_text=True)
    lines = [msgspec.json.decode(line) for line in file.getvalue().splitlines()]
    assert [(line["operation"], line["status"]) for line in lines] == [
        ("get_likes", 200),
        ("get_likes", 404),
        ("get_likes", 400),
        ("get_likes", 400),
        ("unmatched", 404),
        ("get_metrics", 200),
    ]
    members = {"plane", "operation", "status", "milliseconds", "event", "level", "timestamp"}
    assert {frozenset(line) for line in lines} == {frozenset(members)}
    for secret in (
        "shown",
        "nobody-9",
        "person-8",
        "who-7",
        "198.51",
        record.key_id,
        record.owner,
        token[-64:],
    ):
        assert secret not in file.getvalue().decode()
        assert secret not in metrics
    labels = {
        name
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        for name in sample.labels
    }
    assert labels == {"operation", "status", "le"}
