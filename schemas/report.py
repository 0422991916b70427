"""The report of one person: everything that is stored about them."""

from marshmallow import fields

from schemas.audit import FullAuditEntrySchema
from schemas.base import ANY_OBJECT, Instant, ResponseSchema, WireJson
from schemas.history_pages import HistoryItemSchema
from schemas.jobs import JobSchema
from schemas.profile import ProfileSchema


class PersonReportSchema(ResponseSchema):
    """All stored data of one person. The last members may be long; the response is streamed."""

    braze_id = fields.String()
    created_at = Instant()
    profile = fields.Nested(ProfileSchema)
    records = WireJson(
        ANY_OBJECT,
        metadata={
            "description": "The stored rows by table: the profile with all columns, aliases, merged profiles, former"
            " names, push tokens and excluded pairs."
        },
    )
    records_of_others = fields.List(
        fields.UUID(),
        metadata={
            "description": "Jobs about other people whose records contain values of this person, because a merge that"
            " was undone later had mixed the two."
        },
    )
    jobs = fields.List(fields.Nested(JobSchema), metadata={"description": "Jobs that name or found the person."})
    audit = fields.List(fields.Nested(FullAuditEntrySchema))
    history = fields.List(fields.Nested(HistoryItemSchema), metadata={"description": "Newest first."})
