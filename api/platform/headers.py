"""Request headers that operations of the platform plane heed, for their description."""

from __future__ import annotations

from marshmallow import Schema, fields
from marshmallow.validate import Regexp

from api.http.idempotency import HEADER, KEY_PATTERN, KEY_RULE


class IdempotencyHeaderSchema(Schema):
    """Headers of everything that is carried out once for each Idempotency-Key."""

    idempotency_key = fields.String(
        data_key=HEADER,
        validate=Regexp(KEY_PATTERN),
        metadata={"description": f"{KEY_RULE}; see above.", "example": "batch-2026-05-03-0001"},
    )
