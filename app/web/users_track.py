"""`POST /users/track`: attributes, events, purchases, sessions and engagements, in effect when the answer leaves."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users.track import track_entries
from app.web.auth import json_body, pool, requires, settings
from app.web.openapi.describe import Tag, describe
from schemas.base import RefusedSchema
from schemas.track import TrackedSchema, TrackRequestSchema, load_track

blueprint = Blueprint("users_track", __name__)


@describe(
    Tag.USERS,
    "Record attributes, events, purchases, sessions and engagements",
    body=TrackRequestSchema,
    replies={201: TrackedSchema, 400: RefusedSchema},
)
@blueprint.post("/users/track")
@requires(permission="users.track")
def record() -> ResponseReturnValue:
    """Bring to effect what is sound, and tell object by object what is not; 400 when nothing is sound."""
    request = load_track(json_body(), refused=settings().refused_identifiers)
    if request.entries:
        effects = track_entries(pool(), workspace_id=g.workspace_id, entries=request.entries, settings=settings())
        for position, reason in effects.refused.items():
            request.refuse(position, reason)
        for position, reason in effects.ignored:
            request.warn(position, reason)
        for position in effects.without_profile:
            request.skip(position)
    return request.answer(), HTTPStatus.CREATED if request.accepted else HTTPStatus.BAD_REQUEST
