"""Key sets: which keys are taken, and what is read of a server that misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Final

import msgspec
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from api.public.access.key_set import (
    FRESH_SECONDS,
    MAX_BYTES,
    MAX_KEYS,
    KeySet,
    KeySetError,
    fetch_key_set,
    parse_key_set,
)
from privacy.store.patience import WouldWaitError, call_without_waiting
from tests.support.public_plane import serving

EC: Final[dict[str, Any]] = dict(ECKey.generate_key("P-256", private=False).as_dict()) | {"kid": "k"}


def document(*keys: Any) -> bytes:
    """A key set."""
    return msgspec.json.encode({"keys": keys})


def test_keys_have_the_algorithms_of_their_type() -> None:
    """A key verifies what its type can, or of that what it says itself."""
    rsa = dict(RSAKey.generate_key(2048, private=False).as_dict())
    ed = dict(OKPKey.generate_key("Ed25519", private=False).as_dict())
    keys = parse_key_set(
        document(EC, rsa | {"kid": "r"}, rsa | {"kid": "r2", "alg": "RS256"}, ed | {"kid": "e", "use": "sig"})
    )
    assert {name: key.algorithms for name, key in keys.items()} == {
        "k": {"ES256"},
        "r": {"RS256", "PS256"},
        "r2": {"RS256"},
        "e": {"EdDSA", "Ed25519"},
    }


@pytest.mark.parametrize(
    "jwk",
    [
        dict(OctKey.generate_key(256).as_dict()) | {"kid": "k"},
        {"kty": "RSA", "e": "AQAB", "n": "w" * 171, "kid": "k"},
        dict(ECKey.generate_key("P-256").as_dict(private=True)) | {"kid": "k"},
        dict(OKPKey.generate_key("X25519", private=False).as_dict()) | {"kid": "k"},
        EC | {"use": "enc"},
        EC | {"alg": "HS256"},
        EC | {"alg": ["ES256"]},
        EC | {"kid": 1},
        EC | {"kty": ["EC"]},
        EC | {"crv": {}},
        EC | {"x": "AA"},
        EC | {"x": 1},
        {"kty": "EC", "crv": "P-256", "kid": "k"},
        {},
    ],
)
def test_other_keys_are_passed_over(jwk: dict[str, Any]) -> None:
    """Secret, weak, damaged keys and those for other ends verify nothing, and hinder no other key."""
    assert list(parse_key_set(document(jwk, EC | {"kid": "good"}))) == ["good"]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[1]}',
        b"\xff",
        b"[" * 100_000,
        document(*[EC] * (MAX_KEYS + 1)),
    ],
)
def test_what_is_no_key_set_is_refused(sent: bytes) -> None:
    """A document of another form, or with too many keys, is no key set."""
    with pytest.raises(KeySetError):
        parse_key_set(sent)


def _redirect(_: Any, start: Callable[..., Any]) -> Iterable[bytes]:
    start("302 Found", [("Location", "/elsewhere")])
    return [b""]


def _large(_: Any, start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [])
    return (b" " * 65_536 for _ in range(MAX_BYTES // 65_536 + 2))


def _missing(_: Any, start: Callable[..., Any]) -> Iterable[bytes]:
    start("404 Not Found", [])
    return [b'{"keys":[]}']


@pytest.mark.parametrize("app", [_redirect, _large, _missing])
def test_a_server_that_misbehaves_has_no_keys(app: Any) -> None:
    """A redirection is not followed, an endless response not read, an error no key set."""
    with serving(app) as url, pytest.raises(KeySetError):
        fetch_key_set(url)


def test_known_keys_wait_for_no_other_thread() -> None:
    """While one thread fetches the keys again, the others go on with those that they know."""
    seconds, begun, go_on = [0.0], Event(), Event()
    go_on.set()

    def fetch() -> bytes:
        begun.set()
        assert go_on.wait(10)
        return document(EC)

    keys = KeySet(fetch, lambda: seconds[0])
    known = keys.find("k")
    assert known
    begun.clear()
    go_on.clear()
    seconds[0] = FRESH_SECONDS
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(keys.find, "k")
        try:
            assert begun.wait(10)
            assert keys.find("k") is known
        finally:
            go_on.set()
        assert waiting.result()


def test_what_may_not_wait_fetches_nothing() -> None:
    """Keys are fetched where a call may wait; those that are known are found anywhere."""
    asked: list[float] = []

    def fetch() -> bytes:
        asked.append(0.0)
        return document(EC)

    keys = KeySet(fetch, lambda: 0.0)
    with pytest.raises(WouldWaitError):
        call_without_waiting(lambda: keys.find("k"))
    assert asked == []
    assert keys.find("k") is call_without_waiting(lambda: keys.find("k"))
    assert len(asked) == 1
