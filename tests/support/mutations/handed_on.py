"""Mistakes in what is handed on between right parts: entropy, mechanisms, histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from api.audit import outage, write_once
from api.replay import in_process
from api.runtime import release
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Kind
from privacy.policy.policy import Policy
from privacy.tally import series
from tests.support.mutations.mutation import Mutation, edited

if TYPE_CHECKING:
    import pytest

_right_workers = release.make_release_workers
_MEASURED = "row[9] = call('LRANGE', MEASUREMENTS .. series, 0, -1)"


def _wired(wrap: Callable[[EntropySource], EntropySource]) -> Callable[[pytest.MonkeyPatch], None]:
    """Puts something between the source of the release process and its workers."""

    def workers(
        settings: Any, header: Any, erasures: Any, entropy: EntropySource, *given: Any, **more: Any
    ) -> Any:
        return _right_workers(settings, header, erasures, wrap(entropy), *given, **more)

    def apply(patch: pytest.MonkeyPatch) -> None:
        for module in (release, in_process, outage, write_once):
            patch.setattr(module, "make_release_workers", workers)

    return apply


def _half_twice(entropy: EntropySource) -> EntropySource:
    return lambda size: (2 * entropy((size + 1) // 2))[:size]


def _pool(entropy: EntropySource) -> EntropySource:
    generator = np.random.default_rng(int.from_bytes(entropy(16)))
    return lambda size: bool(entropy(size)) * generator.bytes(size)


def _calibrated(alter: Callable[[Policy, Kind], Calibration]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(release, "calibrate", alter)


def _double_rho(policy: Policy, kind: Kind) -> Calibration:
    right = calibrate(policy, kind)
    return replace(right, statistics=tuple(replace(each, rho=2 * each.rho) for each in right.statistics))


def _exchanged(policy: Policy, kind: Kind) -> Calibration:
    exchanged = {Kind.LIKE: Kind.FAVORITE, Kind.FAVORITE: Kind.LIKE}
    return calibrate(policy, exchanged.get(kind, kind))


def _read(after: str, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(series, "_READ", edited(series._READ, _MEASURED, after))


def _commits(before: str, after: str, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(series, "_COMMIT", edited(series._COMMIT, before, after))


HANDED_ON = (
    Mutation(
        "half of the entropy, twice",
        _wired(_half_twice),
        "end to end",
        in_quick_tests=True,
    ),
    Mutation("a generator between the source and the workers", _wired(_pool), "end to end"),
    Mutation("twice the budget for policies from a store", _calibrated(_double_rho), "end to end"),
    Mutation("likes released as favourites, and the reverse", _calibrated(_exchanged), "end to end"),
    Mutation("a store that forgets measurements", partial(_read, "row[9] = {}"), "end to end"),
    Mutation(
        "a store that returns the latest measurements alone",
        partial(_read, _MEASURED.replace(" 0, -1", " -1, -1")),
        "end to end",
    ),
    Mutation(
        "measurements that are not kept",
        partial(_commits, "if release.measurements ~= '' then", "if release.measurements == '' then"),
        "end to end",
    ),
)
