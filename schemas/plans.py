"""Plans: previewed merges that are kept, their pages, and the request that applies one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields

from schemas.audit import AuditKeySchema
from schemas.base import OPTIONAL, Instant, ResponseSchema, StrictRequestSchema, Word, count_field
from schemas.fields import first_fault
from schemas.merge import UpdatePreviewSchema
from schemas.paging import Cursor, LimitQuery, ProfileCursor
from schemas.targets import RecordedIdentifierSchema
from schemas.text import quoted

#: Merges in the summary of a plan: those with the most changes.
LARGEST = 10
#: The greatest index of an update.
MAX_INDEX = 2**31 - 1
ONLY = f"must be an array of indexes of updates: whole numbers from 0 to {MAX_INDEX:,}"


class PlanState(StrEnum):
    """The state of a plan."""

    OPEN = "open"
    APPLIED = "applied"
    DISCARDED = "discarded"


class PlanUpdateSchema(UpdatePreviewSchema):
    """One update of a plan, and the result that it would have after those before it."""

    identifier_to_merge = fields.Nested(RecordedIdentifierSchema, attribute="orphan_identifier")
    identifier_to_keep = fields.Nested(RecordedIdentifierSchema, attribute="survivor_identifier")


class LargeMergeSchema(ResponseSchema):
    """A merge with many changes: its index in the plan, their number, and the braze_ids of its profiles."""

    index = count_field()
    changes = count_field()
    orphan = fields.String()
    survivor = fields.String()


class PlanSummarySchema(ResponseSchema):
    """A plan without its updates."""

    plan_id = fields.UUID(attribute="id")
    state = Word(PlanState)
    created_at = Instant()
    expires_at = Instant(metadata={"description": "An open plan is deleted then."})
    created_by = fields.Nested(AuditKeySchema, allow_none=True)
    updates_count = count_field("The number of its updates.")
    counts = fields.Dict(values=count_field(), metadata={"description": "Updates by the outcome that they would have."})
    fields_changed = fields.Dict(
        values=count_field(),
        attribute="fields",
        metadata={"description": "Merges by the field that they would change; keys below a field count for it."},
    )
    largest = fields.List(
        fields.Nested(LargeMergeSchema), metadata={"description": f"The {LARGEST} merges with the most changes."}
    )
    applied_at = Instant(allow_none=True)
    applied_by = fields.Nested(AuditKeySchema, allow_none=True)
    run_id = fields.UUID(allow_none=True, metadata={"description": "The run of an applied plan."})
    duplicates_run_id = fields.UUID(
        allow_none=True, metadata={"description": "The run over duplicates that makes its updates."}
    )
    complete = fields.Boolean(
        metadata={"description": "Whether it has all updates; false while its run over duplicates is running."}
    )


class PlanSchema(PlanSummarySchema):
    """A plan with a page of its updates, and where the next begins."""

    updates = fields.List(fields.Nested(PlanUpdateSchema))
    next_cursor = ProfileCursor(allow_none=True)


class PlanCreatedSchema(PlanSummarySchema):
    """A plan with the updates of the request, and where to read it."""

    updates = fields.List(fields.Nested(PlanUpdateSchema))
    status_url = fields.String()


class PlanPageSchema(ResponseSchema):
    """A page of plans, and where the next begins."""

    plans = fields.List(fields.Nested(PlanSummarySchema))
    next_cursor = Cursor(allow_none=True)


class PlanUpdateQuery(LimitQuery):
    """The size of a page of updates, and where it begins."""

    cursor = ProfileCursor(metadata={"description": "The `next_cursor` of the page before."})


class Indexes(fields.Field[list[int]]):
    """Indexes of updates."""

    json_schema: Mapping[str, Any] = {
        "type": "array",
        "items": {"type": "integer", "minimum": 0, "maximum": MAX_INDEX},
        "minItems": 1,
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[int]:
        if not isinstance(value, list) or not all(type(each) is int and 0 <= each <= MAX_INDEX for each in value):
            raise ValidationError(ONLY)
        if not value:
            raise ValidationError("may not be empty; without it, all updates are applied")
        return value


class ApplySchema(StrictRequestSchema):
    """Which updates of a plan to apply; by default all. A request without a body applies all."""

    chosen = Indexes(
        data_key="only",
        allow_none=True,
        metadata={**OPTIONAL, "description": "The indexes of the updates to apply."},
    )


class PlanAppliedSchema(ResponseSchema):
    """The run of an applied plan, and where to poll it."""

    run_id = fields.UUID()
    status_url = fields.String()


_APPLY = ApplySchema()


def load_apply(body: Any) -> list[int] | None:
    """Return the indexes in the parsed *body*, None for all; raise ValidationError with one sentence for a fault."""
    if not isinstance(body, Mapping):
        raise ValidationError("The request body must be a JSON object.")
    if unknown := sorted(body.keys() - {"only"}):
        raise ValidationError(f"'{quoted(unknown[0])}' is no key of this request; its only key is 'only'.")
    try:
        loaded: list[int] | None = _APPLY.load(body).get("chosen")
    except ValidationError as error:
        raise ValidationError(first_fault(error.messages)) from None
    return loaded
