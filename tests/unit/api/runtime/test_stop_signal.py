"""How programs learn that they are to end."""

import os
import signal

import pytest

from api.runtime.stop_signal import stop_on_signal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_rest_and_stays_asked(number: signal.Signals) -> None:
    """A program that rests is woken by the signal, and every later rest is over at once."""
    with stop_on_signal() as stop:
        assert not stop.wait(0)
        os.kill(os.getpid(), number)
        assert stop.wait(60)
        assert stop.wait(60)


def test_the_handlers_are_put_back() -> None:
    """After the block signals do what they did before."""
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signal():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
