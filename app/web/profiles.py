"""`GET /profiles`: all profiles page by page, one by its braze_id, and `/activity` under it: what it did lately."""

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
#: Anything else in the URL is no profile's, and may hold what PostgreSQL does not take.
BRAZE_ID = re.compile(r"[0-9a-f]{24}")


@describe(
    Tag.PROFILES, "List all profiles, in a stable order", query=ProfilePageQuery, replies={200: ProfilePageSchema}
)
@blueprint.get("/profiles")
@requires(permission="users.export.ids")
def everyone() -> ResponseReturnValue:
    """Answer with a page of all profiles of the workspace, as exports show them, in an order that does not change."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = list_profiles(tx, after=query["cursor"], limit=query["limit"])
    return jsonify(PAGE.dump({"profiles": found.profiles, "next_cursor": found.next_after}))


@describe(Tag.PROFILES, "Read a profile", replies={200: ProfileSchema, 410: MERGED_AWAY})
@blueprint.get("/profiles/<braze_id>")
@requires(permission="users.export.ids")
def show(braze_id: str) -> ResponseReturnValue:
    """Answer with the profile as exports show it, or 410 with a Link to its survivor when it was merged away."""
    with open_transaction(pool(), g.workspace_id) as tx:
        profile = read_profile(tx, braze_id=checked(braze_id))
    shown: dict[str, object] = PROFILE.dump(profile)
    return shown


@describe(
    Tag.PROFILES,
    "Count the activity of a profile in the last days",
    query=ActivityQuerySchema,
    replies={200: ActivitySchema, 410: MERGED_AWAY},
)
@blueprint.get("/profiles/<braze_id>/activity")
@requires(permission="users.export.ids")
def activity(braze_id: str) -> ResponseReturnValue:
    """Answer with how often the profile did something in the last days, and for purchases with the money spent."""
    query = load_activity(request.args)
    braze_id = checked(braze_id)
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


def checked(braze_id: str) -> str:
    """Return *braze_id* in lower case; raise NotFound when no profile can have it."""
    if not BRAZE_ID.fullmatch(braze_id.lower()):
        raise NotFound(MISSING)
    return braze_id.lower()
