"""A platform's authorization server, made with Authlib: it gives apps access tokens (RFC 9068), over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

import requests
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response, jsonify
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from tests.support.public_plane import serving

AUDIENCE: Final = "https://likewise.example"
CLAIM: Final = "likewise_creators"
SECRET: Final = "s"  # noqa: S105 - of a client that lives for a test


class Client(ClientMixin):  # type: ignore[misc] # the library publishes no types
    """An app: its id names what creators have allowed it, separated by commas."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        """Returns its id."""
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        """Returns what it asks for: it may have everything."""
        return scope

    def check_client_secret(self, client_secret: str) -> bool:
        """Returns whether it is this app."""
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Returns whether it may sign in like this."""
        return (method, endpoint) == ("client_secret_basic", "token")

    def check_grant_type(self, grant_type: str) -> bool:
        """Returns whether it may have a token like this."""
        return grant_type == "client_credentials"


class Grant(ClientCredentialsGrant):  # type: ignore[misc] # the library publishes no types
    """A token for an app with its own credentials."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)


def new_key(kind: str, key_id: str) -> Any:
    """Returns a new key that signs."""
    parameters: Any = {"kid": key_id, "use": "sig"}
    if kind == "RSA":
        return RSAKey.generate_key(2048, parameters)
    return (
        ECKey.generate_key("P-256", parameters)
        if kind == "EC"
        else OKPKey.generate_key("Ed25519", parameters)
    )


@dataclass
class Issuer:
    """A running authorization server.

    Args:
        algorithm: by which it signs.
        key: that it signs with.
        url: its address, which is also its name.
        published: the keys that it shows; None for the one that it signs with.
        failing: whether its key set cannot be had.
        asked: how often the key set was asked for.
    """

    algorithm: str
    key: Any
    url: str = ""
    published: list[Any] | None = None
    failing: bool = False
    asked: int = 0
    claims: dict[str, Any] = field(default_factory=dict)

    def token(self, creators: str = "c-12", scope: str = "read") -> str:
        """Gets a token for an app as an app gets one."""
        answer = requests.post(
            f"{self.url}/token",
            data={"grant_type": "client_credentials", "scope": scope},
            auth=(creators, SECRET),
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def make_app(self) -> Flask:
        """Makes its app."""
        app = Flask(__name__)
        issuer = self

        class Generator(JWTBearerTokenGenerator):  # type: ignore[misc] # the library publishes no types
            """Signs tokens."""

            def get_jwks(self) -> Any:
                """Returns the key."""
                return KeySet([issuer.key])

            def get_audiences(self, *_: Any) -> str:
                """Returns the service that the token is for."""
                return AUDIENCE

            def get_extra_claims(self, client: Client, *_: Any) -> dict[str, Any]:
                """Returns the creators that have allowed it."""
                return {CLAIM: client.client_id.split(","), **issuer.claims}

        server = AuthorizationServer(app, query_client=Client, save_token=lambda *_: None)
        server.register_grant(Grant)
        server.register_token_generator(
            "default", Generator(self.url, self.algorithm, expires_generator=lambda *_: 3600)
        )
        app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
        app.add_url_rule("/jwks", "jwks", self._show_keys)
        return app

    def _show_keys(self) -> Response | tuple[str, int]:
        self.asked += 1
        if self.failing:
            return "down", 500
        keys = [self.key] if self.published is None else self.published
        return jsonify(keys=[key.as_dict(private=False) for key in keys])


@contextmanager
def authorization_server(kind: str = "RSA", algorithm: str = "RS256") -> Iterator[Issuer]:
    """Runs an authorization server on this machine."""
    issuer = Issuer(algorithm, new_key(kind, "first"))
    apps: list[Flask] = []

    def app(environ: Any, start_response: Any) -> Any:
        return apps[0](environ, start_response)

    with patch.dict(os.environ, {"AUTHLIB_INSECURE_TRANSPORT": "1"}), serving(app) as url:
        issuer.url = url
        apps.append(issuer.make_app())
        yield issuer
