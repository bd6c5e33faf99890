"""The command line of a program: every failure becomes one sentence on stderr and an exit code, here."""

import errno
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from io import StringIO
from pathlib import Path
from typing import Final, NamedTuple

import click

from api.http.terminal import accept_any_text, echo, flush_output, make_line, silence_broken_streams
from privacy.errors import LikewiseError, PolicyError, StoreError, UnwritableError

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
_READER_LEFT: Final = 141  # 128 + SIGPIPE, likewise
_ROOT: Final = Path(__file__).parents[2]


class ExitCode(IntEnum):
    """The exit codes, the same for every command."""

    OK = 0
    CHECK_FAILED = 1
    WRONG_USAGE = 2
    POLICY_ERROR = 3
    STORE_ERROR = 4
    MACHINE_ERROR = 5
    DEFECT = 70


EXIT_CODES_HELP: Final = (
    "Exit codes: 0 done; 1 a check failed; 2 wrong usage or input; 3 the policy breaks a rule; "
    "4 the store or the platform plane is missing, unsafe or refuses; 5 this machine refuses: no room, no "
    "rights; 70 a defect of Likewise; 130 interrupted; 141 the reader of the output left."
)


class Failure(NamedTuple):
    """How a command's failure is reported.

    Args:
        sentence: for stderr; empty if there is nothing to say.
        exit_code: what the program ends with.
    """

    sentence: str
    exit_code: int


_FAILURES: Final[Mapping[type[BaseException], Failure]] = {
    KeyboardInterrupt: Failure("", _INTERRUPTED),
    UnicodeEncodeError: Failure("an argument is not UTF-8; expected text in UTF-8.", ExitCode.WRONG_USAGE),
    RecursionError: Failure("the input is nested too deeply; expected a few levels.", ExitCode.WRONG_USAGE),
    EOFError: Failure("the input ends early; expected a whole one.", ExitCode.WRONG_USAGE),
    MemoryError: Failure("this machine has not enough memory for that.", ExitCode.MACHINE_ERROR),
}


def exit_code_of(error: LikewiseError) -> ExitCode:
    """Returns the exit code that an error ends the program with."""
    if isinstance(error, PolicyError):
        return ExitCode.POLICY_ERROR
    if isinstance(error, UnwritableError):
        return ExitCode.MACHINE_ERROR
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
        The exit code. A failure of any kind is one readable line on stderr.
    """
    accept_any_text()
    streams = sys.stdout, sys.stderr
    try:
        status = command.main(list(arguments), prog_name=name, standalone_mode=False)
        flush_output()
    except click.ClickException as error:
        shown = StringIO()
        error.show(shown)
        echo(shown.getvalue().rstrip("\n"))
        status = ExitCode.WRONG_USAGE
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - the one place where all of them end
        # Where the reader left, click exits with other streams in place, and rich while it handles the error.
        has_reader = (sys.stdout, sys.stderr) == streams
        failure = describe_failure(error if has_reader else BrokenPipeError(errno.EPIPE, ""))
        if failure.sentence:
            echo(f"likewise: {make_line(failure.sentence)}")
        status = failure.exit_code
    sys.stdout, sys.stderr = streams  # click leaves others there when the reader left
    silence_broken_streams()
    return status if isinstance(status, int) else ExitCode.OK


def describe_failure(error: BaseException) -> Failure:
    """Returns the sentence and the exit code of whatever ended a command.

    Only what Likewise or the operating system wrote is repeated: the text of any other exception may hold a
    key or the id of an account.
    """
    if isinstance(error, SystemExit | click.Abort):
        return _describe_ending(error)
    if isinstance(error, LikewiseError):
        return Failure(str(error), exit_code_of(error))
    if isinstance(error, OSError):
        return _describe_os_error(error)
    for kind, failure in _FAILURES.items():
        if isinstance(error, kind):
            return failure
    return Failure(f"a defect: {_locate(error)}. Please report this line.", ExitCode.DEFECT)


def _describe_ending(error: SystemExit | click.Abort) -> Failure:
    """Describes what click and rich make of an interrupt, an early end of input, or a reader that left."""
    if isinstance(error, click.Abort):
        cause = error.__cause__
        return describe_failure(cause) if isinstance(cause, EOFError) else Failure("", _INTERRUPTED)
    if isinstance(error.__context__, BrokenPipeError):
        return Failure("", _READER_LEFT)
    if isinstance(error.code, str):
        return Failure(error.code, ExitCode.MACHINE_ERROR)
    return Failure("", error.code or ExitCode.OK)


def _describe_os_error(error: OSError) -> Failure:
    if error.errno == errno.EPIPE:
        return Failure("", _READER_LEFT)
    fault = f"cannot use {error.filename}" if isinstance(error.filename, str) else "cannot write the output"
    return Failure(f"{fault}: {error.strerror or type(error).__name__}.", ExitCode.MACHINE_ERROR)


def _locate(error: BaseException) -> str:
    """Returns the type of an error, and the last of our lines that it passed."""
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(_ROOT) and "site-packages" not in frame.filename
    ]
    place = f" in {Path(ours[-1].filename).relative_to(_ROOT)}, line {ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{place}"
