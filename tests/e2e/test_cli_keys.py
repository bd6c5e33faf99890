"""API keys from the command line, against a running system's store."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from api.http.command import ExitCode
from api.http.system import clock_ms
from api.runtime.api_keys import (
    MAX_LIVE_KEYS,
    MAX_LIVE_SHARES,
    SHARE_REQUESTS_PER_MINUTE,
    ApiKeys,
    ApiKeySpec,
    is_live,
)
from privacy.errors import ClockError, ConflictError, InvalidInputError
from privacy.model.timestamp import MS_PER_DAY
from privacy.store.clock import MAX_DEVIATION_MS
from privacy.vault.pseudonym_key_file import load_pseudonymiser
from tests.support.command_line import System, answer_of, likewise
from tests.support.eventually import eventually
from tests.support.redis_server import Store

TERMS = ApiKeySpec("acme", ("read",), days=1, requests_per_minute=600)


def keys(system: System, *arguments: str) -> Any:
    """Run `likewise keys … --json` on the system's store."""
    return answer_of(likewise("keys", *arguments, "--data-folder", system.folder, "--json"))


def status_with(system: System, token: str) -> int:
    """Return what the public plane answers with a key."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{system.welcome['public_url']}/v1/privacy"
    return requests.get(url, headers=headers, timeout=10).status_code


def test_a_key_is_made_rotated_and_revoked_without_a_gap(system: System) -> None:
    """Old and new key work side by side and a third one is refused; once revoked the old one is dead."""
    create = ("create", "--plane", "public", "--owner", "rotating", "--scopes", "read")
    old, new = keys(system, *create), keys(system, *create)
    assert status_with(system, old["token"]) == status_with(system, new["token"]) == 200
    third = likewise("keys", *create, "--data-folder", system.folder)
    assert third.returncode == ExitCode.WRONG_USAGE
    assert "revoke one first" in third.stderr
    assert old["key_id"] in third.stderr
    revoked = keys(system, "revoke", "--plane", "public", old["key_id"])
    assert revoked["revoked_at"] is not None
    eventually(lambda: status_with(system, old["token"]) == 401, "the end of the old key")
    assert status_with(system, new["token"]) == 200
    assert "token" in keys(system, *create)


def test_a_key_is_limited_to_creators_and_origins(system: System) -> None:
    """A limited key is made and listed with its limits, each once and in order; the plane obeys them."""
    limits = ("--creators", "c-2, c-1,c-2", "--origins", "https://a.example")
    made = keys(system, "create", "--plane", "public", "--owner", "narrow", "--scopes", "read", *limits)
    (listed,) = [key for key in keys(system, "list", "--plane", "public") if key["owner"] == "narrow"]
    for document in (made, listed):
        assert (document["creators"], document["origins"]) == (["c-1", "c-2"], ["https://a.example"])
    shown = likewise("keys", "list", "--plane", "public", "--data-folder", system.folder).stdout
    assert "c-1, c-2" in shown
    assert status_with(system, made["token"]) == 403
    assert keys(system, "list", "--plane", "public")[0]["creators"] is None


def test_a_share_link_shows_one_creator_until_it_is_revoked(system: System) -> None:
    """The link holds a key behind the #: read-only, for one creator, slow, expiring, listed and revocable."""
    made = keys(system, "share", "--creator", "c-1", "--days", "3")
    address, _, token = made["url"].partition("/#")
    assert address == "http://127.0.0.1:8080"
    answer = access_of(system, token)
    assert answer.status_code == 200
    document = answer.json()
    assert document.pop("expires_at") == made["expires_at"]
    assert document == {
        "credential": "share",
        "scopes": ["read"],
        "creators": ["c-1"],
        "requests_per_minute": SHARE_REQUESTS_PER_MINUTE,
    }
    (listed,) = [key for key in keys(system, "list", "--plane", "public") if key["is_share"]]
    assert (listed["key_id"], listed["owner"], listed["live"]) == (made["key_id"], "c-1", True)
    shown = likewise("keys", "list", "--plane", "public", "--data-folder", system.folder).stdout
    assert token.rpartition("_")[2] not in shown
    keys(system, "revoke", "--plane", "public", made["key_id"])
    eventually(lambda: access_of(system, token).status_code == 401, "the end of the link")


def access_of(system: System, token: str) -> requests.Response:
    """Ask the public plane what a key may read."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{system.welcome['public_url']}/v1/access", headers=headers, timeout=10)


def test_share_links_are_counted_apart_from_keys(store: Store) -> None:
    """A creator has a number of live links at most; they use up none of the keys of an owner of that name."""
    ring = ApiKeys.open(store.settings, "public", os.urandom)
    links = [ring.share("acme", 1)[1] for _ in range(MAX_LIVE_SHARES)]
    with pytest.raises(ConflictError, match=links[0].key_id):
        ring.share("acme", 1)
    ring.create(TERMS)
    ring.create(TERMS)
    ring.writer.revoke(links[3].key_id)
    ring.share("acme", 1)
    assert len(ring.live_shares("acme")) == MAX_LIVE_SHARES
    with pytest.raises(InvalidInputError, match="creator"):
        ring.share("{c}", 1)


def test_the_list_shows_every_key_and_no_secret(system: System) -> None:
    """Owner, scopes and state of each key are listed; neither token nor hash is."""
    made = keys(
        system, "create", "--plane", "platform", "--owner", "listed", "--scopes", "ingest", "--days", "3"
    )
    listed = [key for key in keys(system, "list", "--plane", "platform") if key["owner"] == "listed"]
    assert [(key["key_id"], key["scopes"], key["live"]) for key in listed] == [
        (made["key_id"], ["ingest"], True)
    ]
    shown = likewise("keys", "list", "--plane", "platform", "--data-folder", system.folder).stdout
    assert made["key_id"] in shown
    secret = made["token"].rpartition("_")[2]
    assert secret not in shown
    assert "sha256" not in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create", "--plane", "public", "--owner", "x", "--scopes", "ingest"), "`scopes` are ['ingest']"),
        (("create", "--plane", "public", "--owner", "{x}", "--scopes", "read"), "owner"),
        (("create", "--plane", "public", "--owner", "x", "--scopes", "read", "--days", "0"), "--days"),
        (
            ("create", "--plane", "public", "--owner", "x", "--scopes", "read", "--creators", ","),
            "lists nothing",
        ),
        (
            ("create", "--plane", "public", "--owner", "x", "--scopes", "read", "--creators", "{c}"),
            "`creators`",
        ),
        (("create", "--plane", "public", "--owner", "x", "--scopes", "read", "--origins", "*"), "`origins`"),
        (
            ("create", "--plane", "platform", "--owner", "x", "--scopes", "ingest", "--creators", "c"),
            "keys of the public plane",
        ),
        (("create", "--plane", "moon", "--owner", "x", "--scopes", "read"), "--plane"),
        (("revoke", "--plane", "public", "0000000000000000"), "there is no key"),
    ],
)
def test_what_cannot_be_is_wrong_usage(system: System, arguments: tuple[str, ...], says: str) -> None:
    """A wrong scope, owner, lifetime, plane or key id is named, and the exit code is 2."""
    refused = likewise("keys", *arguments, "--data-folder", system.folder)
    assert refused.returncode == ExitCode.WRONG_USAGE
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_without_a_store_the_exit_code_is_four(tmp_path: Path) -> None:
    """A folder in which no system was started is said to be so."""
    refused = likewise("keys", "list", "--plane", "public", "--data-folder", tmp_path)
    assert refused.returncode == ExitCode.STORE_ERROR
    assert "there is no store in" in refused.stderr


def test_expired_and_revoked_keys_do_not_count_as_live(store: Store) -> None:
    """An owner whose two keys are over can have two new ones."""
    ring = ApiKeys.open(store.settings, "public", os.urandom)
    _, first = ring.create(TERMS)
    ring.create(TERMS)
    with pytest.raises(ConflictError, match=first.key_id):
        ring.create(TERMS)
    ring.writer.revoke(first.key_id)
    ring.create(TERMS)
    assert len(ring.live("acme")) == MAX_LIVE_KEYS
    past = replace(ring, clock=lambda: clock_ms() - MS_PER_DAY)
    _, expired = past.create(replace(TERMS, owner="past"))
    assert not is_live(expired, ring.writer.server_ms())
    assert ring.live("past") == []


def test_a_key_has_the_times_of_its_plane(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key made on a machine whose clock is wrong would live too long or not at all: it is not made.

    A clock that is wrong by less changes nothing, since the store's counts. Revoking works with any clock.
    """
    skew_ms = 0
    monkeypatch.setattr("api.runtime.api_keys.clock_ms", lambda: clock_ms() + skew_ms)
    ring = ApiKeys.open(store.settings, "public", os.urandom)
    skew_ms = -MAX_DEVIATION_MS // 2
    _, record = ring.create(TERMS)
    assert abs(record.created_at_ms - clock_ms()) < -skew_ms // 2
    skew_ms = 10 * MS_PER_DAY
    with pytest.raises(ClockError, match="ahead of the store's"):
        ring.create(TERMS)
    revoked_at_ms = ring.writer.revoke(record.key_id).revoked_at_ms
    assert revoked_at_ms is not None
    assert abs(revoked_at_ms - clock_ms()) < MAX_DEVIATION_MS
    assert ring.live("acme") == []


def test_owners_and_planes_do_not_meet(store: Store) -> None:
    """Two keys of one owner are no hindrance to another owner, nor to the same one on the other plane."""
    public = ApiKeys.open(store.settings, "public", os.urandom)
    platform = ApiKeys.open(store.settings, "platform", os.urandom)
    public.create(TERMS)
    public.create(TERMS)
    public.create(ApiKeySpec("other", ("audit",), 1, 1))
    platform.create(ApiKeySpec("acme", ("ingest",), 1, 1))
    with pytest.raises(InvalidInputError, match="scopes"):
        platform.create(TERMS)


def test_renewing_leaves_one_live_key(store: Store) -> None:
    """A program that gets a new key at each start never runs out of keys."""
    ring = ApiKeys.open(store.settings, "public", os.urandom)
    tokens = {ring.renew(TERMS) for _ in range(4)}
    assert len(tokens) == 4
    assert len(ring.live("acme")) == 1


def test_the_pseudonym_key_is_rotated_while_the_system_runs(system: System) -> None:
    """After a rotation a repeated event is a duplicate, without a restart; the key before is gone."""
    folder = system.folder
    token = keys(system, "create", "--plane", "platform", "--owner", "feed", "--scopes", "ingest")["token"]

    def send(path: str, *items: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{system.welcome['platform_url']}{path}"
        return requests.post(url, json=list(items), headers=headers, timeout=10).json()["verdicts"]

    now = datetime.now(UTC).isoformat(timespec="seconds")
    send("/v1/videos", {"video_id": "rotated", "posted_at": now})
    likes = [
        {"type": "like", "account_id": f"rotated-{number}", "video_id": "rotated", "occurred_at": now}
        for number in range(30)
    ]
    others = keys_rotated(folder)
    assert send("/v1/events", *likes)["counted"] == 30
    before = load_pseudonymiser(folder / "pseudonym.key")
    moved, generation = others["moved"] + 30, others["generation"]
    assert keys_rotated(folder) == {"moved": moved, "generation": generation + 1}
    assert send("/v1/events", *likes)["duplicate"] == 30
    assert before.outer_key.hex() not in (folder / "pseudonym.key").read_text()
    assert keys_rotated(folder) == {"moved": moved, "generation": generation + 2}


def keys_rotated(folder: Path) -> Any:
    """Rotate the pseudonym key."""
    return answer_of(likewise("keys", "rotate-pseudonym-key", "--data-folder", folder, "--json"))
