"""`POST /users/merge/preview`: what a merge now would do. Nothing is written."""

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.lane.preview import preview_merges
from app.web.auth import json_body, requires
from app.web.openapi.describe import Tag, describe
from app.web.resources import pool, settings
from schemas.merge import MergePreviewSchema, MergeRequestSchema, dump_previews, load_merge

blueprint = Blueprint("users_merge_preview", __name__)


@describe(
    Tag.MERGES,
    "Preview merges without changing anything",
    body=MergeRequestSchema,
    replies={200: MergePreviewSchema},
)
@blueprint.post("/users/merge/preview")
@requires(permission="users.merge")
def preview() -> ResponseReturnValue:
    """Return, for each update of a body as `/users/merge` takes it, the outcome and the changes a merge now would have.

    Updates see each other in the order listed. The workers' own code decides; all that it does is rolled back.
    """
    updates = load_merge(json_body())
    return jsonify(dump_previews(preview_merges(pool(), settings(), workspace_id=g.workspace_id, updates=updates)))
