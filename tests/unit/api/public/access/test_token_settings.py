"""The settings of the authorization server: all of them, or none."""

import pytest

from api.public.access.token_settings import TokenSettings
from privacy.errors import StoreError
from privacy.store.settings import Settings

ISSUER, AUDIENCE, URL = "LIKEWISE_OAUTH_ISSUER", "LIKEWISE_OAUTH_AUDIENCE", "LIKEWISE_OAUTH_JWKS_URL"
WHOLE = {ISSUER: "https://id.example", AUDIENCE: "likewise", URL: "https://id.example/jwks"}


def read(environ: dict[str, str]) -> TokenSettings | None:
    """Reads the settings of an environment."""
    return TokenSettings.read(Settings.from_environment(environ).values)


def test_all_or_none() -> None:
    """Without any there are no access tokens; with some, the others are named."""
    assert read({}) is None
    assert read(WHOLE) == TokenSettings(
        "https://id.example", "likewise", "https://id.example/jwks", "likewise_creators"
    )
    for missing in WHOLE:
        with pytest.raises(StoreError, match=missing):
            read({name: value for name, value in WHOLE.items() if name != missing})


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost/jwks",
        "file:///etc/passwd",
        "https://me:pw@id.example/jwks",
        "https:///jwks",
        "https://id.example:99999/jwks",
        "https://id.example/jwks#x",
        "jwks",
    ],
)
def test_keys_come_by_https(url: str) -> None:
    """Keys that anybody on the way could exchange are not asked for."""
    with pytest.raises(StoreError, match=URL):
        read(WHOLE | {URL: url})
    assert read(WHOLE | {URL: "http://127.0.0.1:9000/jwks"}) is not None
