"""Access tokens of a real authorization server, over HTTP: what is accepted, and which forgeries are not."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
import pytest
import requests
from joserfc import jwt

from api.public.access.access_tokens import REGISTRY, AccessTokens
from api.public.access.key_set import REST_SECONDS, KeySet, fetch_key_set
from api.public.access.token_settings import TokenSettings
from api.public.app import build_public_app
from tests.support.authorization_server import AUDIENCE, CLAIM, Issuer, authorization_server, new_key
from tests.support.gallery import publish_every_state
from tests.support.public_plane import MemoryLog, serving
from tests.support.redis_server import Store

LIKES: Final = "/v1/videos/shown/likes"
OTHERS: Final = "/v1/creators/maker/followers"


@dataclass
class Plane:
    """A public plane that accepts the tokens of an issuer; `seconds` is the age of its process."""

    issuer: Issuer
    url: str = ""
    seconds: float = 0.0

    def get(self, token: str, path: str = LIKES) -> requests.Response:
        """Reads with a token."""
        return requests.get(self.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """A running authorization server."""
    with authorization_server() as running:
        yield running


@pytest.fixture
def plane(store: Store, issuer: Issuer) -> Iterator[Plane]:
    """A running public plane that knows this server."""
    publish_every_state(store)
    issuer.published, issuer.failing, issuer.asked, issuer.claims = None, False, 0, {}
    yield from _run(store, issuer)


def _run(store: Store, issuer: Issuer) -> Iterator[Plane]:
    plane = Plane(issuer)
    settings = TokenSettings(issuer.url, AUDIENCE, f"{issuer.url}/jwks", CLAIM)
    keys = KeySet(partial(fetch_key_set, settings.jwks_url), lambda: plane.seconds)
    log = MemoryLog()
    app = build_public_app(
        store.public,
        store.limiter,
        lambda: int(time.time() * 1000),
        log,
        tokens=AccessTokens(settings, keys),
    )
    with serving(app) as plane.url:
        yield plane
        assert log.failures == []


def reason(answer: requests.Response) -> str:
    """Why a token was refused, as the challenge and the problem say alike."""
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="Likewise API", error=invalid_token, error_description="'), (
        challenge
    )
    detail: str = answer.json()["detail"]
    assert detail in challenge
    return detail.removeprefix("The access token is refused: ").removesuffix(".")


def signed(issuer: Issuer, key: Any = None, header: Any = None, **changes: Any) -> str:
    """A token with changed claims (None: without this one) or header."""
    now = int(time.time())
    claims = {
        "iss": issuer.url,
        "aud": AUDIENCE,
        "sub": "anna",
        "client_id": "app",
        "iat": now,
        "exp": now + 600,
        "scope": "read",
        CLAIM: ["c-12"],
    } | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    named = {"alg": "RS256", "typ": "at+jwt", "kid": "first"} | (header or {})
    return jwt.encode(named, kept, key or issuer.key, registry=REGISTRY)


def plain(header: Any, payload: bytes = b"{}", signature: str = "AA") -> str:
    """Three parts of which nothing is signed."""
    head = header if isinstance(header, bytes) else msgspec.json.encode(header)
    return ".".join(
        (*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (head, payload)), signature)
    )


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("EC", "ES256")])
def test_a_token_reads_the_creators_that_it_names(store: Store, kind: str, algorithm: str) -> None:
    """A token that the server gave an app reads its creators and no others."""
    publish_every_state(store)
    with authorization_server(kind, algorithm) as issuer:
        for plane in _run(store, issuer):
            token = issuer.token("c-12")
            assert [plane.get(token, path).status_code for path in (LIKES, OTHERS)] == [200, 403]
            assert [plane.get(issuer.token("maker"), path).status_code for path in (LIKES, OTHERS)] == [
                403,
                200,
            ]
            document = plane.get(token, "/v1/access").json()
            assert (document["credential"], document["creators"]) == ("token", ["c-12"])
            assert plane.get(token, "/v1/releases").status_code == 403
            assert issuer.asked == 1


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "PS256"), ("OKP", "Ed25519"), ("OKP", "EdDSA")])
def test_other_algorithms_are_accepted_by_their_keys(plane: Plane, kind: str, algorithm: str) -> None:
    """Each key verifies the algorithms of its type, by both names where there are two."""
    key = new_key(kind, "other")
    plane.issuer.published = [key]
    token = signed(plane.issuer, key, {"alg": algorithm, "kid": "other"})
    assert plane.get(token).status_code == 200


def test_scopes_are_those_of_the_token(plane: Plane) -> None:
    """A token without the scope does not open the operation; other scopes mean nothing here."""
    assert plane.get(plane.issuer.token(scope="openid profile read")).status_code == 200
    assert plane.get(plane.issuer.token(scope="openid")).status_code == 403
    assert plane.get(signed(plane.issuer, scope=None)).status_code == 403
    assert plane.get(plane.issuer.token(), "/v1/privacy/ledger/heads").status_code == 403


def test_an_app_has_one_limit_for_each_person(plane: Plane) -> None:
    """Another token of the same app and person counts on; another person or app begins anew."""
    left = [
        plane.get(signed(plane.issuer, jti=jti, sub=sub, client_id=client)).headers["RateLimit"].split(";")[1]
        for jti, sub, client in (
            ("1", "anna", "app"),
            ("2", "anna", "app"),
            ("3", "ben", "app"),
            ("4", "anna", "other"),
        )
    ]
    assert left == ["r=599", "r=598", "r=599", "r=599"]


WRONG_CLAIMS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "expired": ({"iat": 1, "exp": 2}, "it has expired"),
    "no end": ({"exp": None}, "claim exp"),
    "no text": ({"exp": "tomorrow"}, "claim exp"),
    "not yet": ({"nbf": 10**11}, "claim nbf"),
    "from the future": ({"iat": 10**11, "exp": 10**11 + 1}, "claim iat"),
    "no begin": ({"iat": None}, "claim iat"),
    "long-lived": ({"exp": int(time.time()) + 10**6}, "it lives for more than"),
    "for ever": ({"exp": 10**300}, "it lives for more than"),
    "other audience": ({"aud": "https://other.example"}, "claim aud"),
    "other audiences": ({"aud": ["https://other.example", "x"]}, "claim aud"),
    "no audience": ({"aud": None}, "claim aud"),
    "odd audience": ({"aud": {"a": 1}}, "claim aud"),
    "other issuer": ({"iss": "https://evil.example"}, "claim iss"),
    "no issuer": ({"iss": None}, "claim iss"),
    "nobody": ({"sub": None}, "claim sub"),
    "no creators": ({CLAIM: None}, "it names no creators"),
    "all creators": ({CLAIM: "*"}, "it names no creators"),
    "empty": ({CLAIM: []}, "it names no creators"),
    "nothing": ({CLAIM: [None]}, "it names no creators"),
    "no id": ({CLAIM: ["c-12", "{c}"]}, "it names no creators, too many, or one that is no id"),
    "many": ({CLAIM: [f"c-{number}" for number in range(101)]}, "too many"),
    "odd scope": ({"scope": ["read"]}, "its scope is no text"),
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_wrong_claims_are_refused_with_a_reason(plane: Plane, name: str) -> None:
    """Whatever a claim lacks, the right signature does not make up for it."""
    changes, says = WRONG_CLAIMS[name]
    assert plane.get(signed(plane.issuer)).status_code == 200
    assert says in reason(plane.get(signed(plane.issuer, **changes)))


def test_several_audiences_with_this_one(plane: Plane) -> None:
    """A token for several services is for this one, too."""
    assert plane.get(signed(plane.issuer, aud=["https://other.example", AUDIENCE])).status_code == 200


def _confused(issuer: Issuer) -> str:
    text = plain({"alg": "HS256", "typ": "at+jwt", "kid": "first"}).rpartition(".")[0]
    digest = hmac.digest(issuer.key.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _cut(issuer: Issuer) -> str:
    return signed(issuer)[:-4] + "AAAA"


def _swapped(issuer: Issuer) -> str:
    mine, theirs = signed(issuer).split("."), signed(issuer, **{CLAIM: ["maker"]}).split(".")
    return ".".join((mine[0], theirs[1], mine[2]))


FORGERIES: Final[dict[str, tuple[Callable[[Issuer], str], str]]] = {
    "unsigned": (lambda _: plain({"alg": "none", "typ": "at+jwt", "kid": "first"}, b"{}"), "algorithm"),
    "HS256 with the public key": (_confused, "its algorithm is not accepted"),
    "PS256 is another use of the key": (
        lambda it: signed(it, new_key("RSA", "first")),
        "its signature is wrong",
    ),
    "another type of key": (
        lambda it: signed(it, new_key("EC", "first"), {"alg": "ES256"}),
        "its algorithm is not that of its key",
    ),
    "cut": (_cut, "its signature is wrong"),
    "swapped claims": (_swapped, "its signature is wrong"),
    "unknown key": (lambda it: signed(it, header={"kid": "other"}), "it names no key of the issuer"),
    "no key": (lambda _: plain({"alg": "RS256", "typ": "at+jwt"}), "its header"),
    "id token": (lambda it: signed(it, header={"typ": "JWT"}), "its type is not at+jwt"),
    "no type": (lambda _: plain({"alg": "RS256", "kid": "first"}), "its header"),
    "critical": (
        lambda _: plain({"alg": "RS256", "typ": "at+jwt", "kid": "first", "crit": ["x"], "x": 1}),
        "its header",
    ),
    "not encoded": (
        lambda _: plain({"alg": "RS256", "typ": "at+jwt", "kid": "first", "b64": False}),
        "its header",
    ),
    "a key of its own": (
        lambda _: plain({"alg": "RS256", "typ": "at+jwt", "kid": "evil", "jwk": {"kty": "oct", "k": "AA"}}),
        "it names no key",
    ),
    "huge": (lambda it: signed(it, padding="x" * 9_000), "too long"),
    "nested": (lambda _: plain(b'{"a":' + b"[" * 3_000), "its header"),
    "nested whole": (lambda _: plain(b'{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}"), "its header"),
    "no JSON": (lambda _: plain(b'{"\xff'), "its header"),
    "a list": (lambda _: "eyJ" + plain([1]), "its header"),
    "two parts": (lambda _: "eyJhIjoxfQ.eyJhIjoxfQ", "it is no JWT"),
    "five parts": (lambda _: "eyJhIjoxfQ.a.b.c.d", "it is no JWT"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_refused_with_a_reason(plane: Plane, name: str) -> None:
    """No other algorithm, key, type or form is believed, and none is a defect."""
    make, says = FORGERIES[name]
    assert says in reason(plane.get(make(plane.issuer)))


def test_unknown_keys_cause_no_flood(plane: Plane) -> None:
    """However many tokens name unknown keys, the issuer is asked once a minute at most."""
    for number in range(30):
        plane.get(signed(plane.issuer, header={"kid": f"other-{number}"}))
    assert plane.issuer.asked == 1
    plane.seconds = REST_SECONDS
    plane.get(signed(plane.issuer, header={"kid": "other"}))
    plane.get(signed(plane.issuer, header={"kid": "another"}))
    assert plane.issuer.asked == 2


def test_keys_are_rotated(plane: Plane) -> None:
    """A new key is known after a minute at most, and one that was withdrawn is dead after ten."""
    old = signed(plane.issuer)
    assert plane.get(old).status_code == 200
    fresh = new_key("RSA", "second")
    plane.issuer.published = [fresh]
    new = signed(plane.issuer, fresh, {"kid": "second"})
    assert plane.get(new).status_code == 401
    plane.seconds = REST_SECONDS
    assert plane.get(new).status_code == 200
    assert reason(plane.get(old)) == "it names no key of the issuer"


def test_an_issuer_that_is_down(plane: Plane) -> None:
    """Known keys are good for a day without the issuer; without any, the response is 503, with rests."""
    token = signed(plane.issuer)
    plane.issuer.failing = True
    assert [plane.get(token).status_code for _ in range(5)] == [503] * 5
    assert plane.get(token).headers["Retry-After"] == "5"
    assert plane.issuer.asked == 1
    plane.issuer.failing, plane.seconds = False, 5.0
    assert plane.get(token).status_code == 200
    plane.issuer.failing, plane.seconds = True, 5.0 + 86_399.0
    assert plane.get(token).status_code == 200
    plane.seconds += 1.0
    assert plane.get(token).status_code == 503
