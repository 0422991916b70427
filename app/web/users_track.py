"""`POST /users/track`: attributes, events, purchases, sessions and engagements, in effect when the answer leaves."""

from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.users import track
from app.web.auth import json_body, pool, requires, settings
from schemas.track import load_track

blueprint = Blueprint("users_track", __name__)


@blueprint.post("/users/track")
@requires(permission="users.track")
def record() -> ResponseReturnValue:
    """Bring to effect what is sound, and tell object by object what is not; 400 when nothing is sound."""
    request = load_track(json_body(), refused=settings().refused_identifiers)
    if request.entries:
        effects = track.apply(pool(), workspace_id=g.workspace_id, entries=request.entries, settings=settings())
        for position, reason in effects.refused.items():
            request.refuse(position, reason)
        for position, reason in effects.ignored:
            request.warn(position, reason)
    return request.answer(), HTTPStatus.CREATED if request.accepted else HTTPStatus.BAD_REQUEST
