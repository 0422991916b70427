"""Actions on all jobs of a filter."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields

from schemas.base import ResponseSchema, StrictRequestSchema, count_field
from schemas.fields import Choice, first_fault
from schemas.jobs import JobFilterQuery
from schemas.text import quoted


class BulkAction(StrEnum):
    """What is done to each job."""

    RETRY = "retry"
    CANCEL = "cancel"
    UNDO = "undo"


class BulkRequestSchema(StrictRequestSchema):
    """An action on all jobs of a filter."""

    action = Choice(
        *BulkAction,
        required=True,
        metadata={"description": "`retry` is for dead jobs, `cancel` for queued ones, `undo` for merges not undone."},
    )
    filter = fields.Nested(
        JobFilterQuery, required=True, metadata={"description": "The parameters of `GET /merge/jobs` without a page."}
    )


class BulkAcceptedSchema(ResponseSchema):
    """The run that carries out the action."""

    run_id = fields.UUID()
    status_url = fields.String()
    jobs = count_field("Jobs that it is for: at most 10,000.")
    more = fields.Boolean(metadata={"description": "Whether more jobs match; repeat the request after the run."})


_REQUEST = BulkRequestSchema()


def load_bulk_request(body: Any) -> dict[str, Any]:
    """Load an action from *body*; raise ValidationError with one sentence for the first fault."""
    if not isinstance(body, Mapping):
        raise ValidationError("The request body must be a JSON object.")
    if unknown := sorted(body.keys() - _REQUEST.fields.keys()):
        raise ValidationError(f"'{quoted(unknown[0])}' is no key of this request; its keys are action, filter.")
    wanted = body.get("filter")
    if not isinstance(wanted, Mapping):
        raise ValidationError("'filter' must be an object with the parameters of GET /merge/jobs; {} selects all jobs.")
    known = JobFilterQuery().fields.keys()
    if unknown := sorted(wanted.keys() - known):
        raise ValidationError(
            f"'{quoted(unknown[0])}' is no filter of jobs; the filters are {', '.join(sorted(known))}."
        )
    try:
        loaded: dict[str, Any] = _REQUEST.load(body)
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return loaded
