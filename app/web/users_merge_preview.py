"""`POST /users/merge/preview`: what a merge now would do. Nothing is written."""

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.lane.preview import preview as rehearse
from app.web.auth import json_body, requires
from app.web.resources import pool, settings
from schemas.merge import load_merge
from schemas.preview import shown

blueprint = Blueprint("users_merge_preview", __name__)


@blueprint.post("/users/merge/preview")
@requires(permission="users.merge")
def preview() -> ResponseReturnValue:
    """Return, for each update of a body as `/users/merge` takes it, the outcome and the changes a merge now would have.

    Updates see each other in the order listed. The workers' own code decides; all that it does is rolled back.
    """
    updates = load_merge(json_body())
    return jsonify(shown(rehearse(pool(), settings(), workspace_id=g.workspace_id, updates=updates)))
