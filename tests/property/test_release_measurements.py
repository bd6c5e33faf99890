"""Measurements and published numbers, compared with a slow reference without noise."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.model.documents import Figure, ReleaseDocument
from privacy.model.engagement import Reason
from privacy.release.engine import make_releases
from privacy.release.history import MEASUREMENT, NET_CHANGE
from tests.support.entropy import shake_entropy
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.release_world import calibration
from tests.support.simulation import Simulation, log_of

CALIBRATION = calibration()
POLICY = CALIBRATION.policy
CellChange = tuple[dict[str, str], int, int]
"""A joint cell, a change, and how often it happens."""
Stream = tuple[str, ...]
"""`("total",)`, a dimension and its cell, or `("removals", reason)`."""

_HAPPENINGS = st.tuples(
    st.fixed_dictionaries({}, optional={d.name: st.sampled_from(d.values) for d in POLICY.domain.dimensions}),
    st.sampled_from([0, 0, 0, 1, 2, 5]),
    st.integers(1, 40),
)


@st.composite
def histories(draw: st.DrawFn) -> list[list[CellChange]]:
    """Draw the changes of a target, epoch by epoch; only counted engagements are removed."""
    counted: Counter[int] = Counter()
    epochs = []
    for happenings in draw(
        st.lists(st.lists(_HAPPENINGS, max_size=6), min_size=1, max_size=POLICY.schedule.epochs)
    ):
        possible = []
        for cell, change, times in happenings:
            code = POLICY.domain.code(cell)
            happens = min(times, counted[code]) if change else times
            counted[code] += -happens if change else happens
            possible.append((cell, change, happens))
        epochs.append(possible)
    return epochs


def _streams() -> list[Stream]:
    """The name of every stream, in the order of the policy's layout."""
    cells = [(d.name, cell) for d in POLICY.domain.dimensions for cell in d.cells]
    return [("total",), *cells, *(("removals", reason.label) for reason in Reason)]


STREAMS = _streams()


def least_count(stream: Stream) -> int:
    """From which count on a stream is certainly about k accounts: one can make w/2 removals."""
    return POLICY.k * (POLICY.flip_cap // 2 if stream[0] == "removals" else 1)


def net_change(epoch: list[CellChange]) -> Counter[Stream]:
    """Net change of every stream, event by event."""
    net: Counter[Stream] = Counter()
    for cell, change, times in epoch:
        for _ in range(times):
            sign = -1 if change else 1
            net["total",] += sign
            for dimension in POLICY.domain.dimensions:
                net[dimension.name, cell.get(dimension.name, "undisclosed")] += sign
            if change:
                net["removals", Reason(change).label] += 1
    return net


@dataclass
class Reference:
    """One target: its net changes by epoch, and the streams measured so far."""

    epochs: list[Counter[Stream]]
    measured: set[Stream]

    def exact(self, stream: Stream) -> int:
        """Its count."""
        return sum(epoch[stream] for epoch in self.epochs)

    def query(self, stream: Stream, step: int) -> int:
        """(C·x) at a step."""
        coefficients = CALIBRATION.factorisation.coefficients
        return sum(coefficients[step - s] * self.epochs[s][stream] for s in range(step + 1))

    def drawn(self) -> dict[tuple[Stream, int], int]:
        """Return what the release of the last epoch draws: the current step, or all steps of a new stream."""
        last = len(self.epochs) - 1
        wanted: dict[tuple[Stream, int], int] = {}
        for stream in STREAMS:
            newcomer = stream not in self.measured and self.exact(stream) >= least_count(stream)
            for step in range(last + 1):
                if newcomer or (stream in self.measured and step == last):
                    wanted[stream, step] = self.query(stream, step)
        self.measured |= {stream for stream, _ in wanted}
        return wanted

    def shown(self) -> dict[Stream, int]:
        """Return the counts that clear k and its margin when there is no noise."""
        last = np.array([len(self.epochs) - 1])
        margins = dict(zip(STREAMS, CALIBRATION.margins(last)[0].tolist(), strict=True))
        clears = {s: n for s in STREAMS if (n := self.exact(s)) >= least_count(s) + margins[s]}
        return clears if ("total",) in clears else {}


def records(blob: bytes, dtype: np.dtype[np.void]) -> dict[tuple[Stream, int], int]:
    """Packed records by stream and step."""
    rows = np.frombuffer(blob, dtype).tolist()
    unpacked = {(STREAMS[stream], step): value for step, stream, value in rows}
    assert len(unpacked) == len(rows)
    return unpacked


def numbers(document: ReleaseDocument) -> Mapping[Stream, Figure]:
    """The numbers that a document shows, without `other`."""
    named: dict[Stream, Figure | None] = {("total",): document.total}
    named |= {(name, cell): f for name, b in document.breakdowns.items() for cell, f in b.cells.items()}
    named |= {("removals", reason): figure for reason, figure in document.removals.items()}
    assert list(named) == STREAMS
    return {stream: figure for stream, figure in named.items() if figure is not None}


@pytest.fixture
def _no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def zero(_: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        return np.zeros(count, np.int64)

    monkeypatch.setattr(DiscreteGaussian, "noise", zero)


@pytest.mark.usefixtures("_no_noise")
@settings(max_examples=examples(200), suppress_health_check=FIXED_FIXTURES)
@given(epochs=histories(), equal_work=st.booleans())
def test_without_noise_releases_equal_the_reference(epochs: list[list[CellChange]], equal_work: bool) -> None:
    """Net changes, measurements and numbers are the reference's; a newcomer is measured at all its steps."""
    reference, simulation = Reference([], set()), Simulation.start(CALIBRATION, 1)
    for happenings in epochs:
        reference.epochs.append(net_change(happenings))
        log = log_of(POLICY, happenings)
        (release,) = simulation.release([log], os.urandom, equal_work=equal_work)
        step = len(reference.epochs) - 1
        net = {(stream, step): value for stream, value in reference.epochs[-1].items() if value}
        assert records(release.net_changes, NET_CHANGE) == net
        assert records(release.measurements, MEASUREMENT) == reference.drawn()
        shown = numbers(release.document)
        assert {stream: value for stream, (value, *_) in shown.items()} == reference.shown()
        simulation = simulation.after([release])


@settings(max_examples=examples(100))
@given(epochs=histories(), seed=st.integers(0, 2**32))
def test_breakdowns_add_up_to_the_total(epochs: list[list[CellChange]], seed: int) -> None:
    """With noise: all numbers are non-negative integers inside their intervals; cells and `other` add up."""
    simulation, entropy = Simulation.start(CALIBRATION, 1), shake_entropy(str(seed))
    for happenings in epochs:
        (release,) = simulation.release([log_of(POLICY, happenings)], entropy)
        document = release.document
        for value, low, high in numbers(document).values():
            assert type(value) is type(low) is type(high) is int
            assert 0 <= low <= value <= high
        for breakdown in document.breakdowns.values():
            cells = [figure[0] for figure in breakdown.cells.values() if figure]
            if document.total is None:
                assert not cells
                assert breakdown.other is None
            elif breakdown.other is not None:
                assert sum(cells) + breakdown.other[0] == document.total[0]
            else:
                assert sum(cells) <= document.total[0]
            if document.total and len(cells) == len(breakdown.cells):
                assert sum(cells) == document.total[0]
        simulation = simulation.after([release])


@settings(max_examples=examples(60))
@given(counts=st.lists(st.integers(0, POLICY.k - 1), min_size=1, max_size=8))
def test_what_is_below_k_is_not_measured(counts: list[int]) -> None:
    """Streams that never reached k keep no measurement, whatever changes they had below k."""
    simulation = Simulation.start(CALIBRATION, len(counts))
    for change in (0, 1, 0):
        logs = [log_of(POLICY, [({"region": "DE"}, change, count)]) for count in counts]
        releases = simulation.release(logs, os.urandom)
        assert all(release.measurements == b"" for release in releases)
        simulation = simulation.after(releases)


@settings(max_examples=examples(60), suppress_health_check=FIXED_FIXTURES)
@given(epochs=histories())
def test_as_much_is_drawn_for_every_history(
    epochs: list[list[CellChange]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker asks of the sampler is the same as for a target that nobody likes, at every epoch."""
    calls: list[tuple[int, int]] = []
    noise = DiscreteGaussian.noise

    def noted(sampler: DiscreteGaussian, count: int) -> NDArray[np.int64]:
        calls.append((sampler.scale, count))
        return noise(sampler, count)

    with monkeypatch.context() as patch:
        patch.setattr(DiscreteGaussian, "noise", noted)
        drawn = []
        nothing: list[list[CellChange]] = [[] for _ in epochs]
        for history in (epochs, nothing):
            calls.clear()
            simulation = Simulation.start(CALIBRATION, 1)
            for happenings in history:
                batch = simulation.batch([log_of(POLICY, happenings)])
                simulation = simulation.after(make_releases(batch, CALIBRATION, os.urandom))
            drawn.append(list(calls))
    assert drawn[0] == drawn[1]
    steps = range(1, len(epochs) + 1)
    assert sum(count for _, count in drawn[0]) == len(STREAMS) * sum(steps)


def test_fresh_noise_for_every_measurement() -> None:
    """No two measurements share a draw: neither across targets nor across streams nor across steps.

    False alarm: the correlation of 1,000 independent pairs exceeds 0.25 with probability below 1e-14, and two
    targets agree in six draws of scales above 2,000 with probability below 1e-14.
    """
    log = log_of(POLICY, [({"gender": "female", "region": "DE"}, 0, 50)])
    releases = Simulation.start(CALIBRATION, 1000, epoch=1).release([log] * 1000, os.urandom)
    drawn = np.array([list(records(r.measurements, MEASUREMENT).values()) for r in releases])
    assert drawn.shape == (1000, 6)
    assert len(np.unique(drawn, axis=0)) == 1000
    correlations = np.corrcoef(drawn.T)
    assert np.abs(correlations[~np.eye(6, dtype=bool)]).max() < 0.25


def test_a_second_attempt_draws_again() -> None:
    """Two attempts at one release share no noise; only one of them is ever written."""
    simulation, log = Simulation.start(CALIBRATION, 1), log_of(POLICY, [({}, 0, 60)])
    first, second = (simulation.release([log], os.urandom)[0] for _ in range(2))
    assert first.measurements != second.measurements
