"""Runs: operations of any size, their batches, and the requests that create and list them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

from schemas.audit import AuditKeySchema
from schemas.base import Instant, ResponseSchema, StrictRequestSchema, Word, count_field
from schemas.failure_limits import LEAST_ENDED, FailureLimitField
from schemas.fields import Choice, Text, first_fault
from schemas.jobs import OUTCOME, SOURCE, priority_field
from schemas.outcomes import BatchSource, Outcome, RunKind, RunStatus
from schemas.paging import AcceptedQuery, Cursor, OrderedPageQuery, identifier_filter
from schemas.text import quoted
from schemas.urgency import LEAST_URGENT, MOST_URGENT

#: Maximum characters of the label of a run.
MAX_LABEL = 200
KIND = f"'kind' must be one of {', '.join(RunKind)}"
STATE = f"'state' must be one of {', '.join(RunStatus)}"
#: The kinds that a client may create.
CLIENT_KINDS = (RunKind.CLIENT, RunKind.FILE, RunKind.IMPORT)
PRIORITY = f"must be an integer from {MOST_URGENT} to {LEAST_URGENT}"
LIMITED = "'max_failures' is for runs with jobs; an import has none, so leave it out"
OF_FAILURES = (
    "Dead, refused and ambiguous jobs after which the run is paused: more than a number, or more than a share of the"
    f" ended jobs, such as `2%`. A share counts from {LEAST_ENDED} ended jobs on."
)


class NewRunSchema(StrictRequestSchema):
    """A run to create."""

    label = Text(least=1, most=MAX_LABEL, allow_none=True, metadata={"description": "A name for people."})
    kind = Choice(
        *CLIENT_KINDS,
        load_default=RunKind.CLIENT,
        metadata={"description": "`file` and `import` are for bulk files; by default `client`.", "default": "client"},
    )
    priority = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(MOST_URGENT, LEAST_URGENT, error=PRIORITY),
        error_messages={"invalid": PRIORITY, "too_large": PRIORITY},
        metadata={
            "description": "The urgency of the jobs of requests without the header `Priority`, from 0, the most urgent,"
            " to 7. Default: that of this request's own header, or 3."
        },
    )
    max_failures = FailureLimitField(allow_none=True, metadata={"description": OF_FAILURES})


class ResumedRunSchema(StrictRequestSchema):
    """The limit of a resumed run."""

    max_failures = FailureLimitField(
        allow_none=True,
        metadata={
            "description": "Null removes the limit; without the key it stays. Only jobs that end from now on count."
        },
    )


class RunCreatedSchema(ResponseSchema):
    """The id of the new run, and where to poll it. An open run is joined with the header `Merge-Run: {run_id}`."""

    run_id = fields.UUID()
    status_url = fields.String()


class MergeRunSchema(ResponseSchema):
    """A run and its progress, which is counted within a second."""

    run_id = fields.UUID(attribute="id")
    kind = Word(RunKind)
    label = fields.String(allow_none=True)
    state = Word(RunStatus)
    created_at = Instant()
    created_by = fields.Nested(AuditKeySchema, allow_none=True)
    closed_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)
    cancelled_at = Instant(
        allow_none=True,
        metadata={"description": "From then on no worker begins one of its jobs."},
    )
    counts = fields.Dict(
        values=count_field(),
        metadata={
            "description": "Jobs by their outcome, or by their state while they have none; lines or objects of"
            " an import by their result."
        },
    )
    jobs = count_field()
    batches = count_field()
    merges_per_minute = fields.Float(
        metadata={"minimum": 0, "description": "Jobs that ended a minute: in the last minute, or in a finished run."}
    )
    estimated_finish_at = Instant(allow_none=True)
    priority = priority_field()
    max_failures = FailureLimitField(allow_none=True, metadata={"description": OF_FAILURES})
    paused_at = Instant(
        allow_none=True, metadata={"description": "From then on no worker begins one of its jobs; null while it runs."}
    )
    paused_reason = fields.String(allow_none=True, metadata={"description": "Why the run is paused."})
    undoes_run = fields.UUID(allow_none=True, metadata={"description": "Of an undo: the run that it undoes."})
    undoable_until = Instant(
        allow_none=True, metadata={"description": "Until then all of its merges can be undone; null without any."}
    )
    undone_by_run = fields.UUID(allow_none=True, metadata={"description": "The last undo of this run."})
    batches_url = fields.Function(lambda run: f"/merge/runs/{run.id}/batches", metadata={"type": "string"})


class MergeRunPageSchema(ResponseSchema):
    """A page of runs, and where the next begins."""

    runs = fields.List(fields.Nested(MergeRunSchema))
    next_cursor = Cursor(allow_none=True)


class MergeRunFilterQuery(AcceptedQuery):
    """A filter of runs."""

    kind = Word(RunKind, error_messages={"unknown": KIND}, metadata={"description": "Runs of this kind."})
    state = Word(RunStatus, error_messages={"unknown": STATE}, metadata={"description": "Runs in this state."})
    source = Word(
        BatchSource,
        error_messages={"unknown": SOURCE},
        metadata={"description": "Runs whose batches have this source."},
    )
    outcome = Word(
        Outcome, error_messages={"unknown": OUTCOME}, metadata={"description": "Runs with a job of this outcome."}
    )
    identifier = identifier_filter(
        "Runs with a job that has this external_id, alias name, email, phone or braze_id on one side, or whose orphan"
        " had it when it was merged. A blank also matches a plus sign. The key needs `users.merge` or `users.identify`."
    )


class MergeRunPageQuery(MergeRunFilterQuery, OrderedPageQuery):
    """A filter of runs, and the page."""


_NEW = NewRunSchema()
_RESUMED = ResumedRunSchema()


def load_new_run(body: Any) -> dict[str, Any]:
    """Load a run to create from *body*; raise ValidationError with one sentence for the first fault."""
    loaded = _load(_NEW, body)
    if loaded["kind"] == RunKind.IMPORT and loaded.get("max_failures") is not None:
        raise ValidationError(LIMITED)
    return loaded


def load_resumed_run(body: Any) -> dict[str, Any]:
    """Load the limit of a run to resume; raise ValidationError with one sentence for the first fault."""
    return _load(_RESUMED, body)


def _load(schema: StrictRequestSchema, body: Any) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        raise ValidationError("The request body must be a JSON object.")
    if unknown := sorted(body.keys() - schema.fields.keys()):
        raise ValidationError(
            f"'{quoted(unknown[0])}' is no key of this request; its keys are {', '.join(schema.fields)}."
        )
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return loaded
