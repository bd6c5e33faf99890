"""The settings of the platform's authorization server, whose access tokens the public plane accepts."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from privacy.errors import StoreError
from privacy.store.settings import (
    OAUTH_AUDIENCE,
    OAUTH_CREATORS_CLAIM,
    OAUTH_ISSUER,
    OAUTH_JWKS_URL,
    Variable,
)

_REQUIRED: Final = (OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_JWKS_URL)


@dataclass(frozen=True)
class TokenSettings:
    """Which access tokens are accepted.

    Args:
        issuer: of the tokens, to the letter.
        audience: by which the authorization server names this service.
        jwks_url: where it publishes its keys.
        creators_claim: the claim that lists the creators.

    Raises:
        StoreError: the address of the keys is not https, nor of this machine.
    """

    issuer: str
    audience: str
    jwks_url: str
    creators_claim: str

    def __post_init__(self) -> None:
        if not _is_safe(self.jwks_url):
            raise StoreError(
                f"{OAUTH_JWKS_URL.name} is no address https://…; http:// is for this machine's own only"
            )

    @classmethod
    def read(cls, values: Mapping[Variable, str]) -> "TokenSettings | None":
        """Returns the settings; None if there is no authorization server.

        Raises:
            StoreError: some of the variables are set and others are not, or one is not valid.
        """
        missing = [variable.name for variable in _REQUIRED if variable not in values]
        if len(missing) == len(_REQUIRED):
            return None
        if missing:
            raise StoreError(
                f"set {' and '.join(missing)}, too: access tokens need {len(_REQUIRED)} settings"
            )
        issuer, audience, jwks_url = (values[variable] for variable in _REQUIRED)
        return cls(issuer, audience, jwks_url, values[OAUTH_CREATORS_CLAIM])


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        if parts.username is not None or not host or parts.fragment:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and ip_address(host).is_loopback)
    except ValueError:
        return False
