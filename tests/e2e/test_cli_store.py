"""`likewise store accept-clock`: a store that was off for a month works again after an operator's word."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from api.http.command import ExitCode
from api.http.system import clock_ms
from api.runtime.settings import operator_settings
from privacy.embedded.rooms import EmbeddedRooms
from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.audit_trail import AuditTrail
from privacy.store.acl import Room
from privacy.store.clock import Anchor
from privacy.store.connect import connect
from privacy.store.keys import CLOCK_ANCHOR
from privacy.store.users import ADMIN, PLATFORM
from tests.support.command_line import answer_of, likewise, start_up
from tests.support.eventually import eventually
from tests.support.prepared_store import prepare_store

ACCEPT = ("store", "accept-clock", "--note", "off for a month", "--json")


def set_back(client: Redis) -> None:
    """Leave an anchor as it is when the machine was switched off a month ago."""
    anchor = Anchor(clock_ms() - 31 * MS_PER_DAY, "a boot of last month", 5)
    client.set(CLOCK_ANCHOR, msgspec.json.encode(anchor))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder with a running store that was off for a month."""
    with EmbeddedRooms(tmp_path) as rooms:
        prepare_store(rooms.settings, tmp_path)
        with closing(connect(rooms.settings, ADMIN, Room.PRIVATE)) as admin:
            set_back(admin)
        yield tmp_path


def finding_of(folder: Path) -> tuple[bool, str]:
    """Return what the doctor says about the store's clock."""
    findings = json.loads(likewise("doctor", "--json", "--data-folder", folder).stdout)["findings"]
    (found,) = [each for each in findings if each["name"] == "store's clock"]
    return found["ok"], found["detail"]


def test_the_doctor_says_what_to_do_and_an_operator_does_it(folder: Path) -> None:
    """Before: BAD, with the command. Afterwards the time is believed, and the audit trail has the note."""
    is_ok, detail = finding_of(folder)
    assert not is_ok
    assert "likewise store accept-clock" in detail
    accepted = answer_of(likewise(*ACCEPT, "--data-folder", folder))
    assert accepted["before"] < accepted["now"]
    assert finding_of(folder)[0]
    with closing(connect(operator_settings(folder, {}).store, PLATFORM)) as client:
        entries = [entry for _, entry in AuditTrail(client).read_page(None, 10)]
    assert [(entry.stage.value, entry.action) for entry in entries] == [
        ("done", "store.clock_accepted"),
        ("requested", "store.clock_accepted"),
    ]
    assert {entry.note for entry in entries} == {"off for a month"}
    assert entries[0].details == accepted


def test_a_note_is_required(folder: Path) -> None:
    """The audit trail says why a time was accepted."""
    refused = likewise("store", "accept-clock", "--data-folder", folder)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert "--note" in refused.stderr


def test_up_waits_for_the_operator(tmp_path: Path) -> None:
    """It says what it waits for, starts no process before, and goes on without being started again."""
    data = tmp_path / "data"
    with EmbeddedRooms(data) as rooms:
        prepare_store(rooms.settings, data)
        with closing(connect(rooms.settings, ADMIN, Room.PRIVATE)) as admin:
            set_back(admin)
    process = start_up(data)
    assert process.stdout is not None
    try:
        errors = data.with_name("data.errors")
        eventually(lambda: "accept-clock" in errors.read_text(), "a line for the operator", 120)
        assert not (data / "logs").exists()
        answer_of(likewise(*ACCEPT, "--data-folder", data))
        assert process.stdout.readline() == "{\n"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
