"""The dependencies of the public plane's handlers."""

from dataclasses import dataclass

from api.http.flask_app import Gateway
from api.public.release_cache import ReleaseCache
from privacy.gallery.ledger_reader import LedgerReader
from privacy.gallery.reader import GalleryReader
from privacy.gallery.target_index import TargetIndex


@dataclass(frozen=True)
class PublicServices:
    """The dependencies, wired together in the plane's app.

    Args:
        gateway: the checks that every request passes.
        gallery: reads documents.
        index: finds videos.
        ledger: reads entries, trees, signatures and heads.
        cache: current releases, from the gallery or from some seconds ago.
    """

    gateway: Gateway
    gallery: GalleryReader
    index: TargetIndex
    ledger: LedgerReader
    cache: ReleaseCache
