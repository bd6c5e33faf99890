"""The release process draws from `os.urandom`, and the audit notices another source."""

import os
import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from api.audit.entropy_source import source_check
from api.http import system
from api.runtime import release
from privacy.audit.check import ignore_progress
from privacy.audit.runner import run_checks


def failed(monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]) -> bool:
    """Return whether the audit fails while the release process draws from this source."""
    monkeypatch.setattr(release, "entropy", source)
    (section,) = run_checks([source_check()], 1, ignore_progress)
    return not section.passed


def buffered() -> Callable[[int], bytes]:
    """Return a source that reads ahead."""
    buffer = bytearray()

    def source(count: int) -> bytes:
        if len(buffer) < count:
            buffer.extend(os.urandom(2 * count))
        read = bytes(buffer[:count])
        del buffer[:count]
        return read

    return source


def test_the_systems_source_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It returns what `os.urandom` returned (certain)."""
    assert not failed(monkeypatch, system.entropy)


@pytest.mark.parametrize(
    "source",
    [
        random.Random(os.getpid()).randbytes,
        lambda count: bytes(byte ^ 1 for byte in os.urandom(count)),
        lambda count: os.urandom(count + 1)[:-1],
        lambda count: os.urandom(count)[: min(count, 1_000)],
        buffered(),
    ],
    ids=["process id", "altered", "cut", "short", "buffered"],
)
def test_another_source_fails(monkeypatch: pytest.MonkeyPatch, source: Callable[[int], bytes]) -> None:
    """So does one that does something to the operating system's bytes, or keeps some."""
    assert failed(monkeypatch, source)


def test_another_urandom_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function in the place of the built-in one is noticed, although the source calls it."""
    monkeypatch.setattr(os, "urandom", random.Random(1).randbytes)
    assert failed(monkeypatch, system.entropy)


def test_the_release_process_hands_the_systems_source_to_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run_release` is run up to the call that makes them."""
    handed: list[Any] = []

    def make(_: Any, __: Any, ___: Any, source: Any, ____: Any) -> Sequence[Any]:
        handed.append(source)
        raise InterruptedError

    settings = SimpleNamespace(store=None, rollback_guard_dir=None)
    header = SimpleNamespace(store_id="", greet=None)
    monkeypatch.setattr(release, "require_healthy_store", lambda *_: header)
    for name in ("ErasureLog", "StoreClock", "connect"):
        monkeypatch.setattr(release, name, lambda *_, **__: None)
    monkeypatch.setattr(release, "make_release_workers", make)
    with pytest.raises(InterruptedError):
        release.run_release(settings)  # type: ignore[arg-type]  # all that it reads
    assert handed == [system.entropy]
