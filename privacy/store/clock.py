"""The clock of a store: its server's, believed for as long as nothing contradicts it.

Whatever a process decides by time, it decides by the clock of the store's server. A clock may leap, and what
is sealed, swept or refused because of a leap is lost. So each reading is compared with two others:

- the wall clock of the process that reads it;
- the *anchor*: an earlier reading that was believed, with the uptime of the machine then. Between two
  readings of one boot, the uptime tells how much time has passed, whatever was done to a wall clock.

The latest anchor is kept in the store, where a process that starts finds it. If the machine was booted since,
nothing tells how long it was off: a short gap is believed, and a longer one waits for an operator, as a leap
does. Until then there is no time, and a process that asks for it does nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self, cast

import msgspec
from redis import Redis

from privacy.errors import ClockError, StoreBusyError, StoreError, StoreLostError
from privacy.model.timestamp import Clock, format_timestamp
from privacy.store.connect import translated
from privacy.store.keys import CLOCK_ANCHOR
from privacy.store.script import Script, ScriptCall

_REPLACE_ANCHOR: Final = Script.from_package("privacy.store", "replace_anchor.lua")

MAX_DEVIATION_MS: Final = 60_000
"""How far two clocks may be apart."""
MAX_GAP_MS: Final = 900_000
"""How long all machines may have been off without an operator's word: less than two time zones are apart."""
MAX_DRIFT: Final = 1_000
"""A clock gains or loses at most the thousandth part of what passes, while it is slewed too."""
MAX_AGE_MS: Final = 1_000
"""How long a leap may go unnoticed by a process that looks at the clock too often to ask each time."""
MOVE_EVERY_MS: Final = 60_000
STORE_EVERY_MS: Final = MOVE_EVERY_MS + MAX_DEVIATION_MS
"""How far the time may be past the stored anchor before it is stored again, which costs an fsync."""


class Uptime(NamedTuple):
    """For how long a machine has been up.

    Args:
        boot: names the start of the machine. Readings of one boot can be compared, also between processes.
        ms: time since then, sleep included.
    """

    boot: str
    ms: int


class Anchor(msgspec.Struct, frozen=True):
    """A reading of the store's clock that was believed.

    Args:
        store_ms: the time, in ms since 1970 UTC.
        boot: names the boot of the machine that read it.
        uptime_ms: uptime of that machine.
        accepted_ms: when an operator last accepted a time, by that time; 0 for never.
    """

    store_ms: int
    boot: str
    uptime_ms: int
    accepted_ms: int = 0

    @classmethod
    def decode(cls, stored: bytes | None) -> Self | None:
        """Returns the anchor that is kept in a store; None if there is none.

        Raises:
            StoreError: it is damaged.
        """
        try:
            return msgspec.json.decode(stored, type=cls) if stored else None
        except msgspec.MsgspecError as error:
            raise StoreError(f"{CLOCK_ANCHOR} is damaged: run `likewise store accept-clock`") from error

    def find_leap_ms(self, store_ms: int, uptime: Uptime) -> int:
        """Returns how far a reading is ahead of what can be after this one.

        Negative if it is behind; 0 if it is as expected.
        """
        elapsed_ms = self._elapsed_ms(uptime)
        gap_ms, drift_ms = (MAX_GAP_MS, 0) if elapsed_ms is None else (0, elapsed_ms // MAX_DRIFT)
        ahead_ms = store_ms - self.store_ms - (elapsed_ms or 0)
        margin_ms = MAX_DEVIATION_MS + drift_ms
        return 0 if -margin_ms <= ahead_ms <= gap_ms + margin_ms else ahead_ms

    def move(self, store_ms: int, uptime: Uptime) -> Self:
        """Returns the anchor after a later reading that was believed.

        It moves by the time that has passed and by a drift, not by leaps that were small enough: those would
        add up.
        """
        elapsed_ms = self._elapsed_ms(uptime)
        if elapsed_ms is not None:
            store_ms = min(store_ms, self.store_ms + elapsed_ms + elapsed_ms // MAX_DRIFT)
        return msgspec.structs.replace(self, store_ms=store_ms, boot=uptime.boot, uptime_ms=uptime.ms)

    def replaces(self, own: Self) -> bool:
        """Returns whether this anchor of a store counts in place of a process's own one.

        It does after an operator has accepted a time, and if another process of the machine moved it later.
        """
        is_later = self.boot == own.boot and self.uptime_ms > own.uptime_ms
        return self.accepted_ms != own.accepted_ms or is_later

    def is_due(self, uptime: Uptime) -> bool:
        """Returns whether the anchor should move."""
        elapsed_ms = self._elapsed_ms(uptime)
        return elapsed_ms is None or elapsed_ms >= MOVE_EVERY_MS

    def _elapsed_ms(self, uptime: Uptime) -> int | None:
        """Returns the time since this reading; None if it is of another boot."""
        return max(0, uptime.ms - self.uptime_ms) if uptime.boot == self.boot else None


def read_anchor_ms(client: Redis) -> int:
    """Returns the latest time that was believed in a store, in ms since 1970 UTC; 0 if there is none.

    Raises:
        StoreError: the anchor is damaged.
        StoreBusyError: the store did not answer.
    """
    with translated():
        stored = client.get(CLOCK_ANCHOR)
    anchor = Anchor.decode(cast("bytes | None", stored))
    return anchor.store_ms if anchor else 0


class Acceptance(NamedTuple):
    """A time that an operator has accepted.

    Args:
        before_ms: the time that was believed last; None if there is none.
        now_ms: the time that is believed now.
    """

    before_ms: int | None
    now_ms: int


class _Reading(NamedTuple):
    store_ms: int
    uptime: Uptime


@dataclass
class StoreClock:
    """Returns the time of a store, as long as it is believed; a `privacy.model.timestamp.Clock`.

    Args:
        client: connection whose ACL user may ask for the time, and get and set the anchor.
        wall_clock: of this process, in ms since 1970 UTC.
        uptime: of this machine.
        max_age_ms: how long a reading is continued by the uptime; with 0, the server is asked each time.
        has_anchor: false for a process that may not see the anchor: it compares the wall clock alone.
    """

    client: Redis
    wall_clock: Clock
    uptime: Callable[[], Uptime]
    max_age_ms: int = 0
    has_anchor: bool = True
    _latest: _Reading | None = field(default=None, init=False)
    _anchor: Anchor | None = field(default=None, init=False)

    def __call__(self) -> int:
        """Returns the time, in ms since 1970 UTC.

        Raises:
            ClockError: two clocks contradict each other: nothing may be decided by time.
            StoreLostError: the anchor that this process knows is gone.
            StoreError: the anchor in the store is damaged.
            StoreBusyError: the store did not answer.
        """
        uptime, latest = self.uptime(), self._latest
        if latest and 0 <= (age_ms := uptime.ms - latest.uptime.ms) < self.max_age_ms:
            self._compare_wall_clock(latest.store_ms + age_ms)
            return latest.store_ms + age_ms
        now_ms, stored = self._ask()
        self._compare_wall_clock(now_ms)
        if self.has_anchor:
            self._compare_anchor(_Reading(now_ms, uptime), stored)
        self._latest = _Reading(now_ms, uptime)
        return now_ms

    def accept(self) -> Acceptance:
        """Makes all processes believe the store's clock as it is now.

        Raises:
            ClockError: the clock of this process contradicts it.
            StoreBusyError: the store did not confirm, or another process has stored a time just now.
        """
        uptime = self.uptime()
        now_ms, stored = self._ask()
        self._compare_wall_clock(now_ms)
        before = None
        with suppress(StoreError):
            before = Anchor.decode(stored)
        if not self._replace(stored, Anchor(now_ms, uptime.boot, uptime.ms, accepted_ms=now_ms)):
            raise StoreBusyError(
                "another process has stored a time just now: nothing was accepted; do it again"
            )
        return Acceptance(before.store_ms if before else None, now_ms)

    def _ask(self) -> tuple[int, bytes | None]:
        """Returns the server's time, and the anchor as it is stored."""
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            pipeline.time()
            if self.has_anchor:
                pipeline.get(CLOCK_ANCHOR)
            (seconds, microseconds), *stored = pipeline.execute()
        return seconds * 1000 + microseconds // 1000, stored[0] if stored else None

    def _compare_wall_clock(self, store_ms: int) -> None:
        skew_ms = self.wall_clock() - store_ms
        if abs(skew_ms) > MAX_DEVIATION_MS:
            raise ClockError(
                f"the clock of this process is {_format_span(skew_ms)} "
                f"{'ahead of' if skew_ms > 0 else 'behind'} the store's: set the wrong one right; until then "
                "this process does nothing"
            )

    def _compare_anchor(self, reading: _Reading, found: bytes | None) -> None:
        """Compares a reading with the process's own anchor, or with the stored one if that is better."""
        stored, anchor = Anchor.decode(found), self._anchor
        if anchor and stored is None:
            raise StoreLostError(f"the store has lost its data: {CLOCK_ANCHOR} is gone; nothing was written")
        if anchor is None or (stored and stored.replaces(anchor)):
            anchor = stored or Anchor(reading.store_ms, *reading.uptime)
        if leap_ms := anchor.find_leap_ms(*reading):
            raise ClockError(
                f"the store's clock says {_format_second(reading.store_ms)}, {_format_span(leap_ms)} "
                f"{'later' if leap_ms > 0 else 'earlier'} than expected: it was last believed at "
                f"{_format_second(anchor.store_ms)}. If it is right, run `likewise store accept-clock`; if "
                "not, set it right. Until then nothing is taken in, released or deleted"
            )
        if anchor is not self._anchor or anchor.is_due(reading.uptime):
            self._anchor = anchor = anchor.move(*reading)
        if stored is None or reading.store_ms - stored.store_ms >= STORE_EVERY_MS:
            # If another process was faster, the next reading is compared with what that has stored.
            self._replace(found, anchor)

    def _replace(self, found: bytes | None, anchor: Anchor) -> bool:
        """Stores an anchor, unless the one that was found has been replaced since; returns whether it did.

        So a process that stands still after reading takes no operator's word back.
        """
        call = ScriptCall([CLOCK_ANCHOR], [found or b"", msgspec.json.encode(anchor)])
        with translated():
            return bool(_REPLACE_ANCHOR.run(self.client, call))


def _format_span(span_ms: int) -> str:
    return f"{abs(span_ms) // 1000:,} s"


def _format_second(moment_ms: int) -> str:
    return format_timestamp(moment_ms // 1000 * 1000)
