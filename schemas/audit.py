"""The audit: its filters, entries and pages, and the forms of an export."""

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate

from schemas.base import ANY_OBJECT, Instant, RequestSchema, ResponseSchema, WireJson, Word
from schemas.jobs import JobProfileSchema, NotRestoredSchema
from schemas.outcomes import Outcome
from schemas.paging import CURSOR, NEXT, LimitQuery, identifier_filter, moment_filter

INCLUDE = "'include' must be 'images'"
JOB_ID = "'job_id' must be the id of a job"
KEY = "'key' must be the id of a key"
UUID_BYTES = 16


class Action(StrEnum):
    """The action that an entry records."""

    MERGE = "merge"
    IDENTIFY = "identify"
    UNDO = "undo"
    DELETE = "delete"
    RENAME = "rename"
    REMOVE = "remove"
    CONSENT = "consent"
    EXCLUDE = "exclude"
    ALLOW = "allow"
    #: The certificate of an erasure: everything of a deleted person is gone.
    ERASURE = "erasure"
    #: Of the queue of the workspace.
    PAUSE = "pause"
    RESUME = "resume"
    LIMIT = "limit"
    #: Waiting jobs of a job, a batch or the whole queue.
    CANCEL = "cancel"
    #: A run was created, closed or undone.
    RUN = "run"


ACTION = f"'action' must be one of {', '.join(Action)}"
#: The outcomes of jobs that changed profiles: only these jobs have an entry.
AUDITED_OUTCOMES = (Outcome.MERGED, Outcome.IDENTIFIED, Outcome.UNDONE, Outcome.UNDONE_IN_PART)


class Form(StrEnum):
    """The file format of an export."""

    JSONL = "jsonl"
    CSV = "csv"


FORM = f"'format' must be one of {', '.join(Form)}"

#: The end of a page: the request of its last entry, and the entry.
Place = tuple[UUID, UUID]


class AuditCursor(fields.Field[Place]):
    """A place in the audit, in an opaque form."""

    json_schema: Mapping[str, Any] = {"type": "string"}

    def _serialize(self, value: Place | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(b"".join(each.bytes for each in value)).decode()

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Place:
        try:
            decoded = base64.b64decode(str(value), altchars=b"-_", validate=True)
            return UUID(bytes=decoded[:UUID_BYTES]), UUID(bytes=decoded[UUID_BYTES:])
        except (binascii.Error, ValueError):
            raise ValidationError(CURSOR) from None


class AuditFilter(RequestSchema):
    """A filter of entries."""

    action = Word(
        Action,
        error_messages={"unknown": ACTION},
        metadata={"description": "Entries with this action."},
    )
    key = fields.UUID(
        error_messages={"invalid_uuid": KEY}, metadata={"description": "Entries of requests with this API key's id."}
    )
    identifier = identifier_filter(
        "Entries about a profile with this external_id, alias name, email, phone or braze_id, also of the orphan of a"
        " merge. A blank also matches a plus sign."
    )
    job_id = fields.UUID(
        error_messages={"invalid_uuid": JOB_ID}, metadata={"description": "The entry of this job, and of its undo."}
    )

    class Meta(RequestSchema.Meta):
        # "from" is a keyword of Python.
        include = {  # noqa: RUF012  marshmallow reads it
            "from": moment_filter("from", "Requested at this time or later."),
            "to": moment_filter("to", "Requested before this time."),
        }


class AuditQuery(AuditFilter, LimitQuery):
    """A filter, a page, and whether entries have their changes and snapshots."""

    include = fields.String(
        validate=validate.OneOf(["images"], error=INCLUDE),
        metadata={"description": "Adds the changes, and the fields before and after."},
    )
    cursor = AuditCursor(metadata=NEXT)


class ExportQuery(AuditFilter):
    """A filter, and the format of the file."""

    format = Word(
        Form,
        load_default=Form.JSONL,
        error_messages={"unknown": FORM},
        metadata={"description": "The format of the file.", "default": Form.JSONL},
    )


class AuditKeySchema(ResponseSchema):
    """The API key of a request."""

    id = fields.UUID()
    label = fields.String(allow_none=True)


class AuditEntrySchema(ResponseSchema):
    """An entry of the audit."""

    id = fields.UUID()
    action = Word(Action)
    requested_at = Instant()
    at = Instant()
    key = fields.Nested(AuditKeySchema, allow_none=True)
    path = fields.String()
    request_id = fields.String(allow_none=True)
    job_id = fields.UUID(allow_none=True)
    batch_id = fields.UUID(allow_none=True)
    outcome = fields.String(allow_none=True, validate=validate.OneOf(AUDITED_OUTCOMES))
    orphan = fields.Nested(JobProfileSchema, allow_none=True)
    survivor = fields.Nested(JobProfileSchema, allow_none=True)
    profile = fields.Nested(JobProfileSchema, allow_none=True)
    source = fields.Nested(JobProfileSchema, allow_none=True)
    undoes = fields.UUID(allow_none=True)
    undone_by = fields.UUID(allow_none=True)
    not_restored = WireJson(NotRestoredSchema, many=True, allow_none=True)
    erased = fields.Boolean()


class AuditChangeSchema(ResponseSchema):
    """A changed field, and the rule that decided it; null where no rule applied."""

    field = fields.String()
    before = fields.Raw()
    after = fields.Raw()
    rule = fields.String(allow_none=True)


class SnapshotsSchema(ResponseSchema):
    """Fields and values of each side; empty once a person of the entry was deleted."""

    all_optional = True

    orphan = WireJson(ANY_OBJECT)
    survivor = WireJson(ANY_OBJECT)
    profile = WireJson(ANY_OBJECT)


class FullAuditEntrySchema(AuditEntrySchema):
    """An entry with its changes, and the fields before and after."""

    changes = WireJson(AuditChangeSchema, many=True)
    before = WireJson(SnapshotsSchema)
    after = WireJson(SnapshotsSchema)


class AuditPageSchema(ResponseSchema):
    """A page of entries, and where the next begins."""

    entries = fields.List(fields.Nested(AuditEntrySchema))
    next_cursor = AuditCursor(allow_none=True)


class FullAuditPageSchema(AuditPageSchema):
    """A page of entries with their changes and snapshots."""

    entries = fields.List(fields.Nested(FullAuditEntrySchema))


class AnyAuditPageSchema(ResponseSchema):
    """A page of entries; with `include=images` they have their changes and snapshots."""

    any_of = (AuditPageSchema, FullAuditPageSchema)
