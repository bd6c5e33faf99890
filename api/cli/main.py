"""`likewise`: the command line. It imports a command's module only when that command is called."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import click

from api.cli.lazy_group import LazyCommand, LazyGroup
from api.http.command import EXIT_CODES_HELP, run_command
from api.http.terminal import write

_COMMANDS: Final = {
    "up": LazyCommand("api.cli.commands.up", "Start the whole system on this machine."),
    "init": LazyCommand("api.cli.commands.init", "Set a store up on Redis servers of your own."),
    "platform": LazyCommand("api.platform.__main__", "Serve the platform plane: ingest events and targets."),
    "public": LazyCommand("api.public.__main__", "Serve the public plane: read releases."),
    "relay": LazyCommand("api.cli.commands.relay", "Move changes from the vault to the tally."),
    "release": LazyCommand("api.cli.commands.release", "Measure, publish and sign releases that are due."),
    "maintain": LazyCommand("api.cli.commands.maintain", "Run staff jobs, expirations and retention sweeps."),
    "import": LazyCommand("api.cli.commands.import_history", "Import a platform's history of events."),
    "moderation": LazyCommand(
        "api.cli.commands.moderation", "Bans, purges, takedowns, resyncs, advisories, jobs, audit trail."
    ),
    "rights": LazyCommand(
        "api.cli.commands.rights", "Handle data-subject requests: access, erasure, objection."
    ),
    "keys": LazyCommand(
        "api.cli.commands.keys", "Create, list and revoke API keys; rotate the pseudonym key."
    ),
    "policy": LazyCommand("api.cli.commands.policy", "Show and check the guarantee."),
    "ledger": LazyCommand("api.cli.commands.ledger", "Export and verify the signed ledger; rotate its key."),
    "audit": LazyCommand("api.cli.commands.audit", "Audit the privacy guarantees."),
    "store": LazyCommand("api.cli.commands.store", "Check logs of servers; accept the clock after a leap."),
    "config": LazyCommand("api.cli.commands.config", "Print the settings."),
    "doctor": LazyCommand("api.cli.commands.doctor", "Check a deployment."),
    "replay": LazyCommand("api.cli.commands.replay", "Replay a recorded history through the real intake."),
    "simulate": LazyCommand(
        "api.cli.commands.simulate", "Simulate a platform that sends events to a platform plane."
    ),
}

_HELP: Final = """Count the likes, never the likers.

Likewise ingests every like on a video platform and publishes only k-anonymous and differentially private
counts.

\b
Examples:
  likewise up --simulate            a whole system with some weeks of history
  likewise policy show              what is guaranteed, in numbers
  likewise COMMAND --help           options and examples of a command
  likewise --version
"""


def create_group() -> LazyGroup:
    """Creates the command line's group of commands; a command is imported when it is called."""
    return LazyGroup(
        name="likewise",
        commands=_COMMANDS,
        help=_HELP,
        epilog=EXIT_CODES_HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_show_version,
                help="Print the version and exit.",
            )
        ],
    )


def _show_version(context: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if not is_asked:
        return
    try:
        number = version("likewise")
    except PackageNotFoundError:
        number = "not installed"
    write(f"likewise {number}")
    context.exit()


def run(arguments: Sequence[str]) -> int:
    """Runs the command line; see `run_command`."""
    return run_command(create_group(), arguments, "likewise")
