"""Takes SIGTERM in a thread that waits for nothing else."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


@contextmanager
def call_at_sigterm(act: Callable[[], None]) -> Iterator[None]:
    """Lets a thread wait for SIGTERM for the duration of the block, and call a function then, once.

    Python runs handlers in the main thread only. A signal that arrives just before that thread waits stays
    unseen until something else wakes it: a server that is stopped in its first moments on a busy machine
    would take requests until it is killed, and cut them off.

    Args:
        act: what to do, in that thread.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # threads inherit it
    is_over = Event()

    def wait() -> None:
        signal.sigwait({signal.SIGTERM})
        if not is_over.is_set():
            act()

    thread = Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        if thread.is_alive() and thread.ident:
            with suppress(ProcessLookupError):  # it may have ended meanwhile
                signal.pthread_kill(thread.ident, signal.SIGTERM)
        thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
