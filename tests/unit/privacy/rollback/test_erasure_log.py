"""The list of erasures: whole lines, numbers without gaps, and nothing that is read with doubt."""

from pathlib import Path

import pytest

from privacy.errors import StoreBusyError, StoreError
from privacy.rollback.erasure_log import ErasureLog, ErasureRecord

TOMBSTONE = bytes(range(8))


@pytest.fixture
def erasures(tmp_path: Path) -> ErasureLog:
    """An empty list."""
    made = ErasureLog(tmp_path / "outside", "0" * 32)
    made.create()
    return made


def test_what_is_appended_is_read(erasures: ErasureLog) -> None:
    """Numbers count from 1, and making the list again changes nothing."""
    assert (erasures.last_number(), erasures.oldest_ms(), erasures.read_after(0)) == (0, None, [])
    with erasures.locked():
        assert [erasures.append(10 * n, 99, 3, TOMBSTONE) for n in (1, 2)] == [1, 2]
    erasures.create()
    assert (erasures.last_number(), erasures.oldest_ms()) == (2, 10)
    assert erasures.read_after(1) == [ErasureRecord(2, 20, 99, 3, TOMBSTONE)]


def test_only_its_owner_may_read_it(erasures: ErasureLog) -> None:
    """Made so, kept so after lines are dropped, and refused otherwise."""
    with erasures.locked():
        erasures.append(10, 99, 3, TOMBSTONE)
        erasures.forget_before(11)
    assert erasures.path.stat().st_mode & 0o777 == 0o600
    erasures.path.chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        erasures.last_number()


def test_half_a_line_is_none(erasures: ErasureLog) -> None:
    """An unfinished line of a writer that died is not read, and the next line replaces it."""
    with erasures.locked():
        erasures.append(10, 99, 3, TOMBSTONE)
    whole = erasures.path.read_bytes()
    for cut in range(1, 20):
        erasures.path.write_bytes(whole + b"2 20 99 3 0001020304050607\n"[:cut])
        assert (erasures.last_number(), len(erasures.read_after(0))) == (1, 1)
        with erasures.locked():
            assert erasures.append(30, 99, 3, TOMBSTONE) == 2
        assert erasures.read_after(1) == [ErasureRecord(2, 30, 99, 3, TOMBSTONE)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "likewise-erasures\n",
        f"likewise-erasures {'0' * 32} x\n",
        f"likewise-erasures {'1' * 32} 0\n",
        f"likewise-erasures {'0' * 32} 0\n1 10 99 3\n",
        f"likewise-erasures {'0' * 32} 0\n1 10 99 3 zz\n",
        f"likewise-erasures {'0' * 32} 0\n-1 10 99 3 00\n",
        f"likewise-erasures {'0' * 32} 0\n2 10 99 3 00\n",
        f"likewise-erasures {'0' * 32} 0\n1 10 99 3 00\n3 10 99 3 00\n",
        f"likewise-erasures {'0' * 32} 0\n1 10 99 3 \N{SUPERSCRIPT TWO}0\n",
        f"likewise-erasures {'0' * 32} 0\n1 10 99 3 00 00000000\n",
    ],
)
def test_a_damaged_list_is_refused(erasures: ErasureLog, text: str) -> None:
    """Another store's, a gap, a line that is none: nothing is guessed."""
    erasures.path.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match="damaged"):
        erasures.read_after(0)


def test_a_disk_that_takes_nothing_is_said(erasures: ErasureLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller must try again, and the log is unchanged."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("privacy.rollback.erasure_log.os.fsync", full)
    with erasures.locked(), pytest.raises(StoreBusyError, match="No space left"):
        erasures.append(10, 99, 3, TOMBSTONE)


def test_dropped_lines_leave_their_number(erasures: ErasureLog) -> None:
    """The next one goes on counting, also when none is left."""
    with erasures.locked():
        for at_ms in (10, 20, 30):
            erasures.append(at_ms, 99, 3, TOMBSTONE)
        erasures.forget_before(30)
        assert [erasure.number for erasure in erasures.read_after(2)] == [3]
        erasures.forget_before(31)
        assert (erasures.last_number(), erasures.read_after(3)) == (3, [])
        assert erasures.append(40, 99, 3, TOMBSTONE) == 4
    with pytest.raises(StoreError, match="begins after 3"):
        erasures.read_after(2)


def test_times_that_are_not_in_order_leave_no_gap(erasures: ErasureLog) -> None:
    """A clock that was set back, or a process that stood still: nothing behind a newer erasure is dropped."""
    with erasures.locked():
        for at_ms in (10, 50, 20, 60, 30):
            erasures.append(at_ms, 99, 3, TOMBSTONE)
        erasures.forget_before(40)
        assert [erasure.number for erasure in erasures.read_after(1)] == [2, 3, 4, 5]
        assert erasures.last_number() == 5
        erasures.forget_before(55)
        assert [erasure.number for erasure in erasures.read_after(3)] == [4, 5]


def test_a_changed_bit_is_never_read_as_another_erasure(erasures: ErasureLog) -> None:
    """Every bit of every line: a wrong tombstone or shard would leave the account in a restored store."""
    with erasures.locked():
        for number in (1, 2):
            erasures.append(10 * number, 99, 3, TOMBSTONE)
    whole, listed = erasures.path.read_bytes(), erasures.read_after(0)
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        erasures.path.write_bytes(changed)
        try:
            found = erasures.read_after(0)
        except StoreError:
            continue
        assert found == listed[: len(found)], changed
        assert len(found) == len(listed) or place >= 8 * (len(whole) - 1), changed


def test_a_log_without_check_values_is_read(erasures: ErasureLog) -> None:
    """An older version wrote it, and new lines follow."""
    erasures.path.write_text(f"likewise-erasures {'0' * 32} 4\n5 10 99 3 {TOMBSTONE.hex()}\n")
    with erasures.locked():
        assert erasures.append(20, 99, 3, TOMBSTONE) == 6
    assert [erasure.number for erasure in erasures.read_after(4)] == [5, 6]
