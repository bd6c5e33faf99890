"""Makes the releases of many audiences at once, as pure functions: counts, measures, gates and renders.

Everything that is due is counted and drawn; what does not pass is discarded unseen. So the work does not
depend on the counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import TOTAL
from privacy.mechanism.audience_accounting import UNIT, AudienceCalibration
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import EntropySource
from privacy.model.change import CHANGE_BITS, GAINED
from privacy.model.dimension import UNDISCLOSED_EVERYWHERE
from privacy.model.documents import AudienceDocument, BreakdownFigures, Figure
from privacy.release.audience_estimates import AudienceEstimates, estimate_audiences
from privacy.release.render import list_rows
from privacy.tally.audience_series import AudienceState, DueAudience

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(AudienceDocument).decode
MAX_ACCOUNTS = 1 << 48
"""Accounts in one audience; in units, 2¹⁰ each, they are far from the end of 64 bits."""


@dataclass(frozen=True)
class NewAudience:
    """A release of an audience that is not yet written.

    Args:
        due: its inputs.
        encoded: the document, byte for byte as the gallery will hold it permanently.
    """

    due: DueAudience
    encoded: bytes

    @property
    def as_of_ms(self) -> int:
        """End of the period."""
        return self.due.due_ms

    @cached_property
    def document(self) -> AudienceDocument:
        """The document, decoded from its bytes."""
        return _DECODE(self.encoded)


def make_audience_releases(
    batch: Sequence[DueAudience], calibration: AudienceCalibration, entropy: EntropySource
) -> list[NewAudience]:
    """Count, measure, gate and render audiences, each of one closed period.

    Args:
        batch: audiences of the calibration's scope and period, under its policy.
        calibration: the mechanism.
        entropy: source of the noise.

    Raises:
        OverflowError: a count exceeds the range of the exact arithmetic.
    """
    logs = [np.frombuffer(due.log, "<u4") for due in batch]
    audience_index = np.repeat(np.arange(len(batch)), [len(log) for log in logs])
    exact = count_accounts(audience_index, np.concatenate(logs), len(batch), calibration)
    estimates = estimate_audiences(exact, measure_once(exact, calibration, entropy), calibration)
    documents = _render([due.state for due in batch], estimates, calibration)
    return [NewAudience(due, _ENCODE(document)) for due, document in zip(batch, documents, strict=True)]


def count_accounts(
    audience_index: NDArray[np.intp],
    changes: NDArray[np.uint32],
    audiences: int,
    calibration: AudienceCalibration,
) -> NDArray[np.int64]:
    """Count the accounts of each audience by stream.

    Args:
        audience_index: index of the audience of each change, shape (changes,).
        changes: codes made by `privacy.model.change.change_code`: an account is counted, or taken out again.
        audiences: number of audiences.
        calibration: its streams.

    Returns:
        Exact counts, shape (audiences, streams).
    """
    domain, width = calibration.policy.domain, calibration.count
    joint = changes >> CHANGE_BITS
    joint = np.where(joint == UNDISCLOSED_EVERYWHERE, domain.undisclosed_code, joint).astype(np.uint32)
    taken_out = np.flatnonzero(changes & ((1 << CHANGE_BITS) - 1) != GAINED)
    base = audience_index * width
    counts = np.zeros(audiences * width, np.int64)

    def add(streams: NDArray[np.intp]) -> None:
        counts[:] += np.bincount(streams, minlength=counts.size)
        if taken_out.size:
            counts[:] -= 2 * np.bincount(streams[taken_out], minlength=counts.size)

    for name, place in calibration.places.items():
        cells = np.zeros(len(joint), np.uint32)
        for part in () if name == TOTAL else calibration.policy.parts_of(name):
            values = np.uint32(len(part.cells))
            cells = cells * values + joint // np.uint32(domain.stride_of[part.name]) % values
        add(base + place.start + cells)
    return counts.reshape(audiences, width)


def measure_once(
    exact: NDArray[np.int64], calibration: AudienceCalibration, entropy: EntropySource
) -> NDArray[np.int64]:
    """Return the noisy counts in units, one draw for each number, the same shape.

    Raises:
        OverflowError: a count exceeds the range of exact 64-bit arithmetic.
    """
    if exact.size and int(np.abs(exact).max()) > MAX_ACCOUNTS:
        raise OverflowError(f"an audience has more than {MAX_ACCOUNTS} accounts")
    measured = exact * UNIT
    for statistic in calibration.statistics:
        place = calibration.places[statistic.name]
        shape = (len(exact), place.stop - place.start)
        noise = DiscreteGaussian(scale=statistic.scale, entropy=entropy).noise(shape[0] * shape[1])
        measured[:, place] += noise.reshape(shape)
    return measured


def _render(
    states: Sequence[AudienceState], estimates: AudienceEstimates, calibration: AudienceCalibration
) -> Iterator[AudienceDocument]:
    """Render the document of each audience: public facts, and the numbers that are shown."""
    policy, total = calibration.policy, calibration.total
    breakdowns = [(name, place, policy.cells_of(name)) for name, place in calibration.breakdowns.items()]
    rows = zip(states, list_rows(estimates.streams), list_rows(estimates.others), strict=True)
    for state, streams, others in rows:
        next_due_ms = state.next_due_ms
        yield AudienceDocument(
            target_id=state.target_id,
            kind=calibration.kind,
            epoch=state.epoch,
            starts_at_ms=state.starts_at_ms,
            as_of_ms=state.due_ms,
            next_release_at_ms=None if next_due_ms is None else next_due_ms + policy.public_delay_ms,
            policy_version=policy.version,
            total=None if total is None else streams[total],
            breakdowns={
                name: figures
                for (name, place, cells), other in zip(breakdowns, others, strict=True)
                if (figures := _render_breakdown(cells, streams[place], other))
            },
        )


def _render_breakdown(
    cells: Sequence[str], figures: Sequence[Figure | None], other: Figure | None
) -> BreakdownFigures | None:
    """Render the shown cells of a breakdown; None if it shows nothing."""
    shown: dict[str, Figure | None] = {
        cell: figure for cell, figure in zip(cells, figures, strict=True) if figure
    }
    return BreakdownFigures(cells=shown, other=other) if shown or other else None
