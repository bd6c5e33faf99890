"""Finds the targets of a query, of those that the caller may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.http.operation import Request
from api.http.pagination import decode_name, encode_name, make_cursor_error
from api.public.access.readable import (
    creator_of,
    is_readable,
    require_readable,
    require_readable_list,
)
from api.public.query.question import MAX_TARGETS, TARGET_TYPES, Question, Subject
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.model.documents import TargetDocument

_LISTING = "query"


@dataclass(frozen=True)
class Targets:
    """The targets of a query.

    Args:
        found: those that are shown, in the order of the query: by id, or the one that was posted last first.
        gone: ids of those that were taken down.
        unknown: ids of no target, or of one that the caller does not read.
        next_cursor: where a filter's list goes on; None at its end.
    """

    found: Sequence[TargetDocument]
    gone: Sequence[str] = ()
    unknown: Sequence[str] = ()
    next_cursor: str | None = None


def find_targets(services: PublicServices, request: Request, question: Question) -> Targets:
    """Find the videos or creators of a query.

    Raises:
        InvalidInputError: the cursor is not of this list.
        Forbidden: a limited reader asks for a list that is not that of a creator it reads.
        StoreError: the gallery does not answer or holds damage.
    """
    if question.ids:
        if question.cursor is not None:
            raise InvalidInputError("cursor", "comes with ids", "ids, or a filter with a cursor")
        return _find_by_id(services, request, question)
    require_readable_list(request.key, question.wanted.creator_id)
    return _find_by_filter(services, question)


def _find_by_id(services: PublicServices, request: Request, question: Question) -> Targets:
    ids = sorted(question.ids)
    word = TARGET_TYPES[question.subject].value
    found, gone, unknown = list[TargetDocument](), list[str](), list[str]()
    for target_id, target in zip(ids, services.gallery.read_targets(ids, word), strict=True):
        if target is None or not is_readable(request.key, creator_of(target)):
            unknown.append(target_id)
        elif target.taken_down is not None:
            gone.append(target_id)
        else:
            found.append(target)
    return Targets(found, gone, unknown)


def _find_by_filter(services: PublicServices, question: Question) -> Targets:
    after = None if question.cursor is None else decode_name(_LISTING, question.cursor)
    found = question.wanted.find(services.index, services.gallery, MAX_TARGETS, after)
    if found is None:
        raise make_cursor_error()
    targets = [video.target for video in found.videos]
    return Targets(targets, next_cursor=None if found.last is None else encode_name(_LISTING, found.last))


def require_scopes_readable(request: Request, question: Question) -> None:
    """Check that a limited reader asks for audiences of its creators only.

    Raises:
        Forbidden: it does not.
    """
    for creator_id in question.ids if question.subject is Subject.CREATORS else (None,):
        require_readable(request.key, creator_id)
