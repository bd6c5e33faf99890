"""Takes SIGTERM in a thread that waits for nothing else."""

import signal
from collections.abc import Callable
from threading import Thread


def call_at_sigterm(act: Callable[[], None]) -> None:
    """Lets a thread wait for SIGTERM, and call a function then, once.

    Python runs handlers in the main thread only. A signal that arrives just before that thread waits stays
    unseen until something else wakes it: a server that is stopped in its first moments on a busy machine
    would take requests until it is killed, and cut them off.

    Args:
        act: what to do, in that thread.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # inherited by all threads from here on

    def wait() -> None:
        signal.sigwait({signal.SIGTERM})
        act()

    Thread(target=wait, daemon=True).start()
