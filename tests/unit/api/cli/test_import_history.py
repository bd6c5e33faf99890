"""`likewise import` against a server of the test's own: batches, interruptions, other files."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from api.cli.commands import import_history
from api.http.command import ExitCode
from privacy.model.engagement import Verdict
from tests.support.command_line import answer_of, clean_environment, likewise

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOKEN = "lw_platform_0000000000000000_" + "0" * 64
LINES = [json.dumps({"event": number}) for number in range(7)]


@dataclass
class Plane:
    """Answers batches as the platform plane does, and refuses some.

    Args:
        busy_at: number of the batch, from 1, that is answered 503.
        batches: the lines of each batch that was taken.
        wrong: the items that are not counted, by the line.
        interrupted: whether the command is asked to end during the first batch.
    """

    busy_at: int = 0
    wrong: dict[str, dict[str, Any]] = field(default_factory=dict)
    interrupted: bool = False
    batches: list[list[str]] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        assert request.path == "/v1/imports"
        if len(self.batches) + 1 == self.busy_at:
            self.busy_at = 0
            return Response("{}", 503, content_type="application/problem+json")(environ, start)
        batch = request.get_data().decode().split("\n")
        self.batches.append(batch)
        listed = [
            {"index": index, **self.wrong[line]} for index, line in enumerate(batch) if line in self.wrong
        ]
        verdicts = Counter({verdict.value: 0 for verdict in Verdict} | {"counted": len(batch) - len(listed)})
        verdicts.update(item["verdict"] for item in listed)
        if self.interrupted:
            self.interrupted = False
            os.kill(os.getpid(), signal.SIGINT)
        report = {"verdicts": verdicts, "not_counted": listed}
        return Response(json.dumps(report), content_type="application/json")(environ, start)


@pytest.fixture
def plane() -> Plane:
    """A plane."""
    return Plane()


@pytest.fixture
def url(plane: Plane) -> Iterator[str]:
    """Where the plane runs."""
    server = make_server("127.0.0.1", 0, plane)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_history, "BATCH_LINES", 3)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A file of seven lines, with a blank one."""
    path = tmp_path / "likes.ndjson"
    path.write_text("\n".join([*LINES[:2], "", *LINES[2:]]) + "\n")
    return path


def run(url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    environment = clean_environment(LIKEWISE_PLATFORM_KEY=TOKEN, LIKEWISE_PLATFORM_URL=url)
    return likewise("import", *arguments, environment=environment)


def noted(history: Path) -> Path:
    """Return where the progress is noted."""
    return history.with_name("likes.ndjson.progress")


def test_a_file_is_sent_in_batches_in_its_order(url: str, plane: Plane, history: Path) -> None:
    """The answer adds their verdicts up, and nothing is left beside the file."""
    answer = answer_of(run(url, history, "--json"))
    assert plane.batches == [LINES[:3], LINES[3:6], LINES[6:]]
    assert (answer["events"], answer["verdicts"]) == (7, {"counted": 7})
    assert not noted(history).exists()


def test_a_batch_has_no_more_bytes_than_a_request_may(
    url: str, plane: Plane, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are long or short."""
    monkeypatch.setattr(import_history, "BATCH_BYTES", 2 * len(LINES[0]) + 2)
    answer_of(run(url, history, "--json"))
    assert plane.batches == [LINES[:2], LINES[2:4], LINES[4:6], LINES[6:]]


def test_an_import_goes_on_where_it_stopped(url: str, plane: Plane, history: Path) -> None:
    """What was answered is not sent again, and is in the sum at the end; also from a gzip file."""
    packed = history.with_name("likes.ndjson.gz")
    packed.write_bytes(gzip.compress(history.read_bytes()))
    plane.busy_at = 2
    assert run(url, packed).returncode == ExitCode.STORE_ERROR
    assert json.loads(packed.with_name("likes.ndjson.gz.progress").read_text())["lines"] == 3
    answer = answer_of(run(url, packed, "--json"))
    assert plane.batches == [LINES[:3], LINES[3:6], LINES[6:]]
    assert (answer["events"], answer["verdicts"]) == (7, {"counted": 7})


def test_wrong_lines_are_named(url: str, plane: Plane, history: Path) -> None:
    """By their numbers in the file, with field, fault and rule; the others are in; the exit code says so."""
    problem = {"field": "occurred_at", "message": "is 'yesterday'", "expected": "a time"}
    plane.wrong = {
        LINES[2]: {"verdict": "invalid", "problem": problem},
        LINES[5]: {"verdict": "unknown_target"},
        LINES[6]: {"verdict": "late"},
    }
    shown = run(url, history)
    assert shown.returncode == ExitCode.WRONG_USAGE
    assert "line 4: invalid: occurred_at: is 'yesterday'; expected a time.\n" in shown.stderr
    assert "line 7: unknown_target: names no target that is there; expected the id of a video" in shown.stderr
    assert "2 lines were not taken" in shown.stderr
    assert "line 8" not in shown.stderr
    assert "older than one of the same account and video" in shown.stderr
    told = run(url, history, "--json")
    assert (told.returncode, told.stderr) == (ExitCode.WRONG_USAGE, "")
    assert [(wrong["line"], wrong["verdict"]) for wrong in json.loads(told.stdout)["wrong"]] == [
        (4, "invalid"),
        (7, "unknown_target"),
    ]
    assert json.loads(told.stdout)["wrong"][0] == {"line": 4, "verdict": "invalid", **problem}


def test_of_many_wrong_lines_the_first_are_named(
    url: str, plane: Plane, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also across an interruption; all of them are counted."""
    monkeypatch.setattr(import_history, "MAX_WRONG_LINES", 4)
    plane.wrong = {line: {"verdict": "unknown_target"} for line in LINES}
    plane.busy_at = 2
    assert run(url, history).returncode == ExitCode.STORE_ERROR
    shown = run(url, history)
    assert [line.split(":")[0] for line in shown.stderr.splitlines() if line.startswith("line ")] == [
        "line 1",
        "line 2",
        "line 4",
        "line 5",
    ]
    assert "and 3 more\n7 lines were not taken" in shown.stderr


def test_an_interrupt_lets_the_batch_under_way_end(url: str, plane: Plane, history: Path) -> None:
    """It is noted, and is not sent again."""
    plane.interrupted = True
    stopped = run(url, history)
    assert stopped.returncode == 130
    assert "3 of 7 lines are in" in stopped.stderr
    assert json.loads(noted(history).read_text())["lines"] == 3
    assert answer_of(run(url, history, "--json"))["events"] == 7
    assert plane.batches == [LINES[:3], LINES[3:6], LINES[6:]]


def test_another_file_does_not_go_on(url: str, plane: Plane, history: Path) -> None:
    """If a file has changed since, its lines are not those that were counted."""
    plane.busy_at = 2
    run(url, history)
    history.write_text("\n".join(LINES[1:]))
    refused = run(url, history)
    assert (refused.returncode, "another file" in refused.stderr) == (ExitCode.WRONG_USAGE, True)
    assert len(plane.batches) == 1
    elsewhere = history.with_name("elsewhere")
    assert answer_of(run(url, history, "--progress-file", elsewhere, "--json"))["events"] == 6


@pytest.mark.parametrize("content", [b"", b"\n \n", b"{"], ids=["empty", "blank", "damaged progress"])
def test_what_cannot_be_imported_is_named(url: str, plane: Plane, history: Path, content: bytes) -> None:
    """Nothing is sent."""
    (noted(history) if content == b"{" else history).write_bytes(content)
    refused = run(url, history)
    assert refused.returncode != 0
    assert str(history) in refused.stderr
    assert plane.batches == []
