"""`POST /segments/query`: the profiles that a filter describes, counted and paged."""

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.segments.find import find
from app.web.auth import json_body, pool, requires
from schemas.profile import ProfileSchema
from schemas.segments import PageEnd, load_segment

blueprint = Blueprint("segments", __name__, url_prefix="/segments")

CURSOR = PageEnd()


@blueprint.post("/query")
@requires(permission="segments.query")
def query() -> ResponseReturnValue:
    """Answer with how many profiles a filter describes, and with a page of them as exports show them."""
    request = load_segment(json_body())
    with open_transaction(pool(), g.workspace_id, snapshot=True) as tx:
        segment = find(tx, request=request)
    shown = ProfileSchema(only=request.fields and request.fields & ProfileSchema().fields.keys())
    return jsonify(
        message="success",
        count=segment.count,
        profiles=[shown.dump(profile) for profile in segment.profiles],
        next_cursor=CURSOR.serialize("", segment, accessor=lambda *_: segment.next_after),
    )
