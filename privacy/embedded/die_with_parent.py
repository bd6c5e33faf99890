"""Turn into another program that ends when the process that started it ends. Run as a script, never imported.

    python -I -S die_with_parent.py <pid of the starter> <program> [argument ...]

The kernel sends SIGTERM when the *thread* that started this script ends (Linux `prctl(2)`, PR_SET_PDEATHSIG),
and keeps that promise over `exec`. Doing it in a small program of its own, instead of a `preexec_fn`, runs no
Python between fork and exec: that can deadlock a process which has threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(starter: int, command: list[str]) -> None:
    """Make the promise, then become `command`."""
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise SystemExit("the kernel refuses PR_SET_PDEATHSIG")
    if os.getppid() != starter:  # it ended before the promise was made
        raise SystemExit("the process that wanted this program has ended")
    os.execv(command[0], command)  # noqa: S606 - becoming that program, without a shell, is the purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
