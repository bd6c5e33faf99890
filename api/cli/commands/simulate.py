"""`likewise simulate`: plays a plausible platform against a platform plane, in real time."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from api.cli.console import echo, progress, show, show_json
from api.cli.options import json_option, policy_option
from api.http.command import epilog
from api.http.system import clock_ms
from api.runtime.platform_client import PlatformClient
from api.runtime.policy_source import read_policy
from api.runtime.poll import PollInterval, poll
from api.runtime.stop_signal import stop_on_signal
from api.simulation.live import LivePlatform
from api.simulation.live_staff import LiveStaff
from api.simulation.platform import SimulatedPlatform, opening_ms
from privacy.errors import InvalidInputError
from privacy.model.timestamp import parse_timestamp_ms

PACE = PollInterval(idle_seconds=1.0, first_back_off_seconds=1.0, longest_back_off_seconds=10.0)


@click.command(
    epilog=epilog(
        "LIKEWISE_PLATFORM_KEY=lw_platform_… likewise simulate --platform-url http://127.0.0.1:8081",
        "likewise simulate --platform-url http://127.0.0.1:8081 --key K --rate 200 --seconds 60 --json",
        "likewise up --simulate     plays it by itself, with a history",
    )
)
@click.option("--platform-url", required=True, help="Address of the platform plane.")
@click.option(
    "--key",
    envvar="LIKEWISE_PLATFORM_KEY",
    required=True,
    help="API key with the scope ingest. Others on this machine see it here, not in LIKEWISE_PLATFORM_KEY.",
)
@click.option(
    "--staff-key",
    envvar="LIKEWISE_STAFF_KEY",
    help="API key with the scope moderate, for staff who purge bots; without it nobody does.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="Which platform it is."
)
@click.option(
    "--rate",
    type=click.FloatRange(0.01, 10_000),
    default=50,
    show_default=True,
    help="Likes a second, on average.",
)
@click.option("--opened-at", help="When the platform opened; four weeks ago if not given.")
@click.option("--seconds", type=click.FloatRange(0), help="Stop after so long.")
@policy_option
@json_option
def command(  # noqa: PLR0913 - the options of the verb
    platform_url: str,
    key: str,
    staff_key: str | None,
    seed: int,
    rate: float,
    opened_at: str | None,
    seconds: float | None,
    policy_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Play a plausible platform in real time over HTTP, until SIGTERM.

    Some videos are watched by many and most by few, by day more than by night, by different people each;
    some likes are taken back, some are bought, and their bots are purged half an hour later; some come from
    children and from private accounts. The same seed is the same platform.
    """
    world = SimulatedPlatform(read_policy(policy_file).policy, seed, _opened_at_ms(opened_at))
    client = PlatformClient(platform_url, key)
    end_ms = None if seconds is None else clock_ms() + 1000 * seconds
    with stop_on_signal() as stop, progress(quiet=as_json) as bars:
        task = bars.add_task("events", total=None)
        staff = LiveStaff(world, PlatformClient(platform_url, staff_key), clock_ms()) if staff_key else None
        live = LivePlatform(world, client, rate, clock_ms, lambda count: bars.advance(task, count), staff)

        def wait(rest_seconds: float) -> bool:
            return stop.wait(rest_seconds) or (end_ms is not None and clock_ms() >= end_ms)

        poll(live.step, wait, PACE, lambda error, rest: echo(f"simulate: {error}; again in {rest:.0f} s"))
    if as_json:
        show_json({"verdicts": dict(live.verdicts)})
    else:
        table = Table("verdict", "events")
        for verdict, count in live.verdicts.items():
            table.add_row(verdict, f"{count:,}")
        show(table)


def _opened_at_ms(text: str | None) -> int:
    if text is None:
        return opening_ms(clock_ms())
    try:
        return parse_timestamp_ms(text)
    except ValueError as error:
        fault, _, rule = str(error).partition("; ")
        raise InvalidInputError("--opened-at", fault, rule) from error
