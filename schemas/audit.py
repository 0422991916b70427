"""The audit on the wire: which entries are wanted, and what they look like."""

import base64
import binascii
from enum import StrEnum
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from schemas.jobs import CURSOR, Instant, LimitQuery, SideSchema, plain_value

INCLUDE = "'include' must be 'images'"
JOB_ID = "'job_id' must be the id of a job"
KEY = "'key' must be the id of a key"
MOMENT = "'{name}' must be a time in ISO 8601 with its offset, such as 2026-01-31T09:30:00Z"
UUID_BYTES = 16


class Action(StrEnum):
    """What was done, as the audit keeps it."""

    MERGE = "merge"
    IDENTIFY = "identify"
    UNDO = "undo"
    DELETE = "delete"
    RENAME = "rename"
    REMOVE = "remove"


ACTION = f"'action' must be one of {', '.join(Action)}"


class Form(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"
    CSV = "csv"


FORM = f"'format' must be one of {', '.join(Form)}"

#: Where a page ended: the request that asked for its last entry, and the entry.
Place = tuple[UUID, UUID]


class PlaceField(fields.Field[Place]):
    """A place in the audit, in a form that invites nobody to make one up."""

    def _serialize(self, value: Place | None, *_: Any, **__: Any) -> str | None:
        """Return *value* as text for a URL."""
        return None if value is None else base64.urlsafe_b64encode(b"".join(each.bytes for each in value)).decode()

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Place:
        """Return the place that the text *value* stands for."""
        try:
            told = base64.b64decode(str(value), altchars=b"-_", validate=True)
            return UUID(bytes=told[:UUID_BYTES]), UUID(bytes=told[UUID_BYTES:])
        except (binascii.Error, ValueError):
            raise ValidationError(CURSOR) from None


def _moment(name: str) -> fields.AwareDateTime:
    """Return a field for the moment that the parameter *name* gives."""
    sentence = MOMENT.format(name=name)
    return fields.AwareDateTime(
        format="iso", error_messages=dict.fromkeys(("invalid", "invalid_awareness", "format"), sentence)
    )


class AuditFilter(Schema):
    """Which entries are wanted."""

    action = fields.Enum(Action, by_value=True, error_messages={"unknown": ACTION})
    key = fields.UUID(error_messages={"invalid_uuid": KEY})
    identifier = plain_value()
    job_id = fields.UUID(error_messages={"invalid_uuid": JOB_ID})

    class Meta:
        """The parameter whose name is a word of Python's."""

        include = {"from": _moment("from"), "to": _moment("to")}  # noqa: RUF012  marshmallow reads it


class AuditQuery(AuditFilter, LimitQuery):
    """Which page of them is wanted, and whether with images."""

    include = fields.String(validate=validate.Equal("images", error=INCLUDE))
    cursor = PlaceField()


class ExportQuery(AuditFilter):
    """In which form they are wanted."""

    format = fields.Enum(Form, by_value=True, load_default=Form.JSONL, error_messages={"unknown": FORM})


class KeySchema(Schema):
    """The API key by which something was asked for."""

    id = fields.UUID()
    label = fields.String(allow_none=True)


class EntrySchema(Schema):
    """An entry of the audit, without images."""

    id = fields.UUID()
    action = fields.String()
    requested_at = Instant()
    at = Instant()
    key = fields.Nested(KeySchema, allow_none=True)
    path = fields.String()
    request_id = fields.String(allow_none=True)
    job_id = fields.UUID(allow_none=True)
    batch_id = fields.UUID(allow_none=True)
    outcome = fields.String(allow_none=True)
    orphan = fields.Nested(SideSchema, allow_none=True)
    survivor = fields.Nested(SideSchema, allow_none=True)
    profile = fields.Nested(SideSchema, allow_none=True)
    undoes = fields.UUID(allow_none=True)
    undone_by = fields.UUID(allow_none=True)
    not_restored = fields.Raw(allow_none=True)
    erased = fields.Boolean()


class WholeEntrySchema(EntrySchema):
    """An entry with what changed, and what stood before and after."""

    changes = fields.Raw()
    before = fields.Raw()
    after = fields.Raw()


class AuditPageSchema(Schema):
    """A page of entries, and where the next begins."""

    entries = fields.List(fields.Nested(EntrySchema))
    next_cursor = PlaceField(allow_none=True)


class WholeAuditPageSchema(AuditPageSchema):
    """A page of entries with their images."""

    entries = fields.List(fields.Nested(WholeEntrySchema))
