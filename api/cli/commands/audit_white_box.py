"""`likewise audit white-box`: measures the release code under a policy."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from api.audit.end_to_end import rehearsal_check
from api.cli.console import SectionBars, progress
from api.cli.options import json_option, policy_option
from api.cli.report_text import deliver_report
from api.http.command import ExitCode, epilog
from api.http.system import clock_ms, entropy
from api.runtime.policy_source import PolicySource, read_policy
from privacy.audit.check import Check
from privacy.audit.progress import ProgressCallback
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
@click.option("--quick", is_flag=True, help="Within a minute: gross mistakes only.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the report as one HTML file, to be handed on and printed.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=PROCESSES,
    show_default=True,
    help="How many run at once.",
)
@click.option("--wall", is_flag=True, help="Show the wall of the audit's own store, too.")
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
    """Measure the release code under a policy, against what the policy claims; needs no deployment.

    Noise, margins, ε and cost are worked out again; lower bounds on ε are measured for single streams and
    whole releases; every published number is derived again from the measurements; and a story is told to a
    store of the audit's own. Takes up to a quarter of an hour on two cores. Ends with 1 if anything does not
    hold.
    """
    source = read_policy(policy_file)
    plan = QUICK_PLAN if quick else DEFAULT_PLAN
    with progress(quiet=as_json) as bars:
        rehearsal = rehearsal_check(source, entropy, QUICK_READS if quick else READS, wall=wall)
        report = audit(source, plan, rehearsal, processes, SectionBars(bars))
    return deliver_report(report, as_json=as_json, report_file=report_file)


def audit(
    source: PolicySource, plan: Plan, rehearsal: Check, processes: int, told: ProgressCallback
) -> AuditReport:
    """Run the white box.

    Args:
        source: the policy.
        plan: how much is sampled.
        rehearsal: the check on a real store.
        processes: how many run at once.
        told: about the progress.

    Raises:
        PolicyError: the policy asks for what the mechanism cannot give.
    """
    started = time.monotonic()
    checks = white_box(source.policy, plan, entropy)
    # An embedded server ends with the thread that started it, so the rehearsal stays in this one.
    sections = run_checks([rehearsal], 1, told)
    sections += run_checks(checks, processes, told)
    return AuditReport(
        title="white box",
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
    """What is claimed, kind by kind."""
    kinds = []
    for label, stated in guarantee(source.policy)["kinds"].items():
        epsilons = " and ".join(
            f"ε = {pair['epsilon']} at δ = {pair['delta']:g}" for pair in stated["epsilon"]
        )
        kinds.append(f"{label}: ρ = {stated['rho']:g}, hence {epsilons}")
    return (
        "For everything about one engagement, over all statistics and all epochs together "
        f"({'; '.join(kinds)}); and no measured number about fewer than {source.policy.k} accounts is ever "
        "shown."
    )
