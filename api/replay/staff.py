"""Carries out the staff actions of a history in the vault, without audit records."""

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
        clock: the virtual clock.
        listener: called with the actions, if given.
    """

    recount: Recount
    clock: Clock
    listener: Callable[[Sequence[Action]], None] | None = None

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Carries out actions in their order.

        Raises:
            StoreBusyError: the store did not confirm.
            ErasedAccountError: an account was erased.
        """
        for action in actions:
            self.recount.move(AccountRef(action.account_id), Move(action.kind.status), self.clock())
        if self.listener:
            self.listener(actions)
