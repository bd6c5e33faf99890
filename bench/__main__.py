"""`python -m bench [name …]`: measures Likewise next to ceilings and peers in the same run.

Exits with 1 if a bar is missed.
"""

import os
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from api.cli.parameters import OutputFile
from bench.figure import Bench, Figure
from bench.machine import Machine
from bench.report import Report

BENCHES: Final = (
    "ingest",
    "history",
    "reads",
    "release",
    "memory",
    "sampler",
    "accuracy",
    "reach",
    "purge",
    "erasure",
    "siege",
    "detection",
)
CORES: Final = 2
"""The bars apply to two cores, including the load generator; other cores stay idle."""
RESULTS: Final = Path(__file__).with_name("results")
_FILE_COLUMNS: Final = 150


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BENCHES))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--output", type=OutputFile(), help="File for the JSON results.")
def main(names: tuple[str, ...], *, as_json: bool, output: Path | None) -> None:
    """Run the benchmarks named NAME, or all of them."""
    errors = Console(stderr=True)
    started_at = datetime.now(UTC).replace(microsecond=0)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    machine = Machine.current()
    figures: dict[str, list[Figure]] = {}
    for name in names or BENCHES:
        errors.print(f"[bold]{name}[/]")
        bench: Bench = getattr(import_module(f"bench.{name}"), name)
        figures[name] = list(bench(lambda text: errors.print(f"  {text}", highlight=False)))
    report = Report(started_at.isoformat(), machine, Machine.current().load, figures)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = output or RESULTS / f"{started_at:%Y%m%dT%H%M%SZ}.json"
    path.write_text(report.json(), encoding="utf-8")
    if as_json:
        click.echo(report.json(), nl=False)
    else:
        Console(width=None if sys.stdout.isatty() else _FILE_COLUMNS).print(report.table())
    errors.print(f"Results written to {path}", highlight=False)
    sys.exit(0 if report.passed else 1)


if __name__ == "__main__":
    main()
