"""Certifies, in exact integers, how much one engagement can change what the mechanism measures.

`docs/proofs/flip-bounded-sensitivity.md` proves that the noise must cover these quantities.
"""

from collections.abc import Iterator
from math import comb
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from privacy.errors import PolicyError
from privacy.mechanism.factorisation import Factorisation

Number = TypeVar("Number", np.int64, np.float64)

TWO_PAIRS: Final = (3, 4)
MAX_ENUMERATED: Final = 3 * 10**8
"""Table entries that enumeration may visit: about one second of work."""


def alternating_sensitivity_squared(factorisation: Factorisation, flips: int) -> int:
    """Return an upper bound of ‖C_t1 - C_t2 + C_t3 - …‖² over all t1 < t2 < … with at most `flips` members.

    The exact maximum where enumeration is feasible (87 epochs and 4 flips are 2.3 million sets), else what
    `lookahead_bound` gives.

    Raises:
        PolicyError: there is no flip, or the numbers might not fit 64 bits.
    """
    _at_least_one("flips", flips)
    columns = factorisation.encoder
    # No value below exceeds (flips + 2)²·T times the squared norm of the longest column, the first.
    largest_value = (flips + 2) ** 2 * factorisation.epochs * monotone_sensitivity_squared(factorisation, 1)
    if largest_value > np.iinfo(np.int64).max:
        raise PolicyError(
            f"contribution.flip_cap: {flips} flips of {factorisation.name} need more than 64 bits"
        )
    gram = columns.T @ columns
    largest = int(gram[0, 0])
    if flips == 1 or factorisation.epochs == 1:
        return largest
    if flips in TWO_PAIRS and factorisation.epochs**4 <= 12 * MAX_ENUMERATED:
        extended = extended_gram(factorisation)
        found = two_pair_norms(extended, last_happens=flips == max(TWO_PAIRS))
        return max(int(norms.max()) for norms in found)
    if _table_entries(factorisation.epochs, flips) > MAX_ENUMERATED:
        return lookahead_bound(gram, flips)
    return max(largest, *(int(norms.max()) for _, norms in alternating_norms(gram, flips)))


def monotone_sensitivity_squared(factorisation: Factorisation, entries: int) -> int:
    """Return the exact maximum of Σ_r ‖C·u_r‖² over non-negative u_1, u_2, … with `entries` entries in total.

    Entries may share an epoch and may be in different streams r. By the triangle inequality, and because no
    column is longer than the first, ‖C·u_r‖ <= n_r·‖C_0‖ for n_r entries, and Σ n_r² <= (Σ n_r)². All entries
    in epoch 0 of one stream reach it.

    Raises:
        PolicyError: there is no entry.
    """
    _at_least_one("entries", entries)
    return entries**2 * sum(coefficient**2 for coefficient in factorisation.coefficients)


def alternating_norms(gram: NDArray[Number], flips: int) -> Iterator[tuple[tuple[int, ...], NDArray[Number]]]:
    """Yield squared norms of all alternating sums of 2 to `flips` columns.

    Args:
        gram: inner products of the columns, shape (T, T).
        flips: at least 2.

    Yields:
        The first columns of a set, up to s, and a table over its last two: entry (i, j) with i < j belongs to
        columns s + 1 + i and s + 1 + j. The diagonal repeats the norm of the first columns, below are zeros.
    """
    norms = np.diag(gram)
    pairs = norms[:, None] + norms[None, :] - 2 * gram
    upper = np.triu(np.ones(gram.shape, bool))
    columns: tuple[int, ...] = ()
    pending = [(columns, gram.dtype.type(0), np.zeros_like(norms))]
    while pending:
        columns, norm, inner = pending.pop()
        start = columns[-1] + 1 if columns else 0
        sign = -1 if len(columns) % 2 else 1
        ahead = 2 * sign * inner[start:]
        table = pairs[start:, start:] + (norm + ahead)[:, None]
        table -= ahead
        table *= upper[start:, start:]
        yield columns, table
        if len(columns) + 2 < flips:
            pending.extend(
                ((*columns, t), norm + norms[t] + 2 * sign * inner[t], inner + sign * gram[t])
                for t in range(start, len(norms) - 2)
            )


def extended_gram(factorisation: Factorisation) -> NDArray[np.int64]:
    """Return the inner products of the columns and of one more, of zeros: that of a flip that is left out."""
    columns = np.pad(factorisation.encoder, ((0, 0), (0, 1)))
    gram: NDArray[np.int64] = columns.T @ columns
    return gram


def two_pair_norms(gram: NDArray[np.int64], *, last_happens: bool) -> Iterator[NDArray[np.int64]]:
    """Yield the largest ‖C_p − C_q + C_r − C_s‖² over p and r, for each q.

    p <= q <= r <= s: flips may share an epoch, which is as if they were left out.

    Args:
        gram: with the column of a flip that is left out.
        last_happens: false if s is that column.

    Yields:
        An array by s, from q on, or of that column alone.
    """
    norms = np.diag(gram)
    pairs = norms[:, None] + norms[None, :] - 2 * gram
    upper = np.triu(np.ones(gram.shape, bool))
    for q in range(len(gram)):
        ends = slice(q, None) if last_happens else slice(-1, None)
        of_r = 2 * (gram[: q + 1, q:] - gram[q, q:])  # of C_p - C_q with C_r
        of_s = 2 * (gram[: q + 1, ends] - gram[q, ends])
        table = (pairs[: q + 1, q, None] + of_r)[:, :, None] - of_s[:, None, :]
        yield ((table.max(axis=0) + pairs[q:, ends]) * upper[q:, ends]).max(axis=0)


def lookahead_bound(gram: NDArray[np.int64], flips: int) -> int:
    """Return an upper bound of that maximum in O(flips·T³), exact up to 3 flips where C is non-increasing.

    For members a < b < c < d < e < … the squared norm is the sum over a of
    G_aa - 2·(G_ab - G_ac + G_ad - G_ae + …). In the brackets, the terms from G_ad on pair up into differences
    such as G_ad - G_ae. Each is at least minus what row a of G rises from d to e (nothing, where C is
    non-increasing), and a term without a partner is at least 0. What remains couples three neighbours, and
    dynamic programming over the last two of them maximises it.

    Args:
        gram: inner products of the columns, all non-negative, shape (T, T).
        flips: at least 2.
    """
    norms = np.diag(gram)
    steps = np.diff(gram, axis=1, append=gram[:, -1:])
    rises = np.flip(np.cumsum(np.flip(np.maximum(steps, 0), axis=1), axis=1), axis=1)
    one_ahead = norms[:, None] - 2 * gram
    two_ahead = 2 * (gram + rises)
    # best[b, c]: largest sum over the members before b of a set that goes on with b and c.
    best = np.zeros_like(gram)
    for _ in range(flips - 2):
        longer = best.copy()
        for b in range(1, len(norms) - 1):
            before = (best[:b, b] + one_ahead[:b, b])[:, None] + two_ahead[:b, b + 1 :]
            longer[b, b + 1 :] = np.maximum(longer[b, b + 1 :], before.max(axis=0))
        best = longer
    return int(max(norms.max(), np.triu(best + one_ahead + norms[None, :], 1).max()))


def _table_entries(epochs: int, flips: int) -> int:
    return epochs**2 * sum(comb(epochs, size) for size in range(flips - 1))


def _at_least_one(field: str, value: int) -> None:
    if value < 1:
        raise PolicyError(f"{field}: is {value}; at least 1")
