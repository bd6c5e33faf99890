"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a repeated request gets the same response.

Records belong to one API key, so two callers never share one. A record holds a keyed digest of the request
and the response. Neither contains an account id, and without the key none can be found by trying. Only
successes are kept; a request that failed may be sent again under its key. Of a response that is too large,
nothing is kept but that digest: the request runs again then.

A process that dies during a request leaves a claim behind, which lapses after `CLAIM_SECONDS`. If the
request is then sent again, it runs again; the operations that take this header are idempotent themselves.
"""

import hashlib
import hmac
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import msgspec
from marshmallow import Schema, fields
from marshmallow.validate import Regexp
from redis import Redis
from werkzeug.exceptions import UnprocessableEntity

from api.http.caller import Caller
from api.http.openapi import problem_doc
from api.http.operation import LOCATION, Request, Response, ResponseDoc
from api.http.problems import RequestInProgressError
from privacy.errors import InvalidInputError, StoreError
from privacy.store.connect import translated
from privacy.store.keys import platform_key
from privacy.store.script import Script, ScriptCall

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
CLAIM_SECONDS = 60
MAX_KEPT_BYTES = 64 * 1024
"""Of a compressed response; that of a largest batch, all of whose events are duplicates, has less."""
KEY_RULE = "1 to 255 visible ASCII characters"
IN_PROGRESS = f"A request with this {HEADER} is in progress."
KEY_REUSED = f"This {HEADER} belongs to another request."

KEY_PATTERN = "^[!-~]{1,255}$"
_KEY = re.compile(KEY_PATTERN)
_CLAIM_BYTES = 16
_SETTLE = Script.from_package("api.http", "settle_claim.lua")


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """The record of one Idempotency-Key of one caller; a claim has no response yet.

    The status is 0 if the response was too large to be kept.
    """

    request_digest: bytes
    claim: bytes
    status: int = 0
    media_type: str = ""
    deflated_body: bytes = b""
    location: str = ""


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Record).decode


@dataclass(frozen=True)
class Idempotency:
    """Runs a request once per Idempotency-Key.

    Args:
        client: connection with the platform plane's credentials.
        keep_seconds: the time that a response is kept.
        entropy: returns the given number of bytes from the operating system's CSPRNG; distinguishes claims.
        digest_key: returns the secret key of digests: a request may name an account, and account ids can be
            tried.
    """

    client: Redis
    keep_seconds: int
    entropy: Callable[[int], bytes]
    digest_key: Callable[[], bytes]

    def run_idempotent(
        self, request: Request, operation: str, body: bytes, act: Callable[[], Response]
    ) -> Response:
        """Run a request, or return the response that it got before.

        A request without the header always runs.

        Args:
            request: the request.
            operation: names the operation, including its path and the form of the body.
            body: the decoded body.
            act: runs the request.

        Raises:
            InvalidInputError: the header is malformed.
            RequestInProgressError: a request with this key is in progress (409).
            UnprocessableEntity: another request was sent under this key (422).
            StoreError: the store does not respond.
        """
        text = request.headers.get(HEADER)
        if text is None:
            return act()
        redis_key = _record_key(request.key, text)
        digest = hmac.digest(self.digest_key(), b"\n".join((operation.encode(), body)), "sha256")
        claim = _ENCODE(_Record(digest, self.entropy(_CLAIM_BYTES)))
        with translated():
            found = self.client.set(redis_key, claim, nx=True, get=True, ex=CLAIM_SECONDS)
        if found is not None:
            return _replay(_DECODE(cast("bytes", found)), digest) or act()
        try:
            response = act()
        except BaseException:
            self._settle(redis_key, claim, b"")
            raise
        body_kept = zlib.compress(response.body, level=1)
        location = response.headers.get(LOCATION, "")
        kept = _Record(digest, b"", response.status, response.media_type, body_kept, location)
        if len(body_kept) > MAX_KEPT_BYTES:
            kept = _Record(digest, b"")
        self._settle(redis_key, claim, _ENCODE(kept))
        return response

    def _settle(self, redis_key: str, claim: bytes, record: bytes) -> None:
        # The request has run and its outcome is known: a store that fails now must not hide it.
        with suppress(StoreError), translated():
            _SETTLE.run(self.client, ScriptCall([redis_key], [claim, record, self.keep_seconds]))


def _record_key(caller: Caller | None, text: str) -> str:
    if not _KEY.fullmatch(text):
        raise InvalidInputError(HEADER, "is malformed", KEY_RULE)
    key_id = caller.key_id if caller else "open"
    return platform_key("idem", key_id, hashlib.sha256(text.encode()).hexdigest())


def _replay(record: _Record, digest: bytes) -> Response | None:
    if record.request_digest != digest:
        raise UnprocessableEntity(KEY_REUSED)
    if record.claim:
        raise RequestInProgressError(f"{IN_PROGRESS} Try again for its response.")
    if not record.status:
        return None
    body = zlib.decompress(record.deflated_body)
    headers = {REPLAYED_HEADER: "true"} | ({LOCATION: record.location} if record.location else {})
    return Response(body, record.status, record.media_type, headers=headers)


class IdempotencyHeaderSchema(Schema):
    """Headers of operations that run once per Idempotency-Key."""

    idempotency_key = fields.String(
        data_key=HEADER,
        validate=Regexp(KEY_PATTERN),
        metadata={
            "description": f"{KEY_RULE}; a repeated request gets the same response, unless that was larger "
            f"than {MAX_KEPT_BYTES // 1024} KiB compressed: then it runs again.",
            "example": "batch-2026-05-03-0001",
        },
    )


def idempotency_problems(conflict: str = "") -> dict[int, ResponseDoc]:
    """Return the documented problems of an operation that runs once per Idempotency-Key.

    Args:
        conflict: other reasons for a 409, as a sentence.
    """
    return {409: problem_doc(f"{conflict} {IN_PROGRESS}".strip()), 422: problem_doc(KEY_REUSED)}
