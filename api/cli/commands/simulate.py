"""`likewise simulate`: sends the traffic of a simulated platform to a platform plane, in real time."""

from pathlib import Path

import click
from rich.table import Table

from api.cli.console import echo, progress, show, show_json
from api.cli.options import json_option, policy_option
from api.cli.parameters import TEXT
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
from privacy.store.settings import PLATFORM_KEY, STAFF_KEY

PACE = PollInterval(idle_seconds=1.0, first_back_off_seconds=1.0, max_back_off_seconds=10.0)


@click.command(
    epilog=epilog(
        "likewise simulate --platform-url http://127.0.0.1:8081",
        "likewise simulate --platform-url http://127.0.0.1:8081 --key K --rate 200 --seconds 60 --json",
        "likewise up --simulate     runs a whole system with a simulated history and live traffic",
    )
)
@click.option("--platform-url", required=True, type=TEXT, help="Address of the platform plane.")
@click.option(
    "--key",
    envvar=PLATFORM_KEY.name,
    show_envvar=True,
    required=True,
    help="API key with the scope `ingest`; other users of this machine see it if it is given here.",
)
@click.option(
    "--staff-key",
    envvar=STAFF_KEY.name,
    show_envvar=True,
    help="API key with the scope `moderate`, for simulated staff who purge bots; no purges without it.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    show_default=True,
    help="Random seed; the same seed gives the same platform.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.01, 10_000),
    default=50,
    show_default=True,
    help="Average likes per second.",
)
@click.option("--opened-at", type=TEXT, help="Opening time of the platform; four weeks ago if not given.")
@click.option("--seconds", type=click.FloatRange(0), help="Stop after this number of seconds.")
@policy_option
@json_option
def command(  # noqa: PLR0913 - one argument per option
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
    """Simulate a platform in real time over HTTP, until SIGTERM.

    A few videos get most of the likes, more by day than by night, and each appeals to different accounts.
    Some likes are withdrawn. Some are bought, and the bots behind them are purged half an hour later. Some
    come from children and from private accounts. The same seed gives the same platform.
    """
    platform = SimulatedPlatform(read_policy(policy_file).policy, seed, _opened_at_ms(opened_at))
    client = PlatformClient(platform_url, key)
    end_ms = None if seconds is None else clock_ms() + 1000 * seconds
    with stop_on_signal() as stop, progress(quiet=as_json) as bars:
        task = bars.add_task("events", total=None)
        staff = (
            LiveStaff(platform, PlatformClient(platform_url, staff_key), clock_ms()) if staff_key else None
        )
        live = LivePlatform(platform, client, rate, clock_ms, lambda count: bars.advance(task, count), staff)

        def wait(rest_seconds: float) -> bool:
            return stop.wait(rest_seconds) or (end_ms is not None and clock_ms() >= end_ms)

        poll(live.step, wait, PACE, lambda error, rest: echo(f"simulate: {error}; retrying in {rest:.0f} s"))
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
