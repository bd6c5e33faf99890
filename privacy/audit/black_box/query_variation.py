"""Varies queries (averaging, collusion, aliases, filters) to obtain other noise or other subsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from privacy.audit.black_box.claim import list_profile_dimensions
from privacy.audit.black_box.context import TargetAttack
from privacy.audit.black_box.deployment import Canary, CanaryEvent
from privacy.audit.black_box.published import OK, read_document
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
"""Parameters that would select a person or a smaller group, or reduce the noise."""
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
class QueryVariationAttack(TargetAttack):
    """The attacks, on targets that are not released again while they are read.

    Args:
        context: of the campaign.
    """

    key = "query-variation"
    title = "Averaging, collusion, aliases and filters"

    def create_targets(self) -> list[Canary]:
        """Creates the targets."""
        return [self.context.single_release_canary(f"still-{number}") for number in range(TARGETS)]

    @cached_property
    def _paths(self) -> list[str]:
        dimension = list_profile_dimensions(self.context.claim)[0]
        return [
            path
            for target in self.targets
            for path in (
                f"/v1/videos/{target.public_id}/likes",
                f"/v1/videos/{target.public_id}/likes/breakdowns/{dimension}",
                f"/v1/videos/{target.public_id}/likes/timeseries",
            )
        ]

    def first_events(self) -> Sequence[CanaryEvent]:
        """Returns enough likes for the numbers to be shown."""
        return list(likes_of_sybils(self.context, "still", self.targets, SHOWN_LIKES))

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Tries every variation."""
        return [
            self._evaluate_averaging(),
            self._evaluate_collusion(),
            self._evaluate_aliases(),
            self._evaluate_filters(),
        ]

    def _evaluate_averaging(self) -> Section:
        repetitions, deployment = self.context.scale.repetitions, self.context.deployment
        bodies: dict[str, set[bytes]] = {path: set() for path in self._paths[:3]}
        for number in range(repetitions):
            self.context.progress("averaging", number + 1, repetitions)
            path = self._paths[number % 3]
            headers = _VARIED_HEADERS[number % len(_VARIED_HEADERS)]
            bodies[path].add(deployment.read(path, number % deployment.keys, headers).body)
        findings = [
            Finding(path, "one answer", f"{len(observed):,} answer(s)", len(observed) == 1)
            for path, observed in bodies.items()
        ]
        return Section(
            key="averaging",
            title="Averaging: repeated reads of one number",
            tried=f"Total, breakdown and time series of one target: {repetitions:,} requests with "
            f"{deployment.keys} key(s) and varied headers.",
            breaks="Two answers from one release differ in any byte.",
            confidence=_CERTAIN,
            findings=tuple(findings),
        )

    def _evaluate_collusion(self) -> Section:
        deployment = self.context.deployment
        differing = [
            path
            for path in self._paths
            if len({deployment.read(path, key).body for key in range(deployment.keys)}) > 1
        ]
        enough = deployment.keys > 1
        finding = Finding(
            what=f"{len(self._paths)} answers for each of {deployment.keys} key(s)",
            required="the same bytes for all keys, of which there are at least two",
            found=f"{len(differing):,} differ" if enough else "only one key; give --read-key twice",
            passed=enough and not differing,
        )
        return Section(
            key="collusion",
            title="Collusion of keys",
            tried="The same numbers were read with every key and compared.",
            breaks="Two keys get different answers, whose noise could be averaged.",
            confidence=_CERTAIN,
            findings=(finding,),
        )

    def _evaluate_aliases(self) -> Section:
        deployment, targets = self.context.deployment, self.targets
        ids = [target.public_id for target in targets]
        plain = deployment.read(f"/v1/videos?ids={','.join(ids)}").body
        orders = (ids[::-1], ids + ids, [*ids[2:], *ids[:2]])
        reordered = sum(
            deployment.read(f"/v1/videos?ids={','.join(order)}").body != plain for order in orders
        )
        listed = {
            video["video_id"]: video["likes"]
            for video in read_document(deployment, f"/v1/videos?ids={','.join(ids)}")["videos"]
        }
        disagreeing = sum(self._paths_disagree(target, listed[target.public_id]) for target in targets)
        unequal = self._count_unequal_queries(ids, listed)
        findings = (
            Finding(
                "reordered or repeated ids",
                "the same bytes",
                f"{reordered} of {len(orders)} differ",
                reordered == 0,
            ),
            Finding(
                "one total from four resources, and the time series in pages of one point",
                "the same number everywhere",
                f"{disagreeing} of {len(targets)} targets differ",
                disagreeing == 0,
            ),
            Finding(
                "a query for each target, and the sum over all targets less that over all others",
                "the number of the target, in both ways",
                f"{unequal} of {2 * len(targets)} differ",
                unequal == 0,
            ),
        )
        return Section(
            key="aliases",
            title="Differencing: aliases and overlapping windows",
            tried="The total of each target was read from its own resource, from the list, from a breakdown "
            "and from the time series; this whole and in pages; lists in other orders; by queries, "
            "alone and as the difference of two sums.",
            breaks="Two resources give different values for one number; their difference or mean would "
            "reveal more than one release.",
            confidence=_CERTAIN,
            findings=findings,
        )

    def _count_unequal_queries(self, ids: Sequence[str], listed: Mapping[str, Any]) -> int:
        """Counts by how many queries a number is not the one that the list shows."""
        rows = self._query(ids, "&by=video")
        each = {row["video_id"]: row["metrics"]["likes"]["value"] for row in rows}
        (whole,) = self._query(ids)
        unequal = 0
        for name in ids:
            (rest,) = self._query([other for other in ids if other != name])
            sums = (row["metrics"]["likes"]["value"] or 0 for row in (whole, rest))
            value = listed[name]["value"]
            unequal += (each[name] != value) + (next(sums) - next(sums) != (value or 0))
        return unequal

    def _query(self, ids: Sequence[str], more: str = "") -> Sequence[Mapping[str, Any]]:
        rows: Sequence[Mapping[str, Any]] = read_document(
            self.context.deployment, f"/v1/query?ids={','.join(ids)}{more}"
        )["rows"]
        return rows

    def _paths_disagree(self, target: Canary, listed: object) -> bool:
        deployment = self.context.deployment
        base = f"/v1/videos/{target.public_id}/likes"
        dimension = list_profile_dimensions(self.context.claim)[0]
        series = read_document(deployment, f"{base}/timeseries")["points"]
        paged, cursor = [], ""
        while True:
            page = read_document(deployment, f"{base}/timeseries?limit=1{cursor}")
            paged += page["points"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        current_numbers = (
            read_document(deployment, base)["total"],
            read_document(deployment, f"{base}/breakdowns/{dimension}")["total"],
            {**series[-1]["total"], "next_release_at": None} if series else None,
        )
        current = current_numbers[0]
        return (
            any(number != current for number in current_numbers[:2])
            or listed != current
            or current_numbers[2] != {**current, "next_release_at": None}
            or paged != series
        )

    def _evaluate_filters(self) -> Section:
        deployment = self.context.deployment
        paths = [*self._paths[:3], "/v1/query", "/v1/videos"]
        requested = [f"{path}?{parameter}" for path in paths for parameter in FILTERS]
        accepted = [path for path in requested if deployment.read(path).status == OK]
        finding = Finding(
            what=f"{len(requested)} requests with {len(FILTERS)} parameters",
            required="none returns a number",
            found=f"{len(accepted)} do" + "".join(f"; {path}" for path in accepted[:3]),
            passed=not accepted,
        )
        return Section(
            key="filters",
            title="Filters by identity and undeclared subsets",
            tried="Parameters that name an account, a smaller group, a seed, an epsilon or another k.",
            breaks="Any of these requests returns a number.",
            confidence=_CERTAIN,
            findings=(finding,),
        )


_CERTAIN = "Certain: bytes are compared. False alarms are impossible."
