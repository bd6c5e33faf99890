"""Describes a policy's audiences, as a part of the guarantee."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from privacy.mechanism.audience_accounting import AudienceCalibration
from privacy.policy.policy import Policy


def describe_audiences(policy: Policy, calibrations: Sequence[AudienceCalibration]) -> dict[str, Any] | None:
    """Describe what audiences count, what that costs, and their noise; None for a policy without."""
    audiences = policy.audiences
    if audiences is None:
        return None
    joint = {
        dimension.name: [part.name for part in dimension.parts] for dimension in audiences.joint_dimensions
    }
    return {
        "counted": "different accounts of which a like was first counted in the period on a video of the "
        "scope. All likes of one account in that scope and period together change no more than one does",
        "rho": float(audiences.rho),
        "hashtags_per_video": audiences.hashtags_per_video,
        "joint_dimensions": joint,
        "periods": [_describe_period(calibration) for calibration in calibrations],
    }


def _describe_period(calibration: AudienceCalibration) -> dict[str, Any]:
    period = calibration.period
    thresholds = np.ceil(calibration.least_count + calibration.margins).astype(int)
    return {
        "scope": period.scope.value,
        "every_seconds": period.every_seconds,
        "rho": float(period.rho),
        "statistics": [
            {
                "name": statistic.name,
                "rho": float(statistic.rho),
                "sensitivity_squared": statistic.sensitivity_squared,
                "noise_scale": statistic.scale,
                "sd": round(float(calibration.deviations[place.start]), 3),
                "threshold": int(thresholds[place.start]),
            }
            for statistic, place in zip(calibration.statistics, calibration.places.values(), strict=True)
        ],
        "dimensions": {name: list(calibration.policy.cells_of(name)) for name in period.breakdowns},
    }
