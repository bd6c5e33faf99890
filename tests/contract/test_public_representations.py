"""Lists as CSV, NDJSON and Parquet, and compressed: the same figures in another form."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pyarrow.parquet import read_table

from tests.support.gallery import publish, release, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

PATHS = {
    "/v1/videos/shown/likes/timeseries": "points",
    "/v1/videos/shown/likes/changes": "days",
    "/v1/videos/shown/likes/breakdowns/device": "cells",
    "/v1/videos?hashtag=baking": "videos",
    "/v1/videos?ids=shown,evil": "videos",
    "/v1/creators?ids=c-12": "creators",
    "/v1/creators/c-12/videos": "videos",
    "/v1/query?hashtag=baking&by=video,device": "rows",
}
CSV, NDJSON, PARQUET = "text/csv", "application/x-ndjson", "application/vnd.apache.parquet"
EVIL = '=HYPERLINK("https://a.example")'


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A creator with a video that has numbers, and one whose title a spreadsheet would run."""
    publish(
        store,
        [
            target("c-12", target_type="creator", creator_id=None, title="+1"),
            target("shown"),
            target("evil", title=EVIL, hashtags=["baking", "fog"]),
        ],
        [
            *(
                release("shown", epoch, (1000 + epoch, 950, 1050 + epoch), removals={"unliked": None})
                for epoch in range(26)
            ),
            release("evil", 25, None),
        ],
    )
    with public_plane(store) as running:
        yield running


def get(plane: PublicPlane, path: str, **headers: str) -> requests.Response:
    """Reads a path with headers."""
    answer = plane.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 200, answer.text
    return answer


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a CSV, by column."""
    return [*csv.DictReader(io.StringIO(text))]


@pytest.mark.parametrize("path", PATHS)
def test_a_list_has_the_same_figures_in_every_form(plane: PublicPlane, path: str) -> None:
    """As many rows as items; each figure of each item stands in its row."""
    document = get(plane, path).json()
    items = document[PATHS[path]]
    lines = [json.loads(line) for line in get(plane, path, Accept=NDJSON).text.splitlines()]
    table = get(plane, path, Accept=CSV)
    assert table.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert len(items) == len(lines) == len(rows_of(table.text)) > 0
    for item, line, row in zip(items, lines, rows_of(table.text), strict=True):
        numbers = {**item, **item.get("metrics", {})}
        for name, number in numbers.items():
            if isinstance(number, dict) and "ci95" in number:
                assert line[f"{name}_value"] == number["value"]
                assert row[f"{name}_value"] == ("" if number["value"] is None else str(number["value"]))
                assert [line[f"{name}_low"], line[f"{name}_high"]] == (number["ci95"] or [None, None])
                assert row[f"{name}_reason"] == (number["reason"] or "")


def test_what_is_said_of_all_rows_is_in_each(plane: PublicPlane) -> None:
    """So that files of several videos can be put together."""
    row = rows_of(get(plane, "/v1/videos/shown/likes/breakdowns/device", Accept=CSV).text)[0]
    assert (row["video_id"], row["dimension"], row["cell"]) == ("shown", "device", "android")


def test_no_cell_is_a_formula(plane: PublicPlane) -> None:
    """Text that a spreadsheet would run is text; NDJSON is as it is."""
    row = next(row for row in rows_of(get(plane, "/v1/videos?ids=evil", Accept=CSV).text))
    assert (row["title"], row["hashtags"]) == (f"'{EVIL}", "baking;fog")
    assert rows_of(get(plane, "/v1/creators?ids=c-12", Accept=CSV).text)[0]["name"] == "'+1"
    assert json.loads(get(plane, "/v1/videos?ids=evil", Accept=NDJSON).text)["title"] == EVIL


def test_the_next_page_is_named_in_a_header(plane: PublicPlane) -> None:
    """Rows have no place for it."""
    path = "/v1/videos/shown/likes/timeseries?limit=20"
    cursor = get(plane, path).json()["next_cursor"]
    first = get(plane, path, Accept=CSV)
    assert first.headers["Next-Cursor"] == cursor
    assert "Next-Cursor" not in get(plane, f"{path}&cursor={cursor}", Accept=CSV).headers


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", CSV),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("application/x-ndjson, text/csv;q=0.9", NDJSON),
        ("image/png", "application/json"),
    ],
)
def test_the_caller_chooses(plane: PublicPlane, accept: str, expected: str) -> None:
    """By weight; JSON where nothing fits, as ever."""
    answer = get(plane, "/v1/videos?hashtag=baking", Accept=accept)
    assert answer.headers["Content-Type"].partition(";")[0] == expected
    assert "Accept" in {name.strip() for name in answer.headers["Vary"].split(",")}


def test_parquet(plane: PublicPlane) -> None:
    """The same columns."""
    table = read_table(io.BytesIO(get(plane, "/v1/videos?hashtag=baking", Accept=PARQUET).content))
    assert table["likes_value"].to_pylist() == [1025, None]


def test_parquet_without_pyarrow(plane: PublicPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 406 that says what is missing."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = plane.get("/v1/videos?hashtag=baking", headers={"Accept": PARQUET})
    assert (answer.status_code, answer.json()["status"]) == (406, 406)
    assert "pyarrow" in answer.json()["detail"]


def test_forms_have_validators_of_their_own(plane: PublicPlane) -> None:
    """A 304 is for the form that the caller has."""
    path = "/v1/videos/shown/likes/timeseries"
    tags = {accept: get(plane, path, Accept=accept).headers["ETag"] for accept in (CSV, NDJSON, "*/*")}
    assert len({*tags.values()}) == 3
    for accept, tag in tags.items():
        headers = {"Accept": accept, "If-None-Match": tag}
        assert plane.get(path, headers=headers).status_code == 304
        assert plane.get(path, headers=headers | {"Accept": "text/csv" if accept == "*/*" else "*/*"}).ok


def raw(plane: PublicPlane, path: str, coding: str, **options: Any) -> Any:
    """Reads the bytes as they are sent."""
    headers = {"Accept-Encoding": coding, **options}
    answer = plane.get(path, headers=headers, stream=True)
    return answer, answer.raw.read(decode_content=False)


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        ("gzip", True),
        ("x-gzip", True),
        ("br, gzip;q=0.1", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=zero", False),
    ],
)
def test_gzip_is_sent_to_who_accepts_it(plane: PublicPlane, coding: str, expected: bool) -> None:
    """With a tag of its own, which is known again."""
    path = "/v1/videos/shown/likes/timeseries"
    plain = plane.get(path, headers={"Accept-Encoding": "identity"})
    answer, body = raw(plane, path, coding)
    assert ("Content-Encoding" in answer.headers) is expected
    assert (gzip.decompress(body) if expected else body) == plain.content
    assert int(answer.headers["Content-Length"]) == len(body)
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert (answer.headers["ETag"] == plain.headers["ETag"]) is not expected
    again, nothing = raw(plane, path, coding, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, nothing) == (304, b"")


def test_what_is_small_or_open_is_compressed_as_it_is_worth(plane: PublicPlane) -> None:
    """A total is sent as it is; the description of the API is compressed, once."""
    answer, body = raw(plane, "/v1/videos/shown/likes", "gzip")
    assert ("Content-Encoding" in answer.headers, json.loads(body)["video_id"]) == (False, "shown")
    first, described = raw(plane, "/v1/openapi.json", "gzip")
    assert first.headers["Content-Encoding"] == "gzip"
    assert raw(plane, "/v1/openapi.json", "gzip")[1] == described


def test_head_says_what_get_sends(plane: PublicPlane) -> None:
    """Compressed, too."""
    path = "/v1/videos/shown/likes/timeseries"
    headers = {"Authorization": f"Bearer {plane.token}", "Accept-Encoding": "gzip"}
    head = requests.head(plane.url + path, headers=headers, timeout=10)
    got = requests.get(plane.url + path, headers=headers, timeout=10, stream=True)
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.content == b""
