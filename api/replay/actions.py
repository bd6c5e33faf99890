"""What staff did in a history, at which moment: NDJSON, one action a line."""

from __future__ import annotations

from pathlib import Path

import msgspec

from api.replay.recording import recorded_lines
from api.replay.records import Action, ActionKind
from privacy.errors import InvalidInputError
from privacy.model.timestamp import parse_timestamp_ms

_RULE = 'an action such as {"at": "1998-01-15T00:00:00Z", "action": "ban", "account_id": "a"}'


class _RecordedAction(msgspec.Struct, forbid_unknown_fields=True):
    at: str
    action: ActionKind
    account_id: str


_DECODE = msgspec.json.Decoder(_RecordedAction).decode


def read_actions(path: Path) -> list[Action]:
    """Read actions, in any order.

    Raises:
        InvalidInputError: the file cannot be read, or a line is no action.
    """
    actions = []
    for number, line in enumerate(recorded_lines("--actions", path), start=1):
        try:
            said = _DECODE(line)
            actions.append(Action(parse_timestamp_ms(said.at), said.action, said.account_id))
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise InvalidInputError(f"{path}, line {number}", str(error), _RULE) from error
    return actions
