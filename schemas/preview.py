"""What a rehearsal of merges looks like."""

from typing import Any

from marshmallow import Schema, fields

from schemas.jobs import SideSchema


class RehearsedSchema(Schema):
    """What would become of one update."""

    index = fields.Integer()
    outcome = fields.String(attribute="end.outcome")
    reason = fields.String(attribute="end.reason")
    orphan = fields.Nested(SideSchema, attribute="end.orphan", allow_none=True)
    survivor = fields.Nested(SideSchema, attribute="end.survivor", allow_none=True)
    changes = fields.Raw()


_REHEARSED = RehearsedSchema(many=True)


def shown(rehearsed: Any) -> dict[str, Any]:
    """Return the answer to `POST /users/merge/preview`."""
    return {"message": "success", "updates": _REHEARSED.dump(rehearsed)}
