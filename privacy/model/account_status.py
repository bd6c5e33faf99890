"""The status of an account with the platform, as far as counting is concerned."""

from enum import IntEnum


class AccountStatus(IntEnum):
    """The standing of an account. The number is part of stored accounts: never renumber."""

    GOOD = 0
    RESTRICTED = 1
    """Not counted until a time; then counted again."""
    BANNED = 2
    DELETED = 3
    """Deleted by its owner: not counted, and erased when the grace is over."""
    INAUTHENTIC = 4
    """A bot: removed with the reason `inauthentic`."""
    OBJECTED = 5
    """Its owner objects to all analytics: not counted, and nothing new is stored."""

    @property
    def label(self) -> str:
        """The name as spelled in the API."""
        return self.name.lower()
