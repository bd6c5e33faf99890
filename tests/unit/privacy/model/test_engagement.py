"""Kinds, reasons and the number of a series."""

from hypothesis import given
from hypothesis import strategies as st

from privacy.model.change import CHANGE_BITS
from privacy.model.engagement import KINDS_PER_TARGET, Kind, Reason, Series
from privacy.vault.entries import TOO_YOUNG


@given(target=st.integers(0, 2**46 - 1), kind=st.sampled_from(Kind))
def test_a_series_number_says_target_and_kind(target: int, kind: Kind) -> None:
    """Target and kind are found again in one integer below 2^48."""
    series = Series(target, kind)
    assert series.number < 1 << 48
    assert Series.from_number(series.number) == series


def test_stored_numbers_never_change() -> None:
    """Keys, registers and logs hold these numbers: a change would give old data another meaning."""
    assert {kind.label: int(kind) for kind in Kind} == {"like": 0, "favorite": 1, "follow": 2}
    assert {reason.label: int(reason) for reason in Reason} == {
        "unliked": 1,
        "inauthentic": 2,
        "account": 3,
        "policy": 4,
        "correction": 5,
    }
    assert KINDS_PER_TARGET == 4


def test_numbers_fit_their_fields() -> None:
    """A kind fits a series number; a reason fits a change code and the three bits of a register's block."""
    assert max(Kind) < KINDS_PER_TARGET
    assert max(Reason) < 1 << 3
    assert max(Reason) < TOO_YOUNG < 1 << CHANGE_BITS == 16
