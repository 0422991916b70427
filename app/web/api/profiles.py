"""`/profiles`: all profiles by page, one profile by its braze_id, and counts of its activity."""

import re

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import NotFound
from app.profiles.activity import count_activity
from app.profiles.lookup import MISSING, list_profiles, read_profile
from app.web.auth import pool, requires
from app.web.openapi.describe import Tag, describe, error
from schemas.activity import ActivityQuerySchema, ActivitySchema, load_activity
from schemas.base import moment_text
from schemas.export import ProfilePageQuery, ProfilePageSchema
from schemas.paging import load_query
from schemas.profile import CENTS, ProfileSchema

blueprint = Blueprint("profiles", __name__)

MERGED_AWAY = error("The profile was merged into the linked one.", "Link")
PROFILE = ProfileSchema()
PAGE_QUERY = ProfilePageQuery()
PAGE = ProfilePageSchema()
#: No profile has another braze_id, and other text of a URL may be invalid in PostgreSQL.
BRAZE_ID = re.compile(r"[0-9a-f]{24}")


@describe(
    Tag.PROFILES, "List all profiles, in a stable order", query=ProfilePageQuery, replies={200: ProfilePageSchema}
)
@blueprint.get("/profiles")
@requires(permission="users.export.ids")
def list_profiles_view() -> ResponseReturnValue:
    """Return a page of all profiles of the workspace, in the format of exports. Their order does not change."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = list_profiles(tx, after=query["cursor"], limit=query["limit"])
    return jsonify(PAGE.dump({"profiles": found.profiles, "next_cursor": found.next_after}))


@describe(Tag.PROFILES, "Read a profile", replies={200: ProfileSchema, 410: MERGED_AWAY})
@blueprint.get("/profiles/<braze_id>")
@requires(permission="users.export.ids")
def read_profile_view(braze_id: str) -> ResponseReturnValue:
    """Return a profile in the format of exports; 410 with a Link to the survivor if it was merged away."""
    with open_transaction(pool(), g.workspace_id) as tx:
        profile = read_profile(tx, braze_id=normalize_braze_id(braze_id))
    exported: dict[str, object] = PROFILE.dump(profile)
    return exported


@describe(
    Tag.PROFILES,
    "Count the activity of a profile in the last days",
    query=ActivityQuerySchema,
    replies={200: ActivitySchema, 410: MERGED_AWAY},
)
@blueprint.get("/profiles/<braze_id>/activity")
@requires(permission="users.export.ids")
def count_activity_view(braze_id: str) -> ResponseReturnValue:
    """Return the number of activities of one kind in the last days, and for purchases the money spent."""
    query = load_activity(request.args)
    braze_id = normalize_braze_id(braze_id)
    with open_transaction(pool(), g.workspace_id) as tx:
        done = count_activity(tx, braze_id=braze_id, query=query)
    spent = {} if done.cents is None else {"money_spent": done.cents / CENTS}
    return {
        "message": "success",
        "braze_id": braze_id,
        **query.to_wire(),
        "count": done.count,
        "first": done.first and moment_text(done.first),
        "last": done.last and moment_text(done.last),
        **spent,
    }


def normalize_braze_id(braze_id: str) -> str:
    """Return *braze_id* in lower case; raise NotFound if no profile can have it."""
    if not BRAZE_ID.fullmatch(braze_id.lower()):
        raise NotFound(MISSING)
    return braze_id.lower()
