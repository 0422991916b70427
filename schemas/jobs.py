"""Jobs and batches in responses, and the queries that list them."""

from typing import Any

from marshmallow import fields, post_dump, validate

from schemas.base import (
    OPTIONAL,
    Instant,
    RequestSchema,
    ResponseSchema,
    WireJson,
    Word,
    count_field,
    refused_objects,
    success_message,
)
from schemas.outcomes import BatchSource, JobKind, JobState, Outcome
from schemas.paging import AcceptedQuery, Cursor, OrderedPageQuery, identifier_filter
from schemas.targets import RecordedIdentifierSchema
from schemas.urgency import LEAST_URGENT, MOST_URGENT

#: The arrays of `/users/identify`, by the kind of identifier of their objects.
INPUT_ARRAYS = {
    "user_alias": "aliases_to_identify",
    "email": "emails_to_identify",
    "phone": "phone_numbers_to_identify",
}

STATE = f"'state' must be one of {', '.join(JobState)}"
OUTCOME = f"'outcome' must be one of {', '.join(Outcome)}"
KIND = f"'kind' must be one of {', '.join(JobKind)}"
UNDONE = "'undone' must be true or false"
SOURCE = f"'source' must be one of {', '.join(BatchSource)}"
RUN_ID = "'run_id' must be the id of a run"
NOT_READABLE = "Missing if the key has neither `users.export.ids` nor `audit.read`."
INCLUDE = "'include' must be 'changes'"
#: Members that only some jobs have.
OF_SOME = frozenset({"input_array", "undoes", "not_restored", "warnings"})
#: The warning of a merge that a request named although the pair is excluded.
EXCLUDED_PAIR = (
    "The two profiles are recorded as not a match (`GET /duplicates/exclusions`), and the request merges them."
)


def priority_field() -> fields.Integer:
    """Return the member `priority`."""
    return fields.Integer(
        metadata={
            "minimum": MOST_URGENT,
            "maximum": LEAST_URGENT,
            "description": "The urgency of the jobs, from 0, the most urgent, to 7.",
        }
    )


class JobProfileSchema(ResponseSchema):
    """The profile that one side of a job resolved to."""

    braze_id = fields.String()
    external_id = fields.String(allow_none=True)


class ChangeSchema(ResponseSchema):
    """A changed field of the survivor, and the rule that decided it."""

    field = fields.String()
    before = fields.Raw(metadata={**OPTIONAL, "description": NOT_READABLE})
    after = fields.Raw(metadata={**OPTIONAL, "description": NOT_READABLE})
    rule = fields.String()


class NotRestoredSchema(ResponseSchema):
    """An identifier that an undo did not restore, and the reason."""

    identifier = fields.Nested(RecordedIdentifierSchema)
    why = fields.String()


def _input_array(job: Any) -> str | None:
    """Return the array of `/users/identify` that *job* came from; its identifier's kind implies it."""
    if job.kind is not JobKind.IDENTIFY:
        return None
    return next((array for kind, array in INPUT_ARRAYS.items() if kind in job.orphan_identifier), None)


def warnings_of_pair() -> fields.Function:
    """Return the optional member with the warning about an excluded pair."""
    return fields.Function(
        lambda each: [EXCLUDED_PAIR] if each.excluded else None,
        metadata={
            **OPTIONAL,
            "type": "array",
            "items": {"type": "string"},
            "description": "The merge was requested although its pair is excluded from duplicate runs.",
        },
    )


class JobSchema(ResponseSchema):
    """A job."""

    job_id = fields.UUID(attribute="id")
    batch_id = fields.UUID()
    index = count_field()
    kind = Word(JobKind)
    state = Word(JobState)
    priority = priority_field()
    outcome = Word(Outcome, allow_none=True)
    reason = fields.String(allow_none=True)
    identifier_to_merge = WireJson(RecordedIdentifierSchema, attribute="orphan_identifier")
    identifier_to_keep = WireJson(RecordedIdentifierSchema, attribute="survivor_identifier")
    orphan = fields.Nested(JobProfileSchema, allow_none=True)
    survivor = fields.Nested(JobProfileSchema, allow_none=True)
    attempts = count_field()
    task_id = fields.UUID(allow_none=True)
    request_id = fields.String(allow_none=True)
    created_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)
    undone_at = Instant(allow_none=True)
    undone_by = fields.UUID(allow_none=True)
    undoable_until = Instant(allow_none=True, metadata={"description": "Null if it merged nothing, or was undone."})
    undoes = fields.UUID(metadata=OPTIONAL)
    not_restored = WireJson(
        NotRestoredSchema,
        many=True,
        metadata={**OPTIONAL, "description": "Identifiers of the orphan that an undo did not restore."},
    )
    input_array = fields.Function(
        _input_array, metadata={**OPTIONAL, "type": "string", "enum": list(INPUT_ARRAYS.values())}
    )
    warnings = warnings_of_pair()

    @post_dump
    def _leave_out(self, dumped: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in dumped.items() if value is not None or name not in OF_SOME}


class FailureSchema(ResponseSchema):
    """A failed attempt of a job."""

    attempt = count_field("Its number, which begins with 1 after each retry.")
    failed_at = Instant(metadata={"description": "When it failed, or when it was seen that it had no end."})
    reason = fields.String(metadata={"description": "The type of the error, or that the attempt did not end."})
    task_id = fields.UUID(allow_none=True)


class JobDetailSchema(JobSchema):
    """A job with its failed attempts; with `include=changes` also its changes."""

    failures = fields.List(
        fields.Nested(FailureSchema),
        metadata={
            **OPTIONAL,
            "description": "The failed attempts, newest last, those before retries included: at most 50. Missing if"
            " there are none.",
        },
    )
    changes = WireJson(
        ChangeSchema,
        many=True,
        metadata={**OPTIONAL, "description": "The changes of the survivor; only with `include=changes`."},
    )


class BatchSummarySchema(ResponseSchema):
    """A batch without its jobs."""

    batch_id = fields.UUID(attribute="id")
    source = Word(BatchSource)
    run_id = fields.UUID(allow_none=True)
    state = fields.String(validate=validate.OneOf([JobState.QUEUED, JobState.RUNNING, JobState.FINISHED]))
    priority = priority_field()
    request_id = fields.String(allow_none=True)
    created_at = Instant()
    finished_at = Instant(allow_none=True)
    counts = fields.Dict(
        values=count_field(), metadata={"description": "Jobs by their outcome, or by their state while they have none."}
    )
    undone = count_field("Jobs whose merges were undone since.")


class BatchSchema(BatchSummarySchema):
    """A batch with its jobs."""

    jobs = fields.List(fields.Nested(JobSchema))


class AcceptedSchema(ResponseSchema):
    """A request that became a batch: its id and where to poll it."""

    batch_id = fields.UUID()
    status_url = fields.String()
    batch = fields.Nested(
        BatchSchema, metadata={**OPTIONAL, "description": "The batch, when the client waited for it."}
    )


class IdentifyAcceptedSchema(AcceptedSchema):
    """The batch of an accepted identify request. The counts are of accepted objects, for each array that was sent."""

    message = success_message()
    errors = refused_objects()
    aliases_processed = count_field(metadata=OPTIONAL)
    emails_processed = count_field(metadata=OPTIONAL)
    phone_numbers_processed = count_field(metadata=OPTIONAL)


class UndoAcceptedSchema(AcceptedSchema):
    """The batch of an accepted undo."""

    message = success_message()


class JobUndoAcceptedSchema(UndoAcceptedSchema):
    """The batch and the job of an accepted undo."""

    job_id = fields.UUID()


class JobPageSchema(ResponseSchema):
    """A page of jobs, and where the next begins."""

    jobs = fields.List(fields.Nested(JobSchema))
    next_cursor = Cursor(allow_none=True)


class BatchPageSchema(ResponseSchema):
    """A page of batches, and where the next begins."""

    batches = fields.List(fields.Nested(BatchSummarySchema))
    next_cursor = Cursor(allow_none=True)


class JobFilterQuery(AcceptedQuery):
    """A filter of jobs."""

    state = Word(JobState, error_messages={"unknown": STATE}, metadata={"description": "Jobs in this state."})
    outcome = Word(Outcome, error_messages={"unknown": OUTCOME}, metadata={"description": "Jobs with this outcome."})
    kind = Word(JobKind, error_messages={"unknown": KIND}, metadata={"description": "Jobs of this kind."})
    source = Word(BatchSource, error_messages={"unknown": SOURCE}, metadata={"description": "Jobs of this source."})
    run_id = fields.UUID(
        error_messages={"invalid_uuid": RUN_ID, "invalid": RUN_ID}, metadata={"description": "Jobs of this run."}
    )
    undone = fields.Boolean(
        truthy={"true", True},
        falsy={"false", False},
        error_messages={"invalid": UNDONE},
        metadata={"description": "Jobs whose merges were undone since, or all others."},
    )
    identifier = identifier_filter(
        "Jobs with a side that has this external_id, alias name, email, phone or braze_id, or whose orphan had it when"
        " it was merged. A blank also matches a plus sign."
    )


class JobPageQuery(JobFilterQuery, OrderedPageQuery):
    """A filter of jobs, and the page."""


class BatchFilterQuery(AcceptedQuery):
    """A filter of batches."""

    source = Word(BatchSource, error_messages={"unknown": SOURCE}, metadata={"description": "Batches of this source."})
    run_id = fields.UUID(
        error_messages={"invalid_uuid": RUN_ID, "invalid": RUN_ID},
        metadata={"description": "Batches of this run."},
    )
    state = Word(
        JobState, error_messages={"unknown": STATE}, metadata={"description": "Batches with a job in this state."}
    )
    outcome = Word(
        Outcome, error_messages={"unknown": OUTCOME}, metadata={"description": "Batches with a job of this outcome."}
    )
    kind = Word(JobKind, error_messages={"unknown": KIND}, metadata={"description": "Batches with a job of this kind."})
    identifier = identifier_filter(
        "Batches with a job that has this external_id, alias name, email, phone or braze_id on one side, or whose"
        " orphan had it when it was merged. A blank also matches a plus sign."
    )


class BatchPageQuery(BatchFilterQuery, OrderedPageQuery):
    """A filter of batches, and the page."""


class JobQuery(RequestSchema):
    """Additions to a job."""

    include = fields.String(
        validate=validate.OneOf(["changes"], error=INCLUDE),
        metadata={"description": "Adds the changes of the job."},
    )
