"""The program `likewise`, also `python -m api.cli`.

Imports next to nothing before it can be interrupted: Ctrl-C while Python loads the rest ends it in silence.
"""

import gc
import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Runs the command line and exits."""
    has_output = sys.stdout is not None
    _fill_standard_streams()
    if not has_output:
        os.write(2, b"likewise: cannot write the output: standard output is closed.\n")
        sys.exit(5)  # as where its disk is full: before anything is done that no one would be told of
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from api.cli.main import run  # noqa: PLC0415 - what takes long comes after the signal

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = 130  # 128 + SIGINT, as shells have it
    with suppress(KeyboardInterrupt):
        status = run(sys.argv[1:])
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Otherwise the interpreter ends with a search for cycles in all modules, for a third of a second.
    gc.freeze()
    sys.exit(status)


def _fill_standard_streams() -> None:
    """Opens the null device where a standard stream is closed; the next file would get its output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
