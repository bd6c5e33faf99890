"""Reads recorded staff actions (NDJSON, one action per line), and carries them out without audit records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from api.replay.recording import number_lines
from api.replay.records import Action, ActionKind
from privacy.errors import InvalidInputError
from privacy.model.timestamp import Clock, parse_timestamp_ms
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Recount, StatusTransition

_RULE = 'an action such as {"at": "1998-01-15T00:00:00Z", "action": "ban", "account_id": "a"}'


@dataclass
class InProcessStaff:
    """Carries out staff actions in the vault.

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
            self.recount.change_status(
                AccountRef(action.account_id), StatusTransition(action.kind.status), self.clock()
            )
        if self.listener:
            self.listener(actions)


class _RecordedAction(msgspec.Struct, forbid_unknown_fields=True):
    at: str
    action: ActionKind
    account_id: str


_DECODE = msgspec.json.Decoder(_RecordedAction).decode


def read_actions(path: Path) -> list[Action]:
    """Reads actions, in any order.

    Raises:
        InvalidInputError: the file cannot be read, or a line is not an action.
    """
    actions = []
    for number, line in number_lines("--actions", path):
        try:
            recorded = _DECODE(line)
            actions.append(Action(parse_timestamp_ms(recorded.at), recorded.action, recorded.account_id))
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise InvalidInputError(f"{path}, line {number}", str(error), _RULE) from error
    return actions
