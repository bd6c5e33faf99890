"""What the exit codes of `likewise` mean."""

from __future__ import annotations

from enum import IntEnum

from privacy.errors import LikewiseError, PolicyError, StoreError


class ExitCode(IntEnum):
    """The exit codes, the same for every verb."""

    OK = 0
    CHECK_FAILED = 1
    WRONG_USAGE = 2
    POLICY_ERROR = 3
    STORE_ERROR = 4


EXIT_CODES_HELP = (
    "Exit codes: 0 done; 1 a check failed; 2 wrong usage or input; 3 the policy breaks a rule; "
    "4 the store is missing, unsafe or refuses."
)


def exit_code_of(error: LikewiseError) -> ExitCode:
    """The exit code that an error ends the program with."""
    if isinstance(error, PolicyError):
        return ExitCode.POLICY_ERROR
    if isinstance(error, StoreError):
        return ExitCode.STORE_ERROR
    return ExitCode.WRONG_USAGE
