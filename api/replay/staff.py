"""The platform's staff in a history: they reach the vault as moderation does, without audit entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.replay.records import Action
from privacy.model.timestamp import Clock
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Move, Recount


@dataclass
class InProcessStaff:
    """Carries out actions.

    Args:
        recount: changes the status of accounts.
        clock: the virtual one.
        listener: told every action, where one is needed.
    """

    recount: Recount
    clock: Clock
    listener: Callable[[Sequence[Action]], None] | None = None

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Carry them out, in their order.

        Raises:
            StoreBusyError: the store did not confirm.
            ErasedAccountError: an account was erased.
        """
        for action in actions:
            self.recount.move(AccountRef(action.account_id), Move(action.kind.standing), self.clock())
        if self.listener:
            self.listener(actions)
