"""The error family of Likewise: every error that it raises on purpose.

Code raises these; at the HTTP edge one table (`api.http.problems`) turns them into problem documents. Any
other exception that escapes is a defect and becomes a plain 500 without detail.
"""

from collections.abc import Iterable


class LikewiseError(Exception):
    """Base class of every error that Likewise raises on purpose."""


class PolicyError(LikewiseError):
    """A policy value breaks a rule; the message names field, value and rule. The program stops."""


class StoreError(LikewiseError):
    """A Redis server is missing, too old, unsafe or refuses; the message says what to do."""


class UnwritableError(StoreError):
    """This machine does not let a file be written: no room, no rights, no such device."""


class LimitsError(StoreError):
    """This process was started under a policy whose limits are not in force; an operator starts it again."""


class StoreLostError(StoreError):
    """A store has lost its data, or is another one than this process started with. Nothing was written."""


class StoreBusyError(StoreError):
    """The store cannot answer now (down, slow, full). Nothing was acknowledged; the caller may try again."""


class ClockError(StoreBusyError):
    """Two clocks contradict each other, so there is no time to decide by. The message says what to do."""


class StoreLoadingError(StoreBusyError):
    """The store answers, and is still loading its data from the disk."""


class LateCommitError(StoreBusyError):
    """A commit came too late for the times from which its releases are visible; nothing is written."""


class SeriesRefusedError(StoreBusyError):
    """Some series of a commit are not as they were read, or not due. Others can be released without them.

    Args:
        shard: their target shard.
        numbers: of these series.
    """

    def __init__(self, shard: int, numbers: Iterable[int]) -> None:
        self.numbers = frozenset(numbers)
        listed = ", ".join(map(str, sorted(self.numbers)))
        super().__init__(
            f"target shard {shard} does not release series {listed}: what it holds of them is damaged. All "
            "others are released; restore the store from its newest backup"
        )


class InvalidInputError(LikewiseError):
    """Input from outside breaks a rule.

    Args:
        field: name of the offending field, as the sender writes it.
        message: continues a sentence that begins with the field: "is 0", "ends early".
        expected: describes a valid value: "at least 1".
        detail: the whole sentence, where the usual one does not read well.
    """

    def __init__(self, field: str, message: str, expected: str, *, detail: str | None = None) -> None:
        super().__init__(detail or f"`{field}` {message}; expected {expected}.")
        self.field = field
        self.message = message
        self.expected = expected


class ConflictError(LikewiseError):
    """The request contradicts what is already stored."""


class GoneError(LikewiseError):
    """The requested target was taken down; it may be restored.

    Args:
        what: says which target was taken down.
        reason: why it was taken down.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.reason = reason


class NotFoundError(LikewiseError):
    """The requested object does not exist, or not for this caller."""


class SignatureError(LikewiseError):
    """A signature is invalid or missing; the message continues a sentence that names its location."""
