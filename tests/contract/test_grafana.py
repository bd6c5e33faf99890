"""The dashboards for Grafana ask for what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.support.dockerfile import ROOT
from tests.support.gallery import publish, release, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

FOLDER: Final = ROOT / "examples" / "grafana"
_METRIC: Final = re.compile(r"\blikewise_\w+")


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane with a creator and a video."""
    publish(
        store,
        [target("c-01", target_type="creator", creator_id=None), target("v-1", creator_id="c-01")],
        [release("v-1", 0, (300, 270, 330))],
    )
    with public_plane(store) as running:
        yield running


def targets(name: str) -> Iterator[Mapping[str, Any]]:
    """The queries of a dashboard."""
    dashboard = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from panel["targets"]


def test_each_metric_is_one_of_the_planes(plane: PublicPlane) -> None:
    """By its name in `/metrics`, after a request was counted."""
    assert plane.get("/v1/videos/v-1/likes").ok
    known = {*_METRIC.findall(plane.get("/metrics", token=None).text)}
    asked = {metric for each in targets("operators") for metric in _METRIC.findall(each["expr"])}
    assert asked
    assert asked <= known


@pytest.mark.parametrize("place", range(4))
def test_each_query_has_the_columns_that_are_drawn(plane: PublicPlane, place: int) -> None:
    """Under a policy whose audiences are days, and which has no regions."""
    asked = [*targets("readers")][place]
    path = asked["url"].replace("${creator}", "c-01")
    answer = plane.get(
        path.replace("by=region", "by=device").replace("creator,time:week", "creator,time:day")
    )
    assert answer.status_code == 200, answer.text
    rows = answer.json()[asked["root_selector"]]
    for row in rows:
        for column in asked["columns"]:
            first, *rest = column["selector"].split(".")
            assert first in row
            assert not rest or rest[1] in row[first][rest[0]]
