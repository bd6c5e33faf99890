"""API keys: issued, checked, and remembered for a second."""

import os
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from werkzeug.exceptions import Forbidden, Unauthorized

from api.http.api_keys import Authenticator, KeyRecord, issue_key
from api.http.caller import require_scope
from privacy.errors import InvalidInputError

NOW_MS = 1_000_000


class Records:
    """Key records in memory, and how often they were looked up."""

    def __init__(self, *records: KeyRecord) -> None:
        self.records = {record.key_id: record for record in records}
        self.asked = 0

    def find(self, key_id: str) -> KeyRecord | None:
        """Look a record up."""
        self.asked += 1
        return self.records.get(key_id)


def issue(**changes: Any) -> tuple[str, KeyRecord]:
    """Issue the usual key."""
    options: dict[str, Any] = {"lifetime_seconds": 60, "requests_per_minute": 10, "now_ms": NOW_MS}
    scopes = changes.pop("scopes", ["read"])
    return issue_key("public", "someone", scopes, **(options | {"entropy": os.urandom} | changes))


def test_a_key_is_kept_as_a_hash_only() -> None:
    """The record holds the SHA-256 of the secret, and nothing else of the token but its id."""
    token, record = issue()
    plane, key_id, secret = token.split("_")[1:]
    assert (plane, key_id, len(secret)) == ("public", record.key_id, 64)
    assert record.secret_sha256 == sha256(secret.encode()).hexdigest()
    assert secret.encode() not in msgspec.json.encode(record)
    assert record.expires_at_ms == NOW_MS + 60_000


def test_keys_take_their_entropy_from_the_argument() -> None:
    """Id and secret are exactly the bytes that the entropy gives: 8 and 32 of them."""
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return bytes(range(size))

    token, _ = issue(entropy=entropy)
    assert asked == [8, 32]
    assert token == f"lw_public_{bytes(range(8)).hex()}_{bytes(range(32)).hex()}"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "ingest"]}, "scopes"),
        ({"scopes": ["READ"]}, "scopes"),
        ({"lifetime_seconds": 0}, "lifetime_seconds"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"requests_per_minute": -1}, "requests_per_minute"),
    ],
)
def test_invalid_keys_are_not_issued(changes: dict[str, Any], field: str) -> None:
    """A scope of the other plane, no scope, or a number that is not positive is refused."""
    with pytest.raises(InvalidInputError) as caught:
        issue(**changes)
    assert caught.value.field == field


def test_a_live_key_passes_until_it_expires() -> None:
    """A key works up to the moment before it expires, with its scopes and no other."""
    token, record = issue()
    authenticator = Authenticator("public", Records(record).find, lambda: 0.0)
    assert authenticator.check(f"Bearer {token}", NOW_MS + 59_999) == record.to_caller()
    assert (
        authenticator.check(f"bearer   {token}", NOW_MS) == record.to_caller()
    )  # RFC 9110: spaces, and any case
    with pytest.raises(Unauthorized):
        authenticator.check(f"Bearer {token}", NOW_MS + 60_000)
    with pytest.raises(Forbidden):
        require_scope(record.to_caller(), "audit")


def test_a_key_of_the_other_plane_is_not_even_looked_up() -> None:
    """A key that names another plane is refused without a look into this plane's records."""
    token, record = issue()
    records = Records(record)
    with pytest.raises(Unauthorized):
        Authenticator("platform", records.find, lambda: 0.0).check(f"Bearer {token}", NOW_MS)
    assert records.asked == 0


def test_a_revoked_key_works_for_a_second_at_most() -> None:
    """A record is remembered for a second; then its revocation counts, and unknown keys become known."""
    token, record = issue()
    records, now = Records(record), [0.0]
    authenticator = Authenticator("public", records.find, lambda: now[0])
    for _ in range(5):
        authenticator.check(f"Bearer {token}", NOW_MS)
    assert records.asked == 1
    records.records[record.key_id] = msgspec.structs.replace(record, revoked_at_ms=NOW_MS)
    now[0] = 1.0
    with pytest.raises(Unauthorized):
        authenticator.check(f"Bearer {token}", NOW_MS)


def test_guessing_keys_costs_no_memory() -> None:
    """However many ids are guessed, what is remembered of them is bounded."""
    authenticator = Authenticator("public", Records().find, lambda: 0.0)
    for guess in range(5000):
        with pytest.raises(Unauthorized):
            authenticator.check(f"Bearer lw_public_{guess:016x}_{'0' * 64}", NOW_MS)
    assert len(authenticator._records._entries) == 4096
