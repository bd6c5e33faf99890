"""From logs to net changes, against counting one change at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privacy.model.change import change_code
from privacy.policy.file import load_policy
from privacy.release.marginals import compute_net_changes

POLICY = load_policy()
DOMAIN, LAYOUT = POLICY.domain, POLICY.layout
PLACES = {each.name: place for each, place in zip(LAYOUT.dimensions, LAYOUT.breakdowns, strict=True)}
"""Of the breakdowns; the domain has a dimension more, which only audiences use."""
SERIES = 3
_CHANGES = st.lists(
    st.tuples(st.integers(0, SERIES - 1), st.integers(0, DOMAIN.size - 1), st.integers(0, 5)), max_size=40
)


@given(changes=_CHANGES)
def test_net_changes_equal_counting_one_by_one(changes: list[tuple[int, int, int]]) -> None:
    """A change moves the total, one cell of each breakdown, and for a reason also that reason's removals."""
    expected = np.zeros((SERIES, LAYOUT.count), np.int64)
    for series, joint, change in changes:
        sign = -1 if change else 1
        expected[series, LAYOUT.total] += sign
        rest = joint
        for dimension in reversed(DOMAIN.dimensions):
            rest, cell = divmod(rest, len(dimension.cells))
            if dimension.name in PLACES:
                expected[series, PLACES[dimension.name].start + cell] += sign
        if change:
            expected[series, LAYOUT.removals.start + change - 1] += 1
    series_index = np.array([series for series, *_ in changes], np.intp)
    codes = np.array([change_code(joint, change) for _, joint, change in changes], "<u4")
    assert compute_net_changes(series_index, codes, SERIES, POLICY).tolist() == expected.tolist()


@given(changes=_CHANGES)
def test_each_breakdown_adds_up_to_the_total(changes: list[tuple[int, int, int]]) -> None:
    """Every engagement is in exactly one cell of each breakdown; removals only ever grow."""
    series_index = np.array([series for series, *_ in changes], np.intp)
    codes = np.array([change_code(joint, change) for _, joint, change in changes], "<u4")
    net = compute_net_changes(series_index, codes, SERIES, POLICY)
    for place in LAYOUT.breakdowns:
        assert net[:, place].sum(axis=1).tolist() == net[:, LAYOUT.total].tolist()
    assert (net[:, LAYOUT.removals] >= 0).all()


def test_a_log_in_any_order_is_the_same() -> None:
    """Net changes do not depend on the order in which the relay wrote."""
    rng = np.random.default_rng(1)
    codes = change_code(1, 0) + rng.integers(0, 3, 200).astype("<u4") * 16
    series_index = rng.integers(0, SERIES, 200).astype(np.intp)
    order = rng.permutation(200)
    one = compute_net_changes(series_index, codes.astype("<u4"), SERIES, POLICY)
    two = compute_net_changes(series_index[order], codes.astype("<u4")[order], SERIES, POLICY)
    assert one.tolist() == two.tolist()
