"""Checks run in this process or in several, and an incomplete check has not passed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from privacy.audit.check import Check, ignore_progress
from privacy.audit.report_model import Finding, Section
from privacy.audit.runner import run_checks
from tests.support.eventually import eventually


def section(key: str, found: str) -> Section:
    """Makes a section that passed."""
    return Section(key, key, "", "", "", (Finding("", "", found, passed=True),))


def check(key: str, jobs: int) -> Check:
    """Makes a check whose jobs return their numbers."""

    def conclude(results: Sequence[int]) -> list[Section]:
        return [section(key, str(list(results)))]

    return Check(key, tuple(partial(int, number) for number in range(jobs)), conclude)


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_jobs(processes: int) -> None:
    """Each check concludes from its own results in their order, whichever process ran the jobs."""
    sections = run_checks([check("one", 5), check("other", 3)], processes, ignore_progress)
    assert [one.findings[0].found for one in sections] == ["[0, 1, 2, 3, 4]", "[0, 1, 2]"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_job_that_fails_fails_its_check_and_no_other(processes: int) -> None:
    """The section describes the error and has not passed."""
    broken = Check("broken", (partial(int, "x"), partial(int, 1)), lambda _: [section("broken", "")])
    sections = run_checks([broken, check("sound", 2)], processes, ignore_progress)
    assert [one.passed for one in sections] == [False, True]
    assert "ValueError" in sections[0].findings[0].found


def test_a_conclusion_that_fails_fails_the_check() -> None:
    """A check without a conclusion has not passed."""

    def conclude(results: Sequence[int]) -> list[Section]:
        return [section("", str(1 // results[0]))]

    (only,) = run_checks([Check("broken", (partial(int, 0),), conclude)], 1, ignore_progress)
    assert not only.passed


def test_progress_is_reported_after_each_job() -> None:
    """Done and total, check by check."""
    on_progress: list[tuple[str, int, int]] = []
    run_checks([check("one", 2)], 1, lambda *step: on_progress.append(step))
    assert on_progress == [("one", 1, 2), ("one", 2, 2)]


def test_a_process_that_is_killed_fails_its_check_and_nothing_hangs() -> None:
    """The check of the lost job has not passed; the other process runs the remaining jobs."""
    killed = Check("killed", (partial(os._exit, 9),), lambda _: [section("killed", "")])
    sections = run_checks([killed, check("sound", 4)], 2, ignore_progress)
    assert [one.passed for one in sections] == [False, True]
    assert "ended before the job did" in sections[0].findings[0].found


def test_a_check_concludes_when_its_last_job_is_done() -> None:
    """Conclusions do not wait for the jobs of other checks."""
    order: list[str] = []

    def conclude(name: str, results: Sequence[None]) -> list[Section]:
        order.append(f"{name} concludes from {len(results)}")
        return [section(name, "")]

    first = Check("first", (partial(order.append, "first"),), partial(conclude, "first"))
    second = Check("second", (partial(order.append, "second"),), partial(conclude, "second"))
    run_checks([first, second], 1, ignore_progress)
    assert order == ["first", "first concludes from 1", "second", "second concludes from 1"]


def test_a_check_without_jobs_concludes_too() -> None:
    """It is not omitted."""
    assert [one.key for one in run_checks([check("empty", 0), check("sound", 1)], 1, ignore_progress)] == [
        "empty",
        "sound",
    ]


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """They finish the current job and take no other: SIGKILL gives the parent no time to stop them."""
    context = multiprocessing.get_context("fork")
    parent = context.Process(target=partial(_endless, tmp_path))
    parent.start()
    children = eventually(lambda: _named(tmp_path) if len(_named(tmp_path)) == 2 else None, "two at work")
    os.kill(parent.pid or 0, signal.SIGKILL)
    parent.join()
    eventually(lambda: not any(map(_runs, children)), "both have ended")


def _endless(folder: Path) -> None:
    def job() -> None:
        (folder / str(os.getpid())).touch()
        time.sleep(0.1)  # the work of a job

    run_checks([Check("endless", (job,) * 1_000, lambda _: [])], 2, ignore_progress)


def _named(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir()]


def _runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
