"""What jobs and batches look like to those who poll, and how a poller says what it wants to see."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, post_dump, validate

from schemas.outcomes import BatchSource, JobKind, JobState, Outcome

#: The arrays of `/users/identify`, by the kind of identifier that their objects have.
INPUT_ARRAYS = {
    "user_alias": "aliases_to_identify",
    "email": "emails_to_identify",
    "phone": "phone_numbers_to_identify",
}

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_IDENTIFIER = 1_000
LIMIT = f"'limit' must be a whole number from 1 to {MAX_LIMIT}"
STATE = f"'state' must be one of {', '.join(JobState)}"
OUTCOME = f"'outcome' must be one of {', '.join(Outcome)}"
SOURCE = f"'source' must be one of {', '.join(BatchSource)}"
RUN_ID = "'run_id' must be the id of a run over duplicates"
IDENTIFIER = f"'identifier' must have from 1 to {MAX_IDENTIFIER} characters and no NUL among them"
CURSOR = "'cursor' must be the next_cursor of an earlier page"
INCLUDE = "'include' must be 'changes'"


class Instant(fields.Field[datetime]):
    """A moment as the vendor writes it: ISO 8601 in UTC, with milliseconds and a Z."""

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        """Return *value* as text."""
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Cursor(fields.Field[UUID]):
    """Where a page ended: the last id on it, in a form that invites nobody to make one up."""

    def _serialize(self, value: UUID | None, *_: Any, **__: Any) -> str | None:
        """Return *value* as text for a URL."""
        return None if value is None else base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> UUID:
        """Return the id that the text *value* stands for."""
        try:
            return UUID(bytes=base64.b64decode(f"{value}==", altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            raise ValidationError(CURSOR) from None


class SideSchema(Schema):
    """The profile that one side of a job was resolved to."""

    braze_id = fields.String()
    external_id = fields.String(allow_none=True)


def _input_array(job: Any) -> str | None:
    """Return the array of `/users/identify` that *job* came from: the kind of its identifier tells."""
    if job.kind is not JobKind.IDENTIFY:
        return None
    return next((array for kind, array in INPUT_ARRAYS.items() if kind in job.orphan_identifier), None)


#: Where a job came from among the arrays of `/users/identify`; what an undo takes back, and what it could not restore.
OF_SOME = frozenset({"input_array", "undoes", "not_restored"})


class JobSchema(Schema):
    """A job."""

    job_id = fields.UUID(attribute="id")
    batch_id = fields.UUID()
    index = fields.Integer()
    kind = fields.String()
    state = fields.String()
    outcome = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    identifier_to_merge = fields.Raw(attribute="orphan_identifier")
    identifier_to_keep = fields.Raw(attribute="survivor_identifier")
    orphan = fields.Nested(SideSchema, allow_none=True)
    survivor = fields.Nested(SideSchema, allow_none=True)
    attempts = fields.Integer()
    task_id = fields.UUID(allow_none=True)
    request_id = fields.String(allow_none=True)
    created_at = Instant()
    started_at = Instant()
    finished_at = Instant()
    undone_at = Instant()
    undone_by = fields.UUID(allow_none=True)
    undoes = fields.UUID()
    not_restored = fields.Raw()
    input_array = fields.Function(_input_array)

    @post_dump
    def leave_out(self, shown: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Show on the jobs of one kind alone, and on those that have it, what jobs of others never have."""
        return {name: value for name, value in shown.items() if value is not None or name not in OF_SOME}


class BatchSummarySchema(Schema):
    """A batch as lists show it: without its jobs."""

    batch_id = fields.UUID(attribute="id")
    source = fields.String()
    run_id = fields.UUID(allow_none=True)
    state = fields.String()
    request_id = fields.String(allow_none=True)
    created_at = Instant()
    finished_at = Instant()
    counts = fields.Raw()


class BatchSchema(BatchSummarySchema):
    """A batch with its jobs."""

    jobs = fields.List(fields.Nested(JobSchema))


class JobPageSchema(Schema):
    """A page of jobs, and where the next begins."""

    jobs = fields.List(fields.Nested(JobSchema))
    next_cursor = Cursor(allow_none=True)


class BatchPageSchema(Schema):
    """A page of batches, and where the next begins."""

    batches = fields.List(fields.Nested(BatchSummarySchema))
    next_cursor = Cursor(allow_none=True)


class LimitQuery(Schema):
    """How much a page of a list shows."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT, error=LIMIT),
        error_messages={"invalid": LIMIT, "too_large": LIMIT},
    )


class PageQuery(LimitQuery):
    """Which page of a list is wanted."""

    cursor = Cursor()


def plain_value() -> fields.String:
    """Return a field for the plain value of an identifier, by which something is looked for."""
    return fields.String(
        validate=[
            validate.Length(min=1, max=MAX_IDENTIFIER, error=IDENTIFIER),
            validate.ContainsNoneOf("\x00", error=IDENTIFIER),
        ],
    )


class BatchPageQuery(PageQuery):
    """Which batches are wanted, and which page of them."""

    source = fields.Enum(BatchSource, by_value=True, error_messages={"unknown": SOURCE})
    run_id = fields.UUID(error_messages={"invalid_uuid": RUN_ID, "invalid": RUN_ID})


class JobPageQuery(PageQuery):
    """Which jobs are wanted, and which page of them."""

    state = fields.Enum(JobState, by_value=True, error_messages={"unknown": STATE})
    outcome = fields.Enum(Outcome, by_value=True, error_messages={"unknown": OUTCOME})
    identifier = plain_value()


class JobQuery(Schema):
    """What is wanted beside the job itself."""

    include = fields.String(validate=validate.Equal("changes", error=INCLUDE))


def load_query(schema: Schema, query: Mapping[str, str]) -> dict[str, Any]:
    """Return what *query* asks for; raise ValidationError with one sentence when it cannot be understood.

    No parameter is ignored: a filter that was misspelt must not seem to match everything.
    """
    if query.keys() - schema.fields.keys():
        known = ", ".join(sorted(schema.fields))
        raise ValidationError(f"There is an unknown query parameter; those that this URL takes are: {known}")
    loaded: dict[str, Any] = schema.load(query)
    return loaded
