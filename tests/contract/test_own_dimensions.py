"""A platform may say of its accounts what nobody thought of: a policy declares it, events say it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from api.public.app import build_public_app
from privacy.intake.profile_shape import PASSED_OVER
from privacy.model.dimension import UNDISCLOSED
from privacy.model.engagement import Kind
from privacy.model.timestamp import MS_PER_HOUR, parse_timestamp_ms
from privacy.policy.file import parse_policy
from tests.support.gallery import NOW_MS
from tests.support.in_process import a_like, a_posting, likes_of, system_on
from tests.support.own_policy import OWN_DIMENSIONS, own_policy_text
from tests.support.platform_plane import PlatformPlane, event, lines, plane_on
from tests.support.public_plane import MemoryLog, new_key
from tests.support.redis_server import Store
from tests.support.staff import office_on

POLICY_TEXT: Final = own_policy_text(OWN_DIMENSIONS)
START_MS: Final = parse_timestamp_ms("2026-05-01T00:00:00Z")
ACCOUNTS: Final = 480
"""Enough that each cell has dozens: the deviation of an estimate is below 6 under this policy."""
TOLERANCE: Final = 60
"""Ten deviations: a false alarm of 10^-22 for each of some 15 cells."""


def profile_of(number: int) -> dict[str, Any]:
    """Return what the platform says of an account; some of it no policy declares."""
    said: dict[str, Any] = {
        name: values[number % len(values)] for name, values in OWN_DIMENSIONS.items() if number % 7
    }
    return said | {"gender": "female", "shoe_size": number}


def expected_cells(dimension: str, accounts: Sequence[int]) -> Counter[str]:
    """Return the number of accounts of each cell."""
    return Counter(profile_of(number).get(dimension, "undisclosed") for number in accounts)


def test_a_history_is_replayed_under_four_own_dimensions(store: Store, tmp_path: Path) -> None:
    """Every event is counted, and the releases have the cells of these dimensions, near the exact counts."""
    likes = [
        a_like("v", f"a-{number}", START_MS + 1000 * number, profile=profile_of(number))
        for number in range(ACCOUNTS)
    ]
    with system_on(store, tmp_path, POLICY_TEXT) as system:
        system.timeline.run([a_posting("v", START_MS)], likes, START_MS + 2 * MS_PER_HOUR)
        assert system.intake.events["counted"] == ACCOUNTS
    release = likes_of(store, "v")[0]
    assert [*release.breakdowns] == [*OWN_DIMENSIONS]
    for dimension, breakdown in release.breakdowns.items():
        exact = expected_cells(dimension, range(ACCOUNTS))
        for cell, figure in breakdown.cells.items():
            assert figure is not None, (dimension, cell)
            assert abs(figure[0] - exact[cell]) < TOLERANCE, (dimension, cell)
    assert read_cells(store, "from") == [*OWN_DIMENSIONS["from"], "undisclosed"]


def read_cells(store: Store, dimension: str) -> list[str]:
    """Return the cells of a breakdown as the public plane names them."""
    app = build_public_app(store.public, store.limiter, lambda: NOW_MS, MemoryLog())
    token, _ = new_key(store, "read")
    reply = app.test_client().get(
        f"/v1/videos/v/likes/breakdowns/{dimension}", headers={"Authorization": f"Bearer {token}"}
    )
    assert reply.status_code == 200
    return [cell["cell"] for cell in reply.get_json()["cells"]]


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """The app under that policy, with a video."""
    plane = plane_on(store, policy=parse_policy(POLICY_TEXT.encode()))
    plane.register("v-1")
    return plane


def test_what_no_policy_declares_is_passed_over_and_counted(plane: PlatformPlane) -> None:
    """No like is lost for it, whatever its value is; the answer says its name and how many events had it."""
    batch = lines(
        event(profile={"city": "oulu", "shoe_size": 43}),
        event(account_id="b", profile={"city": "Ghent", "shoe_size": None, "gender": "female"}),
        event(account_id="c", profile={"tariff": "free", "pets": [{"name": "Rex"}], "a b": 1}),
        event(account_id="d", profile={"from": 7}),
    )
    answer = plane.events(batch).json
    assert answer["verdicts"]["counted"] == 4
    assert answer["taken_as"] == [
        {"field": "profile", "taken_as": PASSED_OVER, "items": 1},
        {"field": "profile.city", "taken_as": "Oulu", "items": 1},
        {"field": "profile.from", "taken_as": UNDISCLOSED, "items": 1},
        {"field": "profile.gender", "taken_as": PASSED_OVER, "items": 1},
        {"field": "profile.pets", "taken_as": PASSED_OVER, "items": 1},
        {"field": "profile.shoe_size", "taken_as": PASSED_OVER, "items": 2},
    ]


def test_an_answer_does_not_grow_with_the_names_that_senders_invent(plane: PlatformPlane) -> None:
    """Of many ways in which values were taken, the hundred most frequent ones are listed."""
    invented = [
        event(account_id=f"a-{number}", profile={f"n{number}": 1, "shoe_size": 43}) for number in range(150)
    ]
    answer = plane.events(lines(*invented)).json
    assert answer["verdicts"]["counted"] == 150
    assert len(answer["taken_as"]) == 100
    assert answer["taken_as"][-1] == {"field": "profile.shoe_size", "taken_as": PASSED_OVER, "items": 150}


def test_children_are_dropped_though_no_dimension_is_an_age(plane: PlatformPlane) -> None:
    """`age_band` is read under every policy that drops a band."""
    child = event(profile={"age_band": "under 13", "city": "Oulu"})
    assert plane.events(lines(child)).json["verdicts"]["dropped_child"] == 1


def test_a_resync_has_the_same_profiles(store: Store) -> None:
    """What it adds is in the cells of the own dimensions, and the answer says what was passed over."""
    policy = parse_policy(POLICY_TEXT.encode())
    office = office_on(store, policy)
    office.plane.register("v-1")
    answer = office.post(
        "moderation/resyncs",
        {
            "account_id": "account-1",
            "kind": Kind.LIKE.label,
            "as_of": event()["occurred_at"],
            "profile": {"city": "Porto", "shoe_size": 43},
            "engagements": [{"video_id": "v-1"}],
            "note": "a test",
        },
    ).json
    assert answer["added"] == 1
    assert answer["taken_as"] == [{"field": "profile.shoe_size", "taken_as": PASSED_OVER, "items": 1}]
    ((_, change),) = office.read_changes()
    assert policy.domain.cells(change >> 4)["city"] == "Porto"
