"""The app of a worker of the public plane: `create` is called in the worker."""

from __future__ import annotations

import os
from functools import partial
from io import FileIO
from time import monotonic
from typing import TYPE_CHECKING

from api.http.cross_origin import parse_origins
from api.http.logs import STDERR, BufferedLogFile, JsonLog
from api.http.system import clock_ms, uptime
from api.public.access.credentials import TokenChecker
from api.public.access.token_settings import TokenSettings
from api.public.app import PLANE, build_public_app
from privacy.store.checks import require
from privacy.store.clock import MAX_AGE_MS, StoreClock
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.keys import GALLERY_HEADER
from privacy.store.rights import check_rights
from privacy.store.settings import ALLOWED_ORIGINS, FRAME_ANCESTORS, Settings, Variable
from privacy.store.users import LIMITER, PUBLIC

if TYPE_CHECKING:
    from flask import Flask


def create() -> Flask:
    """Makes the app from the environment; see `privacy.store.settings`.

    Raises:
        StoreError: an address or password is missing, an origin is none, the gallery is empty, or its ACL is
            not this version's.
    """
    settings = Settings.from_environment(os.environ)
    store = settings.store
    public, limiter = connect(store, PUBLIC), connect(store, LIMITER)
    require([check_rights(public, PUBLIC), check_rights(limiter, LIMITER)])
    header = StoreHeader.read(public, GALLERY_HEADER)
    return build_public_app(
        public=connect(store, PUBLIC, greet=header.greet),
        limiter=limiter,
        # The anchor is in the private room; a reader's time decides about keys and caches alone.
        clock=StoreClock(limiter, clock_ms, uptime, MAX_AGE_MS, has_anchor=False),
        log=JsonLog(BufferedLogFile(FileIO(STDERR, "w", closefd=False)), PLANE),
        origins=origins_in(settings, ALLOWED_ORIGINS),
        header=header,
        tokens=_access_tokens(TokenSettings.read(settings.values)),
        frame_ancestors=" ".join(sorted(origins_in(settings, FRAME_ANCESTORS))) or "'none'",
    )


def origins_in(settings: Settings, variable: Variable) -> frozenset[str]:
    """Returns the origins that a variable lists.

    Raises:
        StoreError: one of them is none.
    """
    return parse_origins(variable.name, settings.values.get(variable, ""))


def _access_tokens(settings: TokenSettings | None) -> TokenChecker | None:
    """Makes what checks access tokens; most deployments need neither it nor its library."""
    if settings is None:
        return None
    from api.public.access.access_tokens import AccessTokens  # noqa: PLC0415 - heavy, and rarely needed
    from api.public.access.key_set import KeySet, fetch_key_set  # noqa: PLC0415 - for the same reason

    return AccessTokens(settings, KeySet(partial(fetch_key_set, settings.jwks_url), monotonic))
