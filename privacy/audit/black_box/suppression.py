"""What is not said: whether no like and too few likes can be told apart, by form or by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.black_box.chance import FALSE_ALARM, same_times_p_value
from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent, Reply
from privacy.audit.black_box.published import OK
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE, FEW, SHOWN = 0, 1, 2
_KINDS = ("never liked", "withheld", "published")
_SHOWN_LIKES = 400
_LOOKS = 3
"""A second may pass between two requests, and then `max-age` differs: what differs, differs each time."""
_OF_ANY_REQUEST = frozenset({"date", "ratelimit", "ratelimit-policy", "etag", "age"})
"""Headers that differ between any two requests, or with the body's id."""


@dataclass
class SuppressionAttack(Attack):
    """The attacks, on three targets with names of one length: without likes, with k−1, with many.

    Args:
        ground: of the campaign.
    """

    ground: CampaignContext

    @cached_property
    def _targets(self) -> list[Canary]:
        return [self.ground.still_canary(f"mute-{number}") for number in (NONE, FEW, SHOWN)]

    def canaries(self) -> Sequence[Canary]:
        """The targets."""
        return self._targets

    def first_events(self) -> Sequence[CanaryEvent]:
        """Likes of two of them."""
        few = likes_of_sybils(self.ground, "mute-few", [self._targets[FEW]], self.ground.claim.k - 1)
        many = likes_of_sybils(self.ground, "mute-many", [self._targets[SHOWN]], _SHOWN_LIKES)
        return [*few, *many]

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Compare answers, then times."""
        return [self._forms(), self._times()]

    def _forms(self) -> Section:
        dimensions = self.ground.claim.values
        ends = ["", "/likes", "/likes/timeseries", *(f"/likes/breakdowns/{name}" for name in dimensions)]
        differing = [end or "/" for end in ends if not any(self._alike(end) for _ in range(_LOOKS))]
        finding = Finding(
            what=f"{len(ends)} answers about no like, and about k−1",
            required="status, headers and bytes alike, but for the id",
            found=f"{len(differing)} differ" + "".join(f"; {end}" for end in differing[:3]),
            passed=not differing,
        )
        return Section(
            key="silence",
            title="Never liked, and withheld: the same answer",
            tried="Every read of a target without any like and of one with k−1 likes, with ids of the "
            "same length.",
            breaks="Status, headers, size or any byte but the id differs.",
            confidence="Certain: equality of bytes. No false alarms.",
            findings=(finding,),
        )

    def _alike(self, end: str) -> bool:
        read = self.ground.deployment.read
        return len({_form(read(_path(target, end)), target) for target in self._targets[:SHOWN]}) == 1

    def _times(self) -> Section:
        seconds = self._measured()
        p_value = same_times_p_value(seconds[NONE], seconds[FEW])
        unknown = same_times_p_value(seconds[FEW], seconds[SHOWN])
        finding = Finding(
            what="time of never liked and of withheld",
            required=f"ranks as likely as {FALSE_ALARM:g} or more if both take equally long",
            found=f"p = {p_value:.3g}; medians {_medians(seconds)}. Withheld against published, which the "
            f"answer itself tells: p = {unknown:.3g}",
            passed=p_value >= FALSE_ALARM,
        )
        return Section(
            key="timing",
            title="Timing of never liked, withheld and published",
            tried=f"{seconds.shape[1]:,} requests of each kind on one connection, in blocks of three in "
            "random order.",
            breaks="The times of never liked and withheld differ.",
            confidence="Wilcoxon's signed ranks within blocks: equal times fail with a probability of "
            f"{FALSE_ALARM:g}.",
            findings=(finding,),
            plots=(_plot(seconds),),
        )

    def _measured(self) -> NDArray[np.float64]:
        blocks, read = self.ground.sizes.timings, self.ground.deployment.read
        seconds = np.empty((len(_KINDS), blocks))
        for block in range(blocks):
            self.ground.progress("timing", block + 1, blocks)
            for kind in self.ground.coins.permutation(len(_KINDS)):
                reply = read(_path(self._targets[kind], "/likes"))
                seconds[kind, block] = reply.seconds if reply.status == OK else np.nan
        return seconds


def _path(target: Canary, end: str) -> str:
    return f"/v1/videos/{target.public_id}{end}"


def _form(reply: Reply, target: Canary) -> tuple[object, ...]:
    """Everything of an answer but the id and what differs between any two requests."""
    headers = {name: value for name, value in reply.headers.items() if name not in _OF_ANY_REQUEST}
    return reply.status, tuple(sorted(headers.items())), reply.body.replace(target.public_id.encode(), b"")


def _medians(seconds: NDArray[np.float64]) -> str:
    middle = np.median(seconds, axis=1) * 1e6
    return ", ".join(f"{kind} {value:.0f} µs" for kind, value in zip(_KINDS, middle, strict=True))


def _plot(seconds: NDArray[np.float64]) -> ComparisonPlot:
    quarter, middle, most = np.quantile(seconds, (0.25, 0.5, 0.75), axis=1) * 1e6
    rows = [
        Comparison(kind, float(quarter[place]), float(middle[place]), float(most[place]), float(middle[FEW]))
        for place, kind in enumerate(_KINDS)
    ]
    return ComparisonPlot("Time of an answer, quartiles", "µs", "median of withheld", tuple(rows))
