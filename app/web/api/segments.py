"""`/segments/query`: the number of profiles that match a filter, and the profiles by page."""

from functools import partial

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.segments.query import query_segment
from app.web.auth import json_body, requires
from app.web.openapi.describe import Tag, describe
from app.web.resources import read_for_workspace
from app.web.workspace_shares import query_share
from schemas.paging import ProfileCursor
from schemas.profile import ProfileSchema
from schemas.segments import SegmentPageSchema, SegmentSchema, load_segment

blueprint = Blueprint("segments", __name__, url_prefix="/segments")

CURSOR = ProfileCursor()


@describe(
    Tag.SEGMENTS,
    "Count and list the profiles that match a filter",
    body=SegmentSchema,
    example={"filter": {"attribute": {"name": "country", "comparison": "equals", "value": "DE"}}, "limit": 10},
    replies={200: SegmentPageSchema},
)
@blueprint.post("/query")
@requires(permission="segments.query")
def query_segment_view() -> ResponseReturnValue:
    """Return the number of profiles that match a filter, and a page of them in the format of exports."""
    request = load_segment(json_body())
    with query_share():
        segment = read_for_workspace(g.workspace_id, partial(query_segment, request=request), snapshot=True)
    profile = ProfileSchema(only=request.fields and request.fields & ProfileSchema().fields.keys())
    return jsonify(
        message="success",
        count=segment.count,
        profiles=[profile.dump(each) for each in segment.profiles],
        next_cursor=CURSOR.serialize("", segment, accessor=lambda *_: segment.next_after),
    )
