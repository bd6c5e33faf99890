"""What the handlers of the public plane work with."""

from __future__ import annotations

from dataclasses import dataclass

from api.http.flask_app import Gateway
from api.public.release_cache import ReleaseCache
from privacy.gallery.ledger_reader import LedgerReader
from privacy.gallery.reader import GalleryReader


@dataclass(frozen=True)
class PublicServices:
    """The public plane, wired together in its app.

    Args:
        edge: what every request passes.
        gallery: reads documents.
        ledger: reads what was signed, and proofs.
        standings: answers what stands now, from the gallery or from a moment ago.
    """

    gateway: Gateway
    gallery: GalleryReader
    ledger: LedgerReader
    standings: ReleaseCache
