"""`likewise`: the command line. Imports nothing that a verb needs before that verb is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click

from api.cli.exit_code import EXIT_CODES_HELP, ExitCode, exit_code_of
from api.cli.lazy_group import LazyCommand, LazyGroup
from privacy.errors import LikewiseError

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it

_VERBS: Final = {
    "up": LazyCommand("api.cli.commands.up", "Start the whole system on this machine."),
    "platform": LazyCommand(
        "api.cli.commands.platform", "Serve the platform plane: events and catalogue come in."
    ),
    "public": LazyCommand("api.cli.commands.public", "Serve the public plane: releases are read."),
    "relay": LazyCommand("api.cli.commands.relay", "Move changes from the vault to the tally."),
    "release": LazyCommand("api.cli.commands.release", "Measure and publish what is due."),
    "steward": LazyCommand("api.cli.commands.maintain", "Carry out jobs of staff, and let time pass."),
    "moderation": LazyCommand("api.cli.commands.moderation", "Ban accounts, purge bots, look at jobs."),
    "rights": LazyCommand(
        "api.cli.commands.rights", "Answer what people ask for: access, erasure, objection."
    ),
    "keys": LazyCommand(
        "api.cli.commands.keys", "Create, list and revoke API keys; rotate the pseudonym key."
    ),
    "policy": LazyCommand("api.cli.commands.policy", "Show and check the guarantee."),
    "ledger": LazyCommand("api.cli.commands.ledger", "Export and verify the signed ledger; rotate its key."),
    "audit": LazyCommand("api.cli.commands.audit", "Measure the privacy; what a reviewer runs."),
    "doctor": LazyCommand("api.cli.commands.doctor", "Check a deployment."),
    "replay": LazyCommand("api.cli.commands.replay", "Tell a recorded history through the real intake."),
    "simulate": LazyCommand(
        "api.cli.commands.simulate", "Play a plausible platform against a platform plane."
    ),
}

_HELP: Final = """Count the likes, never the likers.

Likewise takes every like of a video platform in and lets only numbers out that are k-anonymous and
differentially private.

\b
Examples:
  likewise up --simulate            a whole system with some weeks of history
  likewise policy show              what is guaranteed, in numbers
  likewise VERB --help              options and examples of a verb
"""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Returns:
        The exit code. What Likewise raises on purpose is one readable line on stderr.
    """
    group = LazyGroup(
        name="likewise",
        verbs=_VERBS,
        help=_HELP,
        epilog=EXIT_CODES_HELP,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    try:
        status = group.main(list(arguments), prog_name="likewise", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.WRONG_USAGE
    except click.Abort:
        return _INTERRUPTED
    except LikewiseError as error:
        click.echo(f"likewise: {error}", err=True)
        return exit_code_of(error)
    return status if isinstance(status, int) else ExitCode.OK
