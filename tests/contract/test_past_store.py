"""A store from before a change of the code: its policies stay valid, its targets keep their statistics."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pytest

from api.replay.records import Action, ActionKind, TimedRecord
from privacy.gallery.reader import GalleryReader
from privacy.mechanism.guarantee import guarantee
from privacy.model.documents import LedgerEntry, ReleaseDocument
from privacy.model.timestamp import MS_PER_HOUR
from privacy.policy.file import DEFAULT_POLICY_PATH, parse_policy
from privacy.store.keys import gallery_key
from tests.support.in_process import a_like, a_posting, likes_of, system_on
from tests.support.own_policy import OWN_DIMENSIONS, own_policy_text
from tests.support.past_store import (
    FILLED_MS,
    LIKES,
    OF_DEFAULT,
    OF_SMALL,
    STARTS_MS,
    TAKEN_BACK,
    PastStore,
    a_past_like,
    a_past_video,
)
from tests.support.redis_server import Store

PAST: Final = PastStore.read()
LEFT_MS: Final = STARTS_MS[OF_SMALL] + FILLED_MS
"""When earlier code left the store."""
MORE: Final = 100
LEAVING: Final = 25
"""Accounts that take a like of old back."""
RETURNING: Final = 15
"""Accounts that took theirs back before, and like again."""
BANNED: Final = 50
"""Accounts that liked before the change, and are banned after it."""
NEXT: Final = own_policy_text(OWN_DIMENSIONS, "next").replace(
    "[intake]\n", "[intake]\nlate_registration_seconds = 3600\n"
)
OLD: Final = (OF_DEFAULT, OF_SMALL)
CAME: Final = {*range(LIKES + MORE)}
GONE: Final = {
    *range(RETURNING, TAKEN_BACK + LEAVING),
    *range(LIKES - BANNED, LIKES),
}
"""Numbers of the accounts whose likes of an old video are taken back, or that are banned, in the end."""
KEPT: Final = ("policy_sha256", "schedule", "creator_schedule", "release", "dimensions", "intake")
"""Members of a guarantee that never change for a version."""


def published(store: Store) -> dict[bytes, dict[bytes, bytes]]:
    """Return all releases and ledger entries, byte by byte."""
    names = [
        cast("bytes", name)
        for pattern in ("g:releases:*", "g:points:*", "g:ledger:[0-9]*")
        for name in store.root.keys(pattern)
    ]
    return {name: cast("dict[bytes, bytes]", store.root.hgetall(name)) for name in names}


def shape_of(release: ReleaseDocument) -> dict[str, Any]:
    """Return which numbers a release has, shown or not."""
    return {
        "policy": release.policy_version,
        "breakdowns": {name: [*figures.cells] for name, figures in release.breakdowns.items()},
        "removals": [*release.removals],
    }


@pytest.mark.parametrize("video_id", OLD)
def test_a_policy_means_what_it_meant(video_id: str) -> None:
    """Every budget, scale, deviation and threshold of a policy from before is the same to the last digit."""
    policy = parse_policy(PAST.policies[video_id].encode())
    before, now = PAST.guarantees[video_id], guarantee(policy)
    assert {name: now[name] for name in KEPT} == {name: before[name] for name in KEPT}
    assert now["anonymity"]["k"] == before["anonymity"]["k"]
    for label, kind in before["kinds"].items():
        same = now["kinds"][label]
        assert (same["rho"], same["reserve_rho"]) == (kind["rho"], kind["reserve_rho"])
        assert same["statistics"] == kind["statistics"]
        assert same["mechanism"].items() >= kind["mechanism"].items()
        assert epsilons(same) == epsilons(kind)


def epsilons(kind: Mapping[str, Any]) -> dict[float, float]:
    """Return epsilon by delta."""
    return {pair["delta"]: pair["epsilon"] for pair in kind["epsilon"]}


@pytest.mark.parametrize("text", [NEXT, DEFAULT_POLICY_PATH.read_text()], ids=["own", "packaged"])
def test_targets_of_an_old_store_keep_their_statistics(store: Store, tmp_path: Path, text: str) -> None:
    """Under a new policy with other dimensions, or with audiences, old videos go on as they began.

    Nothing is drawn again.
    """
    PAST.put_back(store, tmp_path)
    before = published(store)
    shapes = {video_id: shape_of(likes_of(store, video_id)[0]) for video_id in OLD}
    videos = [a_posting("new", LEFT_MS), *map(a_past_video, OLD)]
    bans = [
        Action(LEFT_MS + MS_PER_HOUR, ActionKind.BAN, f"a-{LIKES - number}")
        for number in range(1, 1 + BANNED)
    ]
    with system_on(store, tmp_path, text) as system:
        system.timeline.run(videos, later_events(), LEFT_MS + 25 * MS_PER_HOUR, bans)
        assert system.intake.events["counted"] == 2 * (MORE + RETURNING) + LIKES
        assert system.intake.events["uncounted"] == 2 * LEAVING
        assert (system.intake.videos["created"], system.intake.videos["unchanged"]) == (1, len(OLD))
    after = published(store)
    assert all(after[name].items() >= entries.items() for name, entries in before.items())
    for video_id in OLD:
        releases = likes_of(store, video_id)
        assert len(releases) > len(before[gallery_key("releases", video_id, "like").encode()])
        assert [shape_of(release) for release in releases] == [shapes[video_id]] * len(releases)
    last = likes_of(store, OF_SMALL)[-1]
    genders = last.breakdowns["gender"].cells
    # Ten deviations under this policy: a false alarm of 10^-22.
    for figure, numbers in (
        (last.total, CAME - GONE),
        (genders["female"], {number for number in CAME - GONE if number % 2 == 0}),
    ):
        assert figure is not None
        assert abs(figure[0] - len(numbers)) < 40
    declared = [dimension.name for dimension in parse_policy(text.encode()).series_dimensions]
    assert [*likes_of(store, "new")[0].breakdowns] == declared
    check_chains(store)


def later_events() -> list[TimedRecord]:
    """Return what accounts do after the change: most like old videos or the new one, some take one back."""
    came = [*range(RETURNING), *range(LIKES, LIKES + MORE)]
    left = range(TAKEN_BACK, TAKEN_BACK + LEAVING)
    events = [
        *(a_past_like(video, number, LEFT_MS + 1000 * number) for video in OLD for number in came),
        *(
            a_like(video, f"a-{number}", LEFT_MS + 1000 * number, type="unlike")
            for video in OLD
            for number in left
        ),
        *(
            a_like("new", f"a-{number}", LEFT_MS + 1000 * number, profile={"city": "Oulu"})
            for number in range(LIKES)
        ),
    ]
    return sorted(events, key=lambda event: event.at_ms)


def check_chains(store: Store) -> None:
    """Check that each entry names the one before, across the change."""
    for name, entries in published(store).items():
        if name.startswith(b"g:ledger:"):
            previous = ""
            for number in range(len(entries)):
                raw = entries[str(number).encode()]
                assert msgspec.json.decode(raw, type=LedgerEntry).previous == previous
                previous = sha256(raw).hexdigest()


def test_guarantees_of_old_versions_stay_published(store: Store, tmp_path: Path) -> None:
    """Readers find the version that a target names, with the same noise and thresholds."""
    PAST.put_back(store, tmp_path)
    with system_on(store, tmp_path, NEXT):
        pass
    reader = GalleryReader(store.public)
    for video_id, text in PAST.policies.items():
        version = parse_policy(text.encode()).version
        stated = reader.read_guarantee(version)
        assert stated is not None
        before = PAST.guarantees[video_id]["kinds"]["like"]["statistics"]
        assert stated["kinds"]["like"]["statistics"] == before
