"""Builds the app of the public plane. Its connections reach the gallery alone."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from redis import Redis

from api.http.api_keys import KEY_PREFIXES, Authenticator, KeyReader
from api.http.flask_app import Gateway, build_app
from api.http.logs import RequestLog
from api.http.openapi import openapi_document
from api.http.rate_limit import redis_limiter
from api.public.access.credentials import Credentials, TokenChecker
from api.public.operations import operations
from api.public.release_cache import ReleaseCache
from api.public.services import PublicServices
from api.web.docs import docs_operations
from api.web.pages import page_operations
from privacy.gallery.ledger_reader import LedgerReader
from privacy.gallery.reader import GalleryReader
from privacy.gallery.target_index import TargetIndex
from privacy.model.timestamp import Clock
from privacy.store.header import StoreHeader

if TYPE_CHECKING:
    from flask import Flask

PLANE = "public"


def build_public_app(
    public: Redis,
    limiter: Redis,
    clock: Clock,
    log: RequestLog,
    origins: frozenset[str] = frozenset(),
    header: StoreHeader | None = None,
    tokens: TokenChecker | None = None,
    frame_ancestors: str = "'none'",
) -> Flask:
    """Builds the app of the public plane.

    Args:
        public: must have the public ACL user, which can only read the gallery.
        limiter: must have the limiter ACL user.
        clock: returns the time in ms since 1970 UTC.
        log: takes one line per request.
        origins: whose pages may read it in a browser.
        header: of the gallery; None for one that has none.
        tokens: checks access tokens; None where there is no authorization server.
        frame_ancestors: whose pages may frame the card of a video, as in a Content-Security-Policy.
    """
    require_store = partial(header.verify, public) if header else None
    gallery = GalleryReader(public)
    rate_limiter = redis_limiter(limiter, PLANE)
    gateway = Gateway(
        authenticator=Credentials(
            Authenticator(PLANE, KeyReader(public, KEY_PREFIXES[PLANE], require_store).find, time.monotonic),
            tokens,
        ),
        limiter=rate_limiter,
        clock=clock,
        log=log,
        readiness={
            "the gallery": require_store or gallery.ping,
            "the rate limit store": rate_limiter.ready,
            "the clock": clock,
        },
        require_store=require_store,
    )
    described = operations()
    # Relative to the document, /v1/openapi.json: the page calls the server that it was loaded from.
    document = openapi_document(described, {PLANE: [".."], "service": [".."]})
    return build_app(
        PLANE,
        (*described, *docs_operations(document), *page_operations(frame_ancestors)),
        PublicServices(
            gateway,
            gallery,
            TargetIndex(public),
            LedgerReader(public),
            ReleaseCache(gallery, clock, time.monotonic),
        ),
        origins,
    )
