"""`/v1/dimensions`: the dimensions, cells and thresholds of the guarantee, and nothing else."""

from collections.abc import Iterator

import pytest

from api.public.find.dimensions import OPERATION
from privacy.publishing.publisher import Publisher
from tests.support.gallery import CELLS, GUARANTEE, LEDGER_SHARDS, VERSION
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

STATISTICS = [
    {"name": "total", "threshold_by_epoch": [88, 108, 110]},
    {"name": "device", "threshold_by_epoch": [177, 225, 230]},
]


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A public plane whose policy counts likes alone."""
    like = GUARANTEE["kinds"]["like"] | {"statistics": STATISTICS}
    Publisher(store.publisher).publish_guarantee(
        VERSION, GUARANTEE | {"kinds": {"like": like}}, LEDGER_SHARDS
    )
    with public_plane(store) as running:
        yield running


@pytest.mark.parametrize("query", ["", "?version=current", f"?version={VERSION}"])
def test_they_are_those_of_the_guarantee(plane: PublicPlane, query: str) -> None:
    """Every dimension with every cell, and the thresholds of the first and of the last release."""
    document = plane.get(f"/v1/dimensions{query}").json()
    schema = OPERATION.responses[200].schema
    assert schema
    assert not schema().validate(document)
    assert (document["version"], document["time_zone"], document["k"]) == (VERSION, "UTC", 20)
    assert {one["dimension"]: tuple(one["cells"]) for one in document["dimensions"]} == CELLS
    assert document["thresholds"] == {
        "like": [
            {"statistic": "total", "first_epoch": 88, "last_epoch": 110},
            {"statistic": "device", "first_epoch": 177, "last_epoch": 230},
        ]
    }


def test_an_unknown_version_is_not_found(plane: PublicPlane) -> None:
    """As in the guarantee."""
    assert plane.get("/v1/dimensions?version=none").status_code == 404
