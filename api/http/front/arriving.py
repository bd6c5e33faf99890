"""The part of a body that has arrived on a connection, and that nobody has taken yet."""

from api.http.front.bounds import ByteBudget


class ArrivingBody:
    """Keeps the parts of a body, and counts them.

    Args:
        budget: where they are counted, under no owner.
    """

    def __init__(self, budget: ByteBudget) -> None:
        self.left_bytes = 0
        self.held_bytes = 0
        self._budget = budget
        self._parts: list[bytes] = []

    def begin(self, length: bytes) -> None:
        """Notes the stated length of a body; the parser refuses what is none."""
        self.left_bytes = int(length) if length.isdigit() else 0

    def keep(self, part: bytes) -> None:
        """Keeps a part."""
        self._parts.append(part)

    def count(self, size: int) -> bool:
        """Counts bytes of a part; returns False if that exceeds a bound."""
        self.held_bytes += size
        self.left_bytes -= size
        return self._budget.take("", size)

    def take(self) -> list[bytes]:
        """Returns what has arrived and was not taken yet; whoever takes it counts it, or drops it."""
        parts = self._parts
        if self.held_bytes or parts:
            self._budget.give_back("", self.held_bytes)
            self.held_bytes, self._parts = 0, []
        return parts
