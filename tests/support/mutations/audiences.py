"""Mistakes in audiences: counts, noise, gate, documents, and what the vault and the catalogue tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from privacy.catalogue import audiences as catalogue_audiences
from privacy.mechanism import audience_accounting
from privacy.mechanism.accounting import TOTAL
from privacy.mechanism.audience_accounting import UNIT, AudienceCalibration
from privacy.mechanism.gate import passes_gate
from privacy.model.audience import Scope
from privacy.model.documents import BreakdownFigures
from privacy.policy.audience_groups import AudienceGroup, list_audience_groups
from privacy.policy.policy import Policy
from privacy.release import audience_estimates, audiences
from privacy.vault import audience_closing, audience_rows, recount
from tests.support.mutations.mutation import Mutation, edited

if TYPE_CHECKING:
    import pytest

_right_count = audiences.count_accounts
_right_measure = audiences.measure_once
_right_groups = list_audience_groups
_right_keep = audience_rows.keep_first
_right_calibrate = audience_accounting.calibrate_audience


def _counted(alter: Callable[..., NDArray[np.int64]]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(audiences, "count_accounts", alter)


def _twice(index: Any, changes: Any, *rest: Any) -> NDArray[np.int64]:
    """Counts an account again that has liked before: every tenth one."""
    return _right_count(np.concatenate([index, index[::10]]), np.concatenate([changes, changes[::10]]), *rest)


def _never_taken_out(index: Any, changes: NDArray[np.uint32], *rest: Any) -> NDArray[np.int64]:
    counted = changes & 15 == 0
    return _right_count(index[counted], changes[counted], *rest)


def _calibrated(alter: Callable[[AudienceCalibration], AudienceCalibration]) -> Any:
    def apply(patch: pytest.MonkeyPatch) -> None:
        def calibrate(*given: Any) -> AudienceCalibration:
            return alter(_right_calibrate(*given))

        patch.setattr(audience_accounting, "calibrate_audience", calibrate)
        for module in ("privacy.audit.audiences", "privacy.release.worker"):
            patch.setattr(f"{module}.calibrate_audience", calibrate)

    return apply


def _never_moving(calibration: AudienceCalibration) -> AudienceCalibration:
    """Forgets that an account may be in another cell."""
    return replace(
        calibration,
        statistics=tuple(
            each if each.name == TOTAL else replace(each, sensitivity_squared=each.sensitivity_squared // 2)
            for each in calibration.statistics
        ),
    )


def _whole_budget(calibration: AudienceCalibration) -> AudienceCalibration:
    """Gives each number the budget of all of them."""
    rho = sum((each.rho for each in calibration.statistics), Fraction(0))
    return replace(calibration, statistics=tuple(replace(each, rho=rho) for each in calibration.statistics))


def _measured(alter: Callable[[NDArray[np.int64]], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters the noise of correct measurements."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        def measure(exact: NDArray[np.int64], *rest: Any) -> NDArray[np.int64]:
            query = exact * UNIT
            altered: NDArray[np.int64] = np.asarray(alter(_right_measure(exact, *rest) - query), np.int64)
            return query + altered

        patch.setattr(audiences, "measure_once", measure)
        patch.setattr("privacy.audit.audience_streams.measure_once", measure)

    return apply


def _one_draw_for_two(noise: NDArray[np.int64]) -> NDArray[np.int64]:
    shared = noise.copy()
    shared[1::2] = shared[: len(shared) // 2 * 2 : 2]
    return shared


def _gate(decide: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(audience_estimates, "passes_gate", decide)


def _named_when_anybody_is_there(patch: pytest.MonkeyPatch) -> None:
    """Says in the document which breakdowns have anybody in them."""
    right = audiences._render_breakdown

    def render(cells: Any, figures: Any, other: Any) -> Any:
        return right(cells, figures, other) or BreakdownFigures(cells={}, other=None)

    patch.setattr(audiences, "_render_breakdown", render)


def _counted_with_each_like(patch: pytest.MonkeyPatch) -> None:
    for module in (audience_rows, audience_closing):
        patch.setattr(module, "keep_first", lambda members: members)


def _never_left(patch: pytest.MonkeyPatch) -> None:
    leave = "if reason_kept_out(account) then leave_audiences(journals, args.tombstone) end"
    patch.setattr(recount, "RECOUNT_SCRIPT", edited(recount.RECOUNT_SCRIPT, leave, ""))


def _moved_with_each_like(patch: pytest.MonkeyPatch) -> None:
    """Keeps the cell of the last like of an account, in place of the first one's."""

    def keep_last(members: NDArray[np.void]) -> NDArray[np.void]:
        return _right_keep(members[::-1])[::-1]

    for module in (audience_rows, audience_closing):
        patch.setattr(module, "keep_first", keep_last)


def _in_longer_periods(name: str, alter: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Alters how a day is added to what the days before it have counted of a week or of a longer period."""
    return lambda patch: patch.setattr(audience_closing, name, alter)


def _every_hashtag(patch: pytest.MonkeyPatch) -> None:
    """Lets more hashtags of a video count than the policy pays for."""

    def list_groups(policy: Policy) -> tuple[AudienceGroup, ...]:
        return tuple(
            replace(group, scopes=(*group.scopes, *[Scope.HASHTAG] * 2))
            if Scope.HASHTAG in group.scopes
            else group
            for group in _right_groups(policy)
        )

    patch.setattr(catalogue_audiences, "list_audience_groups", list_groups)


AUDIENCES = (
    Mutation("an account counted twice in an audience", _counted(_twice), "audiences", in_quick_tests=True),
    Mutation("an account that is not taken out of an audience", _counted(_never_taken_out), "audiences"),
    Mutation(
        "an audience calibrated for accounts that never move to another cell",
        _calibrated(_never_moving),
        "audiences",
        in_quick_tests=True,
    ),
    Mutation(
        "the budget of an audience given to each of its numbers", _calibrated(_whole_budget), "audiences"
    ),
    Mutation("half the noise in audiences", _measured(lambda noise: noise // 2), "audiences"),
    Mutation("one draw for two audiences", _measured(_one_draw_for_two), "audiences"),
    Mutation(
        "audiences gated on the estimate alone",
        _gate(lambda _exact, estimates, margins, least: estimates >= least + margins),
        "audiences",
    ),
    Mutation(
        "audiences gated without a margin",
        _gate(lambda exact, estimates, _margins, least: (exact >= least) & (estimates >= least)),
        "audiences",
    ),
    Mutation(
        "audiences gated off by one",
        _gate(lambda exact, estimates, margins, least: passes_gate(exact + 1, estimates, margins, least)),
        "audiences",
    ),
    Mutation("breakdowns of audiences named without numbers", _named_when_anybody_is_there, "audiences"),
    Mutation("an account counted with each of its likes", _counted_with_each_like, "end to end"),
    Mutation("a banned account that stays in audiences", _never_left, "end to end"),
    Mutation("an account that moves to the cell of its last like", _moved_with_each_like, "end to end"),
    Mutation(
        "an account counted on each day of its week",
        _in_longer_periods("keep_first", lambda members: members),
        "end to end",
        in_quick_tests=True,
    ),
    Mutation(
        "an account that moves to its cell of another day of the week",
        _in_longer_periods("keep_first", lambda members: _right_keep(members[::-1])[::-1]),
        "end to end",
    ),
    Mutation(
        "a banned account that stays in what earlier days of a week have counted",
        _in_longer_periods("without", lambda members, _removed: members),
        "end to end",
    ),
    Mutation(
        "a week of which the last day alone is counted",
        _in_longer_periods("without", lambda members, _removed: members[:0]),
        "end to end",
    ),
    Mutation("more hashtags than the policy pays for", _every_hashtag, "end to end"),
)
