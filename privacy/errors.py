"""The one family of errors that Likewise raises on purpose.

Inside, code raises these; at the HTTP edge one table (`api.http.problems`) turns them into problem documents.
Anything else that escapes is a defect and is answered with a plain 500 without detail.
"""

from __future__ import annotations


class LikewiseError(Exception):
    """Base of every error that Likewise raises on purpose."""


class PolicyError(LikewiseError):
    """A policy value breaks a rule: the message names field, value and rule. The program stops."""


class StoreError(LikewiseError):
    """The Redis behind a room is missing, too old, unsafe or refuses: the message says what to do."""


class StoreBusyError(StoreError):
    """The store cannot answer now (down, slow, full). Nothing was acknowledged; the caller may try again."""


class InvalidInputError(LikewiseError):
    """Input from outside breaks a rule.

    Args:
        field: name of the offending field, as the sender spells it.
        fault: what is wrong with its value.
        rule: what a right value looks like.
    """

    def __init__(self, field: str, fault: str, rule: str) -> None:
        super().__init__(f"{field}: {fault}; {rule}")
        self.field = field
        self.fault = fault
        self.rule = rule


class ConflictError(LikewiseError):
    """The request contradicts what is already stored."""


class GoneError(LikewiseError):
    """What was asked for was taken down, and may come back.

    Args:
        what: was taken down.
        reason: why.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.reason = reason


class NotFoundError(LikewiseError):
    """What was asked for does not exist, for the one who asks."""


class SignatureError(LikewiseError):
    """A signature does not hold, or is none: the message continues a sentence that names where it stands."""
