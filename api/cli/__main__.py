"""The program `likewise`, also `python -m api.cli`.

Imports next to nothing before it can be interrupted: Ctrl-C while Python loads the rest ends it in silence.
"""

import gc
import signal
import sys
from contextlib import suppress

from api.http.standard_streams import require_output


def main() -> None:
    """Runs the command line and exits."""
    require_output()
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


if __name__ == "__main__":
    main()
