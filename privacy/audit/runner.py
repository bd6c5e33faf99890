"""Runs the jobs of checks in several processes and collects the sections."""

import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty
from typing import Any

from privacy.audit.check import Check, Job, ProgressCallback
from privacy.audit.report_model import Finding, Section

LIVENESS_POLL_SECONDS = 1.0
"""Interval at which the parent checks that its children are alive."""


@dataclass(frozen=True)
class JobFailure:
    """A job that did not complete; its check has not passed.

    Args:
        reason: describes the error.
    """

    reason: str


def run_checks(checks: Sequence[Check], processes: int, progress: ProgressCallback) -> list[Section]:
    """Runs all jobs and concludes every check.

    Args:
        checks: the checks to run.
        processes: number of parallel processes; with one, all jobs run in this process.
        progress: called after each job.

    Returns:
        The sections of all checks, in their order. A check that fails to complete gives one section that has
        not passed.
    """
    jobs = [(number, job) for number, check in enumerate(checks) for job in check.jobs]
    results: list[list[Any]] = [[None] * len(check.jobs) for check in checks]
    first = {number: next(i for i, (owner, _) in enumerate(jobs) if owner == number) for number, _ in jobs}
    done = [0] * len(checks)
    sections: list[Sequence[Section]] = [() if check.jobs else _conclude(check, ()) for check in checks]
    work = [job for _, job in jobs]
    for index, result in _run_in_turn(work) if processes == 1 else _run_in_processes(work, processes):
        number = jobs[index][0]
        results[number][index - first[number]] = result
        done[number] += 1
        progress(checks[number].title, done[number], len(checks[number].jobs))
        if done[number] == len(checks[number].jobs):
            # Conclude immediately: this takes a while, and the children continue with the next check.
            sections[number], results[number] = (
                _conclude(checks[number], results[number]),
                [],
            )
    return [section for concluded in sections for section in concluded]


def _conclude(check: Check, results: Sequence[Any]) -> Sequence[Section]:
    reasons = [result.reason for result in results if isinstance(result, JobFailure)]
    if not reasons:
        outcome = _attempt(lambda: check.conclude(results))
        if not isinstance(outcome, JobFailure):
            sections: Sequence[Section] = outcome
            return sections
        reasons = [outcome.reason]
    finding = Finding("the check itself", "it completes", reasons[0], passed=False)
    return [
        Section(
            "incomplete",
            f"Incomplete: {check.title}",
            "The check could not be completed.",
            "Any failure to complete: a property that was not measured has not passed.",
            "Certain.",
            (finding,),
        )
    ]


def _attempt(job: Job) -> Any:
    try:
        return job()
    except Exception as error:  # noqa: BLE001 - a failing check must be reported, and the audit must go on
        return JobFailure(
            f"{type(error).__name__}: {error} ({traceback.format_exc().splitlines()[-2].strip()})"
        )


def _run_in_turn(jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
    for index, job in enumerate(jobs):
        yield index, _attempt(job)


def _run_in_processes(jobs: Sequence[Job], processes: int) -> Iterator[tuple[int, Any]]:
    """Runs jobs in forked children, which inherit the jobs; only job numbers and results are transferred."""
    context = multiprocessing.get_context("fork")
    numbers, results = context.SimpleQueue(), context.Queue()
    for index in range(len(jobs)):
        numbers.put(index)
    for _ in range(processes):
        numbers.put(None)
    children = [
        context.Process(target=_run_jobs, args=(jobs, numbers.get, results.put), daemon=True)
        for _ in range(processes)
    ]
    for child in children:
        child.start()
    missing = set(range(len(jobs)))
    while missing:
        running = any(child.is_alive() for child in children)
        try:
            index, result = results.get(timeout=LIVENESS_POLL_SECONDS)
        except Empty:
            if not running:
                break
            continue
        missing.discard(index)
        yield index, result
    for child in children:
        child.join()
    # The job of a killed child is lost.
    for index in sorted(missing):
        yield index, JobFailure("its process ended before the job did")


def _run_jobs(
    jobs: Sequence[Job], next_number: Callable[[], int | None], send: Callable[[tuple[int, Any]], None]
) -> None:
    parent = multiprocessing.parent_process()
    # A killed parent sends no signal, so each child checks that its parent is alive.
    while parent is not None and parent.is_alive() and (index := next_number()) is not None:
        send((index, _attempt(jobs[index])))
