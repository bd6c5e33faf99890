"""Checks what release workers wrote to a real store, and the mechanisms that they take from it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.audit.noise_replay import draw_where
from privacy.audit.recorded_entropy import EntropyReplay, ReplayError
from privacy.audit.reference_sampler import ReferenceSampler
from privacy.audit.report_model import Finding
from privacy.mechanism.accounting import calibrate
from privacy.model.engagement import Kind, TargetType
from privacy.policy.policy import Policy
from privacy.release.history import MEASUREMENT, NET_CHANGE
from privacy.release.worker import ReleaseWorker

WRITTEN: Final = "measurements of a video in the store, after a release by the workers of a release process"
EXPECTED: Final = (
    "one for each stream and step; the earlier bytes are the same; the new ones are the exact changes plus "
    "the noise that the audit draws from the entropy that the workers were given"
)


def check_written(
    policy: Policy, before: bytes, after: bytes, net_changes: bytes, replay: EntropyReplay
) -> Finding:
    """Draws the noise of a release of one video again, of all its kinds, and compares its likes.

    Args:
        policy: the policy of the video.
        before: all measurements of its likes before the release, as the store holds them.
        after: all of them after it.
        net_changes: the exact changes of its likes.
        replay: what the workers read for this release.
    """
    if not after.startswith(before):
        return Finding(WRITTEN, EXPECTED, "earlier ones have changed", passed=False)
    measured = np.frombuffer(after, MEASUREMENT)
    steps = int(measured["step"].max(initial=0)) + 1
    places = list(zip(measured["stream"].tolist(), measured["step"].tolist(), strict=True))
    complete = [(stream, step) for stream in sorted({at for at, _ in places}) for step in range(steps)]
    try:
        noise = _draw_again(policy, steps, replay)
    except ReplayError as error:
        return Finding(WRITTEN, EXPECTED, str(error), passed=False)
    rows = np.frombuffer(net_changes, NET_CHANGE)
    changes = np.zeros(noise.shape, np.int64)
    changes[rows["stream"], rows["step"]] = rows["value"]
    encoder = calibrate(policy, Kind.LIKE).factorisation.encoder[:steps, :steps]
    new = measured[len(before) // MEASUREMENT.itemsize :]
    off = new["value"] - (changes @ encoder.T + noise)[new["stream"], new["step"]]
    return Finding(
        WRITTEN,
        EXPECTED,
        f"{len(places):,} of {len(complete):,} places; {len(new):,} new ones, of which "
        f"{np.count_nonzero(off):,} are off",
        sorted(places) == complete and 0 < len(new) < len(places) and not off.any(),
    )


def _draw_again(policy: Policy, steps: int, replay: EntropyReplay) -> NDArray[np.int64]:
    """Returns the noise of the likes, shape (streams, steps).

    Raises:
        ReplayError: the workers read their entropy in another way.
    """
    sampler = ReferenceSampler(replay)
    noise: dict[Kind, NDArray[np.int64]] = {}
    for kind in sorted(policy.kinds_of(TargetType.VIDEO)):
        scales = calibrate(policy, kind).stream_scales
        (noise[kind],) = draw_where(np.ones((1, len(scales), steps), np.bool_), scales, sampler)
    replay.finish()
    return noise[Kind.LIKE]


def check_mechanisms(policy: Policy, worker: ReleaseWorker) -> Finding:
    """Compares the mechanisms that a worker reads from the store with those of the audited policy."""
    wrong = []
    for kind in policy.budgets:
        used, right = worker.calibrations(policy.version, kind), calibrate(policy, kind)
        same = (used.kind, used.policy.digest, used.statistics) == (kind, policy.digest, right.statistics)
        if not same or used.factorisation.coefficients != right.factorisation.coefficients:
            wrong.append(kind.label)
    return Finding(
        "the mechanisms that a release process takes from the store, for each kind",
        "those of the policy, whose parameters another section recalculates",
        f"others for {', '.join(wrong)}" if wrong else f"the same for all {len(policy.budgets)}",
        not wrong,
    )
