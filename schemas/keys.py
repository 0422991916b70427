"""`/keys`: the API keys of a workspace, without their secrets."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import Instant, ResponseSchema, Word
from schemas.paging import Cursor


class KeyState(StrEnum):
    """Whether a key opens its workspace."""

    OPEN = "open"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeySchema(ResponseSchema):
    """An API key. Its secret is stored nowhere."""

    key_id = fields.UUID(attribute="id")
    label = fields.String()
    hint = fields.String(metadata={"description": "The first characters of the secret."})
    permissions = fields.List(fields.String())
    state = Word(KeyState)
    created_at = Instant()
    expires_at = Instant(allow_none=True, metadata={"description": "Null: the key does not expire."})
    revoked_at = Instant(allow_none=True)
    last_used_at = Instant(
        allow_none=True,
        metadata={
            "description": "The last request or visit of the console, up to a minute old; null before the first."
        },
    )


class KeyPageSchema(ResponseSchema):
    """A page of keys, and where the next begins."""

    keys = fields.List(fields.Nested(KeySchema))
    next_cursor = Cursor(allow_none=True)
