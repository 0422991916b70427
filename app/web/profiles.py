"""`GET /profiles`: all profiles page by page, one by its braze_id, and `/activity` under it: what it did lately."""

import re

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import NotFound
from app.users.activity import count
from app.users.export import MISSING, page, read
from app.web.auth import pool, requires
from schemas.activity import load_activity
from schemas.jobs import load_query
from schemas.profile import CENTS, ProfileSchema, moment_text
from schemas.profile_pages import ProfilePageQuery, ProfilePageSchema

blueprint = Blueprint("profiles", __name__)

PROFILE = ProfileSchema()
PAGE_QUERY = ProfilePageQuery()
PAGE = ProfilePageSchema()
#: Anything else in the URL is no profile's, and may hold what PostgreSQL does not take.
BRAZE_ID = re.compile(r"[0-9a-f]{24}")


@blueprint.get("/profiles")
@requires(permission="users.export.ids")
def everyone() -> ResponseReturnValue:
    """Answer with a page of all profiles of the workspace, as exports show them, in an order that does not change."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = page(tx, after=query["cursor"], limit=query["limit"])
    return jsonify(PAGE.dump({"profiles": found.profiles, "next_cursor": found.next_after}))


@blueprint.get("/profiles/<braze_id>")
@requires(permission="users.export.ids")
def show(braze_id: str) -> ResponseReturnValue:
    """Answer with the profile as exports show it, or 410 with a Link to its survivor when it was merged away."""
    with open_transaction(pool(), g.workspace_id) as tx:
        profile = read(tx, braze_id=checked(braze_id))
    shown: dict[str, object] = PROFILE.dump(profile)
    return shown


@blueprint.get("/profiles/<braze_id>/activity")
@requires(permission="users.export.ids")
def activity(braze_id: str) -> ResponseReturnValue:
    """Answer with how often the profile did something in the last days, and for purchases with the money spent."""
    query = load_activity(request.args)
    braze_id = checked(braze_id)
    with open_transaction(pool(), g.workspace_id) as tx:
        done = count(tx, braze_id=braze_id, query=query)
    spent = {} if done.cents is None else {"money_spent": done.cents / CENTS}
    return {
        "message": "success",
        "braze_id": braze_id,
        **query.shown(),
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
