"""`/merge/queue`: what a workspace sets for its queue, and what the queue contains."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate

from schemas.audit import AuditKeySchema
from schemas.base import (
    Instant,
    RequestSchema,
    ResponseSchema,
    StrictRequestSchema,
    Word,
    count_field,
    success_message,
)
from schemas.fields import first_fault
from schemas.jobs import SOURCE
from schemas.outcomes import BatchSource, JobKind
from schemas.urgency import LEAST_URGENT

KIND = f"'kind' must be one of {', '.join(JobKind)}"
PRIORITY = f"'priority' must be an integer from 0 to {LEAST_URGENT}"
#: The highest limit, in merges per minute.
MAX_LIMIT = 100_000_000


class QueueState(StrEnum):
    """Whether the jobs of a workspace begin."""

    RUNNING = "running"
    PAUSED = "paused"


STATE = f"must be one of {', '.join(QueueState)}"
LIMIT = f"must be an integer from 1 to {MAX_LIMIT:,}, or null for no limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChange:
    """A change of the settings of a queue."""

    #: None: unchanged.
    state: QueueState | None = None
    changes_limit: bool = False
    #: None: no limit. Of no effect unless *changes_limit*.
    limit: int | None = None

    def limit_after(self, before: int | None) -> int | None:
        """Return the limit after the change of the limit *before*."""
        return self.limit if self.changes_limit else before


class QueueChangeSchema(StrictRequestSchema):
    """What to change of the queue; a missing key keeps its value."""

    error_messages = {"unknown": "is no key of this object"}  # noqa: RUF012  marshmallow's own way to set them

    state = Word(QueueState, error_messages=dict.fromkeys(("unknown", "null"), STATE))
    merges_per_minute_limit = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(1, MAX_LIMIT, error=LIMIT),
        error_messages={"invalid": LIMIT, "too_large": LIMIT},
        metadata={"description": "The most jobs that begin in a minute; null: no limit."},
    )


class QueueSchema(ResponseSchema):
    """The queue of the workspace."""

    state = Word(QueueState)
    paused_at = Instant(allow_none=True)
    paused_by = fields.Nested(
        AuditKeySchema,
        allow_none=True,
        metadata={"description": "The key that paused the queue; null while it runs, and for an operator."},
    )
    merges_per_minute_limit = fields.Integer(allow_none=True, metadata={"minimum": 1})
    waiting = fields.Dict(
        keys=fields.String(),
        values=count_field(),
        metadata={"description": "Queued jobs by urgency, from 0, the most urgent, to 7; one without jobs is missing."},
    )
    waiting_is_exact = fields.Boolean(
        metadata={
            "description": "False for more than 5,000 waiting jobs, which are not all counted: then at least as many"
            " jobs of each urgency wait."
        }
    )
    running = count_field("Jobs that a worker has begun, counted up to 5,000.")
    oldest_waiting_seconds = fields.Float(
        allow_none=True, metadata={"minimum": 0, "description": "The age of the oldest queued job; null without one."}
    )
    merges_per_minute = count_field("Jobs of all kinds that ended in the last minute.")


class QueueSelectionQuery(RequestSchema):
    """Which jobs of the queue to cancel; without parameters all."""

    kind = Word(JobKind, error_messages={"unknown": KIND}, metadata={"description": "Only jobs of this kind."})
    source = Word(
        BatchSource, error_messages={"unknown": SOURCE}, metadata={"description": "Only jobs of requests, or of runs."}
    )
    priority = fields.Integer(
        validate=validate.Range(0, LEAST_URGENT, error=PRIORITY),
        error_messages=dict.fromkeys(("invalid", "too_large"), PRIORITY),
        metadata={"description": "Only jobs of this urgency."},
    )


class CancelledSchema(ResponseSchema):
    """The result of a cancellation."""

    message = success_message()
    batch_id = fields.UUID()
    status_url = fields.String()
    cancelled = count_field("Jobs that got the outcome `cancelled`.")
    running = count_field("Jobs that a worker has begun; they are not cancelled.")


class QueueCancelledSchema(ResponseSchema):
    """A cancellation of the queue, which takes effect at once and gives the jobs their outcome in the background."""

    message = success_message()
    cancel_id = fields.UUID()


_CHANGE = QueueChangeSchema()


def load_queue_change(body: Any) -> QueueChange:
    """Load the change in *body*; raise ValidationError with one sentence for the first fault."""
    if not isinstance(body, Mapping):
        raise ValidationError("The request body must be a JSON object.")
    try:
        given: dict[str, Any] = _CHANGE.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return QueueChange(
        state=given.get("state"),
        changes_limit="merges_per_minute_limit" in given,
        limit=given.get("merges_per_minute_limit"),
    )
