"""`likewise audit white-box`: audits the release code under a policy."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from api.audit.end_to_end import end_to_end_check
from api.audit.entropy_source import source_check
from api.cli.console import SectionBars, progress
from api.cli.options import json_option, policy_option
from api.cli.parameters import OutputFile
from api.cli.report_text import deliver_report
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms, entropy
from api.runtime.policy_source import PolicySource, read_policy
from privacy.audit.check import Check, ProgressCallback
from privacy.audit.report_model import AuditReport
from privacy.audit.runner import run_checks
from privacy.audit.white_box import DEFAULT_PLAN, QUICK_PLAN, Plan, white_box
from privacy.mechanism.guarantee import guarantee
from privacy.model.timestamp import format_timestamp

PROCESSES: Final = 2
READS: Final = 1_000
QUICK_READS: Final = 100


@click.command(
    epilog=epilog(
        "likewise audit white-box --quick",
        "likewise audit white-box --policy mine.toml --report audit.html",
        "likewise audit white-box --json > audit.json",
    )
)
@policy_option
@click.option(
    "--quick", is_flag=True, help="Smaller samples; about a minute of one core; finds only gross mistakes."
)
@click.option(
    "--report",
    "report_file",
    type=OutputFile(),
    help="Write the report to a self-contained HTML file.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=PROCESSES,
    show_default=True,
    help="Number of parallel processes.",
)
@click.option("--wall", is_flag=True, help="Also test the wall of the audit's own store.")
@json_option
def command(
    policy_file: Path | None,
    report_file: Path | None,
    processes: int,
    *,
    quick: bool,
    wall: bool,
    as_json: bool,
) -> ExitCode:
    """Audit the release code under a policy; needs no deployment.

    Recalculates noise, margins, ε and cost independently; measures lower bounds on ε for single streams and
    whole releases; recalculates every published number from the measurements; and runs a scenario end to end
    on a store of its own. Takes up to 15 minutes on two cores. Exits with 1 if a check fails.
    """
    source = read_policy(policy_file)
    plan = QUICK_PLAN if quick else DEFAULT_PLAN
    with progress(quiet=as_json) as bars:
        end_to_end = end_to_end_check(source, entropy, QUICK_READS if quick else READS, wall=wall)
        report = audit(source, plan, end_to_end, processes, SectionBars(bars))
    return deliver_report(report, as_json=as_json, report_file=report_file)


def audit(
    source: PolicySource, plan: Plan, end_to_end: Check, processes: int, on_progress: ProgressCallback
) -> AuditReport:
    """Runs the white-box audit.

    Args:
        source: the policy.
        plan: sample sizes.
        end_to_end: the check on a real store.
        processes: number of parallel processes.
        on_progress: called as the work advances.

    Raises:
        PolicyError: the mechanism cannot satisfy the policy.
    """
    started = time.monotonic()
    checks = [source_check(), *white_box(source.policy, plan, entropy)]
    # An embedded server ends with the thread that started it, so this check runs in this process.
    sections = run_checks([end_to_end], 1, on_progress)
    sections += run_checks(checks, processes, on_progress)
    return AuditReport(
        title="White box",
        claim=_claim(source),
        facts=(
            ("policy", source.policy.version),
            ("SHA-256 of the policy", source.policy.digest),
            ("program", f"Likewise {version('likewise')}, Python {platform.python_version()}"),
            ("machine", f"{platform.machine()}, {os.cpu_count()} cores, {processes} processes"),
            ("sampled", plan.first.facts()),
        ),
        made_at=format_timestamp(clock_ms()),
        seconds=round(time.monotonic() - started, 1),
        sections=tuple(sections),
    )


def _claim(source: PolicySource) -> str:
    """Returns the claim, kind by kind."""
    kinds = []
    for label, stated in guarantee(source.policy)["kinds"].items():
        epsilons = " and ".join(
            f"ε = {pair['epsilon']} at δ = {pair['delta']:g}" for pair in stated["epsilon"]
        )
        kinds.append(f"{label}: ρ = {stated['rho']:g}, hence {epsilons}")
    return (
        "The loss of one engagement (one account's whole relation of one kind to one target) over all "
        f"statistics and all epochs together is bounded ({'; '.join(kinds)}), and no measured number (a "
        f"total, a cell, removals) about fewer than {source.policy.k} accounts is ever published."
    )
