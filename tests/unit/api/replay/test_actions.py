"""Recorded staff actions are read from a file and carried out in the vault."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from api.replay.actions import InProcessStaff, read_actions
from api.replay.records import Action, ActionKind
from api.replay.timeline import VirtualClock
from privacy.errors import InvalidInputError
from privacy.model.account_status import AccountStatus
from privacy.vault.recount import Recount, StatusTransition

LINE = '{"at":"2026-05-01T00:00:00Z","action":"%s","account_id":"a-1"}'


class Moves:
    """A recount that records moves."""

    def __init__(self) -> None:
        self.made: list[tuple[AccountStatus, int]] = []

    def change_status(self, _account: Callable[[], object], move: StatusTransition, now_ms: int) -> None:
        """Records a transition."""
        self.made.append((move.to, now_ms))


def test_actions_are_read(tmp_path: Path) -> None:
    """Each line is one action; blank lines are skipped."""
    file = tmp_path / "actions.ndjson"
    file.write_text("\n\n".join(LINE % word for word in ("ban", "purge", "reinstate")))
    actions = read_actions(file)
    assert [action.kind for action in actions] == list(ActionKind)
    assert {(action.at_ms, action.account_id) for action in actions} == {(1_777_593_600_000, "a-1")}


@pytest.mark.parametrize(
    "line", ["{}", "[]", LINE % "erase", LINE.replace("2026", "20x6") % "ban", "ban a-1"]
)
def test_an_invalid_action_ends_the_run(tmp_path: Path, line: str) -> None:
    """A mistake in the file is never skipped."""
    file = tmp_path / "actions.ndjson"
    file.write_text(f"{LINE % 'ban'}\n{line}\n")
    with pytest.raises(InvalidInputError, match="line 2"):
        read_actions(file)


def test_actions_move_accounts_and_reach_the_listener() -> None:
    """Actions are carried out in order, at the time of the clock."""
    heard: list[Action] = []
    moves = Moves()
    staff = InProcessStaff(cast("Recount", moves), VirtualClock(7), heard.extend)
    actions = [Action(5, kind, "a-1") for kind in ActionKind]
    staff.carry_out(actions)
    assert moves.made == [(AccountStatus.BANNED, 7), (AccountStatus.INAUTHENTIC, 7), (AccountStatus.GOOD, 7)]
    assert heard == actions
