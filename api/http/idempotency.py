"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a request sent again gets the answer it got.

Records are kept per API key, so two callers never meet in one, and hold a digest of the request and the
answer that was given: no account id is in either. Only successes are kept; a request that failed may be sent
again under its key.

A process that dies while it works leaves a claim behind that lapses after `CLAIM_SECONDS`. Whoever sends the
request again after that has it carried out again, which the operations that take this header bear: they are
idempotent themselves.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import msgspec
from marshmallow import Schema, fields
from marshmallow.validate import Regexp
from werkzeug.exceptions import UnprocessableEntity

from api.http.api_key_reader import KeyRecord
from api.http.operation import Request, Response
from privacy.errors import ConflictError, InvalidInputError, StoreError
from privacy.store.connect import translated
from privacy.store.keys import platform_key
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
CLAIM_SECONDS = 60
KEY_RULE = "1 to 255 visible ASCII characters"

KEY_PATTERN = "^[!-~]{1,255}$"
_KEY = re.compile(KEY_PATTERN)
_CLAIM_BYTES = 16
_SETTLE = Script.packaged("api.http", "settle_claim.lua")


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """What is kept for one key of one caller; a claim has no answer yet."""

    request_sha256: bytes
    claim: bytes
    status: int = 0
    media_type: str = ""
    deflated_body: bytes = b""


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Record).decode


@dataclass(frozen=True)
class Idempotency:
    """Carries a request out once for each Idempotency-Key.

    Args:
        client: connection with the platform plane's credentials.
        keep_seconds: how long an answer is kept.
        entropy: answers so many bytes of the operating system's CSPRNG; tells two claims apart.
    """

    client: Redis
    keep_seconds: int
    entropy: Callable[[int], bytes]

    def once(self, call: Request, operation: str, body: bytes, act: Callable[[], Response]) -> Response:
        """Answer a request: by carrying it out, or as it was answered before.

        A request without the header is carried out.

        Args:
            call: the request.
            operation: what it asks for, path and form of the body included.
            body: decoded.
            act: carries it out.

        Raises:
            InvalidInputError: the header breaks its rule.
            ConflictError: the same request is being carried out right now (409).
            UnprocessableEntity: another request was sent under this key (422).
            StoreError: the store does not answer.
        """
        text = call.headers.get(HEADER)
        if text is None:
            return act()
        name = _record_name(call.key, text)
        digest = hashlib.sha256(b"\n".join((operation.encode(), body))).digest()
        claim = _ENCODE(_Record(digest, self.entropy(_CLAIM_BYTES)))
        with translated():
            found = self.client.set(name, claim, nx=True, get=True, ex=CLAIM_SECONDS)
        if found is not None:
            return _replayed(_DECODE(cast("bytes", found)), digest)
        try:
            answer = act()
        except BaseException:
            self._settle(name, claim, b"")
            raise
        body_kept = zlib.compress(answer.body, level=1)
        kept = _Record(digest, b"", answer.status, answer.media_type, body_kept)
        self._settle(name, claim, _ENCODE(kept))
        return answer

    def _settle(self, name: str, claim: bytes, record: bytes) -> None:
        # What was done is done, and its answer or error is known: a store that fails now must not hide it.
        with suppress(StoreError), translated():
            _SETTLE.run(self.client, ScriptCall([name], [claim, record, self.keep_seconds]))


def _record_name(caller: KeyRecord | None, text: str) -> str:
    if not _KEY.fullmatch(text):
        raise InvalidInputError(HEADER, "breaks its rule", KEY_RULE)
    key_id = caller.key_id if caller else "open"
    return platform_key("idem", key_id, hashlib.sha256(text.encode()).hexdigest())


def _replayed(record: _Record, digest: bytes) -> Response:
    if record.request_sha256 != digest:
        raise UnprocessableEntity(f"This {HEADER} belongs to another request.")
    if record.claim:
        raise ConflictError(f"the request with this {HEADER} is being carried out; try again for its answer")
    body = zlib.decompress(record.deflated_body)
    return Response(body, record.status, record.media_type, headers={REPLAYED_HEADER: "true"})


class IdempotencyHeaderSchema(Schema):
    """Headers of everything that is carried out once for each Idempotency-Key."""

    idempotency_key = fields.String(
        data_key=HEADER,
        validate=Regexp(KEY_PATTERN),
        metadata={"description": f"{KEY_RULE}; see above.", "example": "batch-2026-05-03-0001"},
    )
