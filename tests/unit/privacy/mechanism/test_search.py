"""The offline program that finds the encoders."""

import json
import sys
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from privacy.mechanism import search
from privacy.mechanism.factorisation import Factorisation, power_factorisation
from privacy.mechanism.sensitivity import alternating_sensitivity_squared


def product(factorisation: Factorisation, flips: int) -> float:
    """The quantity that the search minimises."""
    squared = alternating_sensitivity_squared(factorisation, flips)
    return sqrt(squared) * float(factorisation.decoder_row_norms.max())


def test_search_improves_on_its_start_and_repeats_itself() -> None:
    """The result is better than the start by a margin, and a second run finds the same integers."""
    found = search.search(epochs=16, flips=4, scale=4096)
    assert product(found, 4) < 0.98 * product(power_factorisation("0.6", 16), 4)
    assert search.search(epochs=16, flips=4, scale=4096) == found


def test_gradient_of_the_constraints() -> None:
    """Central differences of the slack agree with its stated gradient."""
    sets = search.FlipSets.from_sets(6, 3, [(0,), (1, 4), (0, 2, 5)])
    point = np.random.default_rng(5).random(6)
    step = 1e-6
    rows = step * np.eye(6)
    differences = [(sets.slack(point + row) - sets.slack(point - row)) / (2 * step) for row in rows]
    assert np.allclose(sets.slack_gradient(point).T, differences, rtol=0, atol=1e-8)


def test_program_writes_a_document_that_states_what_it_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file states size, coefficients, squared sensitivity and product, consistent with each other."""
    output = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["search", "--epochs", "8", "--flips", "2", "--output", str(output)])
    search.main()
    document = json.loads(output.read_text(encoding="utf-8"))
    found = Factorisation(document["name"], tuple(document["coefficients"]))
    size = {field: document[field] for field in ("name", "epochs", "flips", "scale")}
    assert size == {"name": "toeplitz-8-w2", "epochs": 8, "flips": 2, "scale": 4096}
    assert document["sensitivity_squared"] == alternating_sensitivity_squared(found, 2)
    assert document["product"] == pytest.approx(product(found, 2), abs=1e-6)
