"""Domains and the code of a joint cell."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import PolicyError
from privacy.model.change import GAINED, change_code
from privacy.model.dimension import UNDISCLOSED, Dimension, JointDomain
from privacy.model.engagement import Reason
from privacy.policy.file import load_policy

DEFAULT = load_policy().domain


def decode(domain: JointDomain, code: int) -> dict[str, str]:
    """Take a code apart again, by division alone."""
    cells = {}
    for dimension in reversed(domain.dimensions):
        code, position = divmod(code, len(dimension.cells))
        cells[dimension.name] = dimension.cells[position]
    return cells


@st.composite
def domains(draw: st.DrawFn) -> JointDomain:
    """Up to four dimensions of up to five values."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    return JointDomain(
        tuple(Dimension(f"d{i}", tuple(f"v{v}" for v in range(size))) for i, size in enumerate(sizes))
    )


@given(domain=domains(), data=st.data())
def test_a_joint_code_says_every_cell(domain: JointDomain, data: st.DataObject) -> None:
    """Every joint cell has a code of its own, from which each of its cells is found again."""
    cells = {d.name: data.draw(st.sampled_from(d.cells)) for d in domain.dimensions}
    code = domain.code(cells)
    assert 0 <= code < domain.size
    assert decode(domain, code) == cells


@given(domain=domains())
def test_all_codes_are_used_once(domain: JointDomain) -> None:
    """Codes have no gaps, and the last one is `undisclosed` throughout."""
    assert [domain.code(decode(domain, code)) for code in range(domain.size)] == list(range(domain.size))
    assert decode(domain, domain.undisclosed_code) == {d.name: UNDISCLOSED for d in domain.dimensions}


@pytest.mark.parametrize("cells", [{}, {"gender": UNDISCLOSED}])
def test_silence_is_undisclosed(cells: Mapping[str, str]) -> None:
    """A dimension that is not named has its own cell."""
    assert DEFAULT.code(cells) == DEFAULT.undisclosed_code


def test_a_value_outside_its_domain_has_no_code() -> None:
    """Nothing undeclared is counted anywhere."""
    with pytest.raises(KeyError):
        DEFAULT.code({"gender": "unheard of"})


@given(code=st.integers(0, DEFAULT.size - 1), change=st.sampled_from([GAINED, *Reason]))
def test_a_change_code_fits_32_bits_and_says_both(code: int, change: int) -> None:
    """Joint cell and change are found again in one 32-bit integer."""
    packed = change_code(code, change)
    assert packed < 1 << 32
    assert (packed >> 4, packed & 15) == (code, change)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((), "is empty"),
        (("a", "a"), "repeats a value"),
        (("a", UNDISCLOSED), "names 'undisclosed' itself"),
    ],
)
def test_a_domain_is_a_list_of_distinct_values(values: tuple[str, ...], message: str) -> None:
    """An empty domain, one that repeats a value and one that declares `undisclosed` are refused."""
    with pytest.raises(PolicyError, match=rf"dimensions\.d: .*{message}"):
        Dimension("d", values)


def test_a_joint_domain_is_neither_empty_nor_too_large() -> None:
    """There is something to break down by, and every joint cell has a code."""
    with pytest.raises(PolicyError, match="at least one"):
        JointDomain(())
    wide = tuple(Dimension(name, tuple(map(str, range(2**14 - 1)))) for name in ("a", "b"))
    assert JointDomain(wide).size == 2**28
    with pytest.raises(PolicyError, match="joint cells; at most"):
        JointDomain((*wide, Dimension("c", ("x",))))
