"""The command line of a program: a failure becomes one sentence on stderr and an exit code."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final

import click

from privacy.errors import LikewiseError, PolicyError, StoreError

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


class ExitCode(IntEnum):
    """The exit codes, the same for every command."""

    OK = 0
    CHECK_FAILED = 1
    WRONG_USAGE = 2
    POLICY_ERROR = 3
    STORE_ERROR = 4


EXIT_CODES_HELP: Final = (
    "Exit codes: 0 done; 1 a check failed; 2 wrong usage or input; 3 the policy breaks a rule; "
    "4 the store is missing, unsafe or refuses."
)


def exit_code_of(error: LikewiseError) -> ExitCode:
    """Returns the exit code that an error ends the program with."""
    if isinstance(error, PolicyError):
        return ExitCode.POLICY_ERROR
    if isinstance(error, StoreError):
        return ExitCode.STORE_ERROR
    return ExitCode.WRONG_USAGE


def epilog(*examples: str, variables: Iterable[str] = ()) -> str:
    """Returns the end of a command's help: examples, environment variables and exit codes.

    Args:
        examples: command lines.
        variables: names of the environment variables that it reads; `likewise config` explains them.
    """
    parts = ["\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)]
    if names := ", ".join(variables):
        parts.append(f"Environment (see `likewise config`): {names}.")
    return "\n\n".join([*parts, EXIT_CODES_HELP])


def run_command(command: click.Command, arguments: Sequence[str], name: str) -> int:
    """Runs a command to its end.

    Args:
        command: the command or group.
        arguments: its arguments.
        name: how the user called it, for usage messages.

    Returns:
        The exit code. An error that Likewise raises on purpose is one readable line on stderr.
    """
    try:
        status = command.main(list(arguments), prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.WRONG_USAGE
    except click.Abort:
        return _INTERRUPTED
    except LikewiseError as error:
        click.echo(f"likewise: {error}", err=True)
        return exit_code_of(error)
    return status if isinstance(status, int) else ExitCode.OK
