"""The sections on noise claim power only where they have it."""

import pytest
from scipy.stats import chi2, ncx2

from privacy.audit.noise_sections import ENOUGH_DRAWS, WRONG_SCALE
from privacy.audit.noise_statistics import FALSE_ALARM, exact_bins


@pytest.mark.parametrize("scale", [11_000, 86_780])
def test_a_sound_sample_rejects_the_wrong_scale(scale: int) -> None:
    """One that does not is rarer than a false alarm: Pearson's statistic is non-central χ²."""
    bins = exact_bins(scale)
    wrong = bins.probabilities_at(scale * WRONG_SCALE)
    freedom = len(wrong) - 1
    per_draw = float(((bins.probabilities - wrong) ** 2 / wrong).sum())
    critical = chi2.isf(FALSE_ALARM, freedom)
    assert ncx2.cdf(critical, freedom, ENOUGH_DRAWS * per_draw) < FALSE_ALARM
    assert ncx2.cdf(critical, freedom, 300_000 * per_draw) > 0.01
