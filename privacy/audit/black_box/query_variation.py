"""Averaging, collusion, aliases and filters: whether any way of asking gives another draw, or another cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.profiles import profile_dimensions
from privacy.audit.black_box.published import OK, document
from privacy.audit.black_box.sybils import likes_of_sybils
from privacy.audit.report_model import Finding, Section

TARGETS = 5
SHOWN_LIKES = 400
FILTERS = (
    "account_id=a-1",
    "accounts=a-1,a-2",
    "user=a-1",
    "email=a%40example.org",
    "liked_by=a-1",
    "exclude=a-1",
    "gender=female",
    "cells=android,ios",
    "age_band=18-24&gender=female",
    "since=2026-01-01T00:00:00Z",
    "seed=1",
    "epsilon=10",
    "k=1",
)
"""Parameters with which one would ask about a person, about a smaller group, or for less noise."""
_VARIED_HEADERS: tuple[Mapping[str, str], ...] = (
    {},
    {"User-Agent": "reviewer/1"},
    {"Accept": "application/json"},
    {"Accept-Language": "de"},
    {"X-Forwarded-For": "192.0.2.1"},
    {"Cache-Control": "no-cache"},
    {"Pragma": "no-cache"},
)


@dataclass
class QueryVariationAttack(Attack):
    """The attacks, on targets that rest between two releases while they are asked about.

    Args:
        ground: of the campaign.
    """

    ground: CampaignContext

    @cached_property
    def _targets(self) -> list[Canary]:
        return [self.ground.still_canary(f"still-{number}") for number in range(TARGETS)]

    @cached_property
    def _paths(self) -> list[str]:
        dimension = profile_dimensions(self.ground.claim)[0]
        return [
            path
            for target in self._targets
            for path in (
                f"/v1/videos/{target.public_id}/likes",
                f"/v1/videos/{target.public_id}/likes/breakdowns/{dimension}",
                f"/v1/videos/{target.public_id}/likes/timeseries",
            )
        ]

    def canaries(self) -> Sequence[Canary]:
        """The targets."""
        return self._targets

    def first_events(self) -> Sequence[CanaryEvent]:
        """Likes enough to be shown."""
        return list(likes_of_sybils(self.ground, "still", self._targets, SHOWN_LIKES))

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Ask in every way."""
        return [self._averaging(), self._collusion(), self._aliases(), self._filters()]

    def _averaging(self) -> Section:
        repetitions, deployment = self.ground.sizes.repetitions, self.ground.deployment
        bodies: dict[str, set[bytes]] = {path: set() for path in self._paths[:3]}
        for number in range(repetitions):
            self.ground.progress("averaging", number + 1, repetitions)
            path = self._paths[number % 3]
            headers = _VARIED_HEADERS[number % len(_VARIED_HEADERS)]
            bodies[path].add(deployment.read(path, number % deployment.keys, headers).body)
        findings = [
            Finding(path, "one answer", f"{len(seen):,} answer(s)", len(seen) == 1)
            for path, seen in bodies.items()
        ]
        return Section(
            key="averaging",
            title="Averaging: one number asked for many times",
            tried=f"Total, breakdown and time series of one target, {repetitions:,} requests with "
            f"{deployment.keys} key(s) and varied headers.",
            breaks="Two answers of one release differ in any byte.",
            confidence=_CERTAIN,
            findings=tuple(findings),
        )

    def _collusion(self) -> Section:
        deployment = self.ground.deployment
        differing = [
            path
            for path in self._paths
            if len({deployment.read(path, key).body for key in range(deployment.keys)}) > 1
        ]
        enough = deployment.keys > 1
        finding = Finding(
            what=f"{len(self._paths)} answers for each of {deployment.keys} key(s)",
            required="the same bytes for all keys; two keys or more to compare",
            found=f"{len(differing):,} differ" if enough else "one key only: give --read-key twice",
            passed=enough and not differing,
        )
        return Section(
            key="collusion",
            title="Collusion of keys",
            tried="The same numbers with every key, side by side.",
            breaks="Two keys are answered differently: their noise could be averaged.",
            confidence=_CERTAIN,
            findings=(finding,),
        )

    def _aliases(self) -> Section:
        deployment, targets = self.ground.deployment, self._targets
        ids = [target.public_id for target in targets]
        plain = deployment.read(f"/v1/videos?ids={','.join(ids)}").body
        orders = (ids[::-1], ids + ids, [*ids[2:], *ids[:2]])
        spelled = sum(deployment.read(f"/v1/videos?ids={','.join(order)}").body != plain for order in orders)
        listed = {
            video["video_id"]: video["likes"]
            for video in document(deployment, f"/v1/videos?ids={','.join(ids)}")["videos"]
        }
        apart = sum(self._ways_apart(target, listed[target.public_id]) for target in targets)
        findings = (
            Finding(
                "ids in another order, or twice",
                "the same bytes",
                f"{spelled} of {len(orders)} differ",
                spelled == 0,
            ),
            Finding(
                "one total by four ways, and the time series by pages of one",
                "the same number by every way",
                f"{apart} of {len(targets)} targets differ",
                apart == 0,
            ),
        )
        return Section(
            key="aliases",
            title="Differencing: other spellings and overlapping windows",
            tried="The total of each target from its own address, from the list, from a breakdown and "
            "from the time series; the time series whole and in overlapping pages; lists in other orders.",
            breaks="Two ways to one number differ: their difference, or their mean, would say more than "
            "one release.",
            confidence=_CERTAIN,
            findings=findings,
        )

    def _ways_apart(self, target: Canary, listed: object) -> bool:
        deployment = self.ground.deployment
        base = f"/v1/videos/{target.public_id}/likes"
        dimension = profile_dimensions(self.ground.claim)[0]
        series = document(deployment, f"{base}/timeseries")["points"]
        paged, cursor = [], ""
        while True:
            page = document(deployment, f"{base}/timeseries?limit=1{cursor}")
            paged += page["points"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        ways = (
            document(deployment, base)["total"],
            document(deployment, f"{base}/breakdowns/{dimension}")["total"],
            {**series[-1]["total"], "next_release_at": None} if series else None,
        )
        current = ways[0]
        return (
            any(way != current for way in ways[:2])
            or listed != current
            or ways[2] != {**current, "next_release_at": None}
            or paged != series
        )

    def _filters(self) -> Section:
        deployment = self.ground.deployment
        paths = self._paths[:3]
        asked = [f"{path}?{parameter}" for path in paths for parameter in FILTERS]
        taken = [path for path in asked if deployment.read(path).status == OK]
        finding = Finding(
            what=f"{len(asked)} requests with {len(FILTERS)} parameters",
            required="none is answered with a number",
            found=f"{len(taken)} are" + "".join(f"; {path}" for path in taken[:3]),
            passed=not taken,
        )
        return Section(
            key="filters",
            title="Filters by identity, and cuts that nobody declared",
            tried="Parameters that name an account, a smaller group, a seed, an epsilon or another k.",
            breaks="One of them is answered with a number.",
            confidence=_CERTAIN,
            findings=(finding,),
        )


_CERTAIN = "Certain: equality of bytes. No false alarms."
