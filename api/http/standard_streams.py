"""Standard streams that are closed. Imports next to nothing: this comes first in a program."""

import os
import sys
from typing import Final

_MACHINE_ERROR: Final = 5
"""`ExitCode.MACHINE_ERROR`, whose module takes long to import."""


def require_output() -> None:
    """Ends the program if standard output is closed, before it does anything that no one would be told of.

    Other closed streams become the null device: the next file or socket would get what is written there.
    """
    has_output = sys.stdout is not None
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", errors="backslashreplace", closefd=False)
    if not has_output:
        os.write(2, b"likewise: cannot write the output: standard output is closed.\n")
        sys.exit(_MACHINE_ERROR)
