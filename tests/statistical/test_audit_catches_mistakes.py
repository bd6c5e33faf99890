"""The audit detects every seeded mistake, and passes the code as it is.

False alarms of a clean run, calculated from the binomial distributions of the hits under the packaged
policy: one of the eight bounds on ε of single streams exceeds its claim with a probability of at most 1.2e-4
in a quick run, 2.3e-4 in a whole one. Each of the other two kinds adds at most 1.2e-4 to a whole run, and a
bound below nine tenths of its claim another 1.2e-4. All other tests of samples have 1e-6 or less each: of
one kind, four of each of three scales in each of two datasets, six bounds on far tails, nine of dependence,
and ten with given entropy; 5e-5 in all, and 1.5e-4 for three kinds. What is recalculated exactly raises none.
Bounds of whole releases stay far below. The 22 bounds of audiences add 1.7e-4 to a quick run and 1.9e-4 to a
whole one.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from api.audit.end_to_end import end_to_end_check
from api.audit.entropy_source import source_check
from api.audit.scenario import FLIPS_BEFORE_RETURN
from api.runtime.policy_source import PolicySource, read_policy
from privacy.audit.check import Check, ignore_progress
from privacy.audit.report_model import Section
from privacy.audit.runner import run_checks
from privacy.audit.white_box import DEFAULT_PLAN, QUICK_PLAN, Plan, WhiteBoxScale, white_box
from tests.support.mutations.admissions import USER_MONTH
from tests.support.mutations.mutation import Mutation
from tests.support.mutations.table import MUTATIONS
from tests.support.profiles import entropy_of

SMALL_PLAN = Plan(WhiteBoxScale(1_000, False, 300, 600, 300, 2), None)
READS = 20
REMOVALS = Path(__file__).parents[2] / "examples/ml100k/removals.toml"
CHECKS = ["parameters", "single streams", "recalculation", "entropy", "gate", "audiences", "end to end"]
PAGE = Path(__file__).parents[2] / "docs/compliance/audit.md"
QUICK_MUTATIONS = [mutation for mutation in MUTATIONS if mutation.in_quick_tests]


@cache
def source(policy: Path | None = None) -> PolicySource:
    """The policy in a file; the packaged one without."""
    return read_policy(policy)


def select(check: str, plan: Plan, policy: Path | None = None) -> list[Check]:
    """Returns the checks whose titles start with this text."""
    entropy, audited = entropy_of(f"audit {check}"), source(policy)
    checks = [
        end_to_end_check(audited, entropy, READS),
        source_check(),
        *white_box(audited.policy, plan, entropy),
    ]
    return [one for one in checks if one.title.startswith(check)]


def audit(check: str, plan: Plan, processes: int = 1, policy: Path | None = None) -> list[Section]:
    """Runs those checks, and returns their sections."""
    selected = select(check, plan, policy)
    # The end-to-end check's server ends with the thread that started it, so that check runs in this process.
    first, others = selected[:1], selected[1:]
    return run_checks(first, 1, ignore_progress) + run_checks(others, processes, ignore_progress)


def failures(sections: Sequence[Section]) -> list[str]:
    """Describes the findings that did not pass."""
    assert sections
    return [
        f"{section.key}: {finding.what}: {finding.found}"
        for section in sections
        for finding in section.findings
        if not finding.passed
    ]


def name_of(mutation: Mutation) -> str:
    """Returns the name of a test."""
    return mutation.name


@pytest.mark.parametrize("check", CHECKS)
def test_the_code_as_it_is_passes(check: str) -> None:
    """No check fails (false alarm when the entropy was chosen: 2e-4, most of it by the bounds on ε)."""
    assert failures(audit(check, SMALL_PLAN)) == []


def test_the_code_as_it_is_passes_where_two_flips_are_all() -> None:
    """On a store, under a policy that counts no account again after it has left."""
    two_flips = read_policy(REMOVALS)
    assert two_flips.policy.flip_cap == FLIPS_BEFORE_RETURN
    check = end_to_end_check(two_flips, entropy_of("audit of two flips"), READS)
    assert failures(run_checks([check], 1, ignore_progress)) == []


@pytest.mark.nightly(part="audit")
@pytest.mark.timeout(600)
def test_the_code_as_it_is_passes_where_a_month_is_capped() -> None:
    """On a store, under the example policy that promises something for an account's month."""
    check = end_to_end_check(source(USER_MONTH), entropy_of("audit of a month"), READS)
    assert failures(run_checks([check], 1, ignore_progress)) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=name_of)
def test_a_seeded_mistake_can_be_made(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code still has the names and passages that each mistake changes."""
    mutation.apply(monkeypatch)


@pytest.mark.parametrize("mutation", QUICK_MUTATIONS, ids=name_of)
def test_a_seeded_mistake_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A responsible check detects the mistake, even with few samples."""
    mutation.apply(monkeypatch)
    selected = select(mutation.check, SMALL_PLAN, mutation.policy)
    assert any(failures(run_checks([one], 1, ignore_progress)) for one in selected)


def test_the_page_lists_every_seeded_mistake() -> None:
    """Each in a row of its own, and how many there are."""
    page = PAGE.read_text()
    assert f"There are {len(MUTATIONS)}," in page
    assert [mutation.name for mutation in MUTATIONS if page.count(f"\n| {mutation.name} | ") != 1] == []


@pytest.mark.nightly(part="mistakes")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=name_of)
def test_every_seeded_mistake_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick audit detects each mistake."""
    mutation.apply(monkeypatch)
    assert failures(audit(mutation.check, QUICK_PLAN, policy=mutation.policy))


@pytest.mark.nightly(part="audit")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("run", range(20))
def test_twenty_clean_runs_of_twenty_pass(run: int) -> None:
    """The quick audit passes the code as it is, twenty times.

    False alarm: 3.4e-4 a run, 7e-3 for all twenty. Half a minute of work each.
    """
    assert failures(audit("", QUICK_PLAN)) == [], f"run {run}"


@pytest.mark.nightly(part="audit-default")
@pytest.mark.timeout(7200)
def test_the_default_audit_passes() -> None:
    """With many samples, bounds on ε reach nine tenths of their claims and exceed none.

    False alarm: 8e-4. Some twenty-five minutes of work, shared by two processes.
    """
    assert failures(audit("", DEFAULT_PLAN, 2)) == []
