"""Runs the jobs of checks in several processes and collects their sections."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty
from typing import Any

from privacy.audit.check import Check, Job
from privacy.audit.progress import ProgressCallback
from privacy.audit.report_model import Finding, Section

PATIENCE_SECONDS = 1.0
"""How often somebody looks whether the children still run."""


@dataclass(frozen=True)
class Failed:
    """A job that did not end as it should; its check has not passed.

    Args:
        reason: the last words.
    """

    reason: str


def run_checks(checks: Sequence[Check], processes: int, progress: ProgressCallback) -> list[Section]:
    """Run everything and conclude.

    Args:
        checks: what to run.
        processes: how many run at once; with one, all runs in this process.
        progress: told after each job.

    Returns:
        The sections of all checks, in their order. A check that breaks off gives one that has not passed.
    """
    jobs = [(place, job) for place, check in enumerate(checks) for job in check.jobs]
    results: list[list[Any]] = [[None] * len(check.jobs) for check in checks]
    first = {place: next(i for i, (owner, _) in enumerate(jobs) if owner == place) for place, _ in jobs}
    done = [0] * len(checks)
    sections: list[Sequence[Section]] = [() if check.jobs else _concluded(check, ()) for check in checks]
    work = [job for _, job in jobs]
    for index, result in _in_turn(work) if processes == 1 else _at_once(work, processes):
        place = jobs[index][0]
        results[place][index - first[place]] = result
        done[place] += 1
        progress(checks[place].title, done[place], len(checks[place].jobs))
        if done[place] == len(checks[place].jobs):
            # At once: it takes its time, in which the children go on with the next check.
            sections[place], results[place] = _concluded(checks[place], results[place]), []
    return [section for concluded in sections for section in concluded]


def _concluded(check: Check, results: Sequence[Any]) -> Sequence[Section]:
    reasons = [result.reason for result in results if isinstance(result, Failed)]
    if not reasons:
        outcome = _attempt(lambda: check.conclude(results))
        if not isinstance(outcome, Failed):
            sections: Sequence[Section] = outcome
            return sections
        reasons = [outcome.reason]
    finding = Finding("the check itself", "it comes to its end", reasons[0], passed=False)
    return [
        Section(
            "broken-off",
            f"Broken off: {check.title}",
            "The check could not be carried out.",
            "Anything but a result: what was not measured has not passed.",
            "Certain.",
            (finding,),
        )
    ]


def _attempt(job: Job) -> Any:
    try:
        return job()
    except Exception as error:  # noqa: BLE001 - an audit that cannot carry out a check must say so and go on
        return Failed(f"{type(error).__name__}: {error} ({traceback.format_exc().splitlines()[-2].strip()})")


def _in_turn(jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
    for index, job in enumerate(jobs):
        yield index, _attempt(job)


def _at_once(jobs: Sequence[Job], processes: int) -> Iterator[tuple[int, Any]]:
    """Forked children share the jobs as they are; only numbers and results travel."""
    context = multiprocessing.get_context("fork")
    numbers, results = context.SimpleQueue(), context.Queue()
    for index in range(len(jobs)):
        numbers.put(index)
    for _ in range(processes):
        numbers.put(None)
    children = [
        context.Process(target=_child, args=(jobs, numbers.get, results.put), daemon=True)
        for _ in range(processes)
    ]
    for child in children:
        child.start()
    missing = set(range(len(jobs)))
    while missing:
        running = any(child.is_alive() for child in children)
        try:
            index, result = results.get(timeout=PATIENCE_SECONDS)
        except Empty:
            if not running:
                break
            continue
        missing.discard(index)
        yield index, result
    for child in children:
        child.join()
    # A child that the system killed takes its job with it.
    for index in sorted(missing):
        yield index, Failed("its process ended before it did")


def _child(
    jobs: Sequence[Job], next_number: Callable[[], int | None], answer: Callable[[tuple[int, Any]], None]
) -> None:
    parent = multiprocessing.parent_process()
    # Who is killed tells nobody: a child whose parent is gone works for no one.
    while parent is not None and parent.is_alive() and (index := next_number()) is not None:
        answer((index, _attempt(jobs[index])))
