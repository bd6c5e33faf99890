"""An entropy source that keeps what was read from it, so that the audit can read the same bytes again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from privacy.mechanism.entropy import EntropySource


class ReplayError(ValueError):
    """The program read its entropy in another way than the algorithm does."""


@dataclass(frozen=True)
class EntropyReplay:
    """Recorded bytes, to be read a second time.

    Args:
        reads: the recorded reads that are left.
    """

    reads: Iterator[bytes]

    def __call__(self, size: int) -> bytes:
        """Returns the next read.

        Raises:
            ReplayError: the program read another number of bytes at this point.
        """
        if not size:
            return b""
        read = next(self.reads, b"")
        if len(read) != size:
            raise ReplayError(f"the program read {len(read)} bytes where the algorithm reads {size}")
        return read

    def finish(self) -> None:
        """Checks that nothing is left.

        Raises:
            ReplayError: the program read more than the algorithm does.
        """
        more = sum(map(len, self.reads))
        if more:
            raise ReplayError(f"the program read {more} bytes more than the algorithm does")


@dataclass
class RecordedEntropy:
    """Passes entropy on and keeps it.

    Args:
        source: where the bytes come from.
    """

    source: EntropySource
    _reads: list[bytes] = field(default_factory=list, init=False)

    def __call__(self, size: int) -> bytes:
        """Returns bytes of the source."""
        read = self.source(size)
        if read:
            self._reads.append(read)
        return read

    @property
    def size(self) -> int:
        """Number of bytes that are recorded."""
        return sum(map(len, self._reads))

    def replay(self) -> EntropyReplay:
        """Returns what is recorded, and starts a new recording."""
        reads, self._reads = self._reads, []
        return EntropyReplay(iter(reads))
