"""All profiles of a workspace, page by page: which page is wanted, and what it looks like."""

from marshmallow import Schema, fields, validate

from schemas.jobs import DEFAULT_LIMIT, LIMIT, MAX_LIMIT
from schemas.profile import ProfileSchema
from schemas.segments import PageEnd


class ProfilePageQuery(Schema):
    """Which page of profiles is wanted."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT, error=LIMIT),
        error_messages={"invalid": LIMIT, "too_large": LIMIT},
    )
    cursor = PageEnd(load_default=0)


class ProfilePageSchema(Schema):
    """A page of profiles, and where the next begins."""

    message = fields.Constant("success")
    profiles = fields.List(fields.Nested(ProfileSchema))
    next_cursor = PageEnd(allow_none=True)
