"""Says how an odd value was taken: for the answer to its sender, by field, never with the value itself."""

from collections import Counter
from typing import NamedTuple


class Taken(NamedTuple):
    """A way in which a value was taken that is not the declared spelling.

    Args:
        field: name of the field in the API, as in `profile.region`.
        taken_as: the value that it was taken as, or what was done with it.
    """

    field: str
    taken_as: str


Takings = Counter[Taken]
"""Number of items of a batch by how a value was taken."""
