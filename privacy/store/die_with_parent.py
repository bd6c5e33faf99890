"""Ends a process together with the one that started it (Linux `prctl(2)`, PR_SET_PDEATHSIG).

As a script it turns into another program, which then ends with its starter:

    python -I -S die_with_parent.py <pid of the starter> <program> [argument ...]

The kernel sends the signal when the *thread* that started the process ends, and keeps that promise over
`exec`. A small program, instead of a `preexec_fn`, runs no Python between fork and exec: that can deadlock a
process which has threads. It imports the standard library only, because `-I -S` hides everything else.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, number: signal.Signals) -> None:
    """Has the kernel send this process a signal when its parent ends.

    Args:
        parent: process id of the parent.
        number: the signal.

    Raises:
        SystemExit: the kernel refuses, or the parent has ended already.
    """
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number) != 0:
        raise SystemExit("the kernel refuses PR_SET_PDEATHSIG")
    if os.getppid() != parent:  # it ended before the kernel was asked
        raise SystemExit("the parent of this process has ended")


def main(parent: int, command: list[str]) -> None:
    """Becomes `command`, which gets SIGTERM when the parent ends."""
    die_with_parent(parent, signal.SIGTERM)
    os.execv(command[0], command)  # noqa: S606 - becoming that program, without a shell, is the purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
