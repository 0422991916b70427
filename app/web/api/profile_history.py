"""`GET /profiles/{braze_id}/history`: what a profile did, item by item."""

from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.profiles.history_pages import EARLIEST, KINDS, LATEST, HistoryFilter, read_history
from app.web.api.profiles import MERGED_AWAY, normalize_braze_id
from app.web.auth import pool, requires
from app.web.openapi.describe import Tag, describe
from schemas.history_pages import HistoryPageSchema, HistoryQuery
from schemas.paging import load_query

blueprint = Blueprint("profile_history", __name__)

QUERY = HistoryQuery()
PAGE = HistoryPageSchema()


@describe(
    Tag.PROFILES,
    "List the events, purchases, sessions and engagements of a profile, newest first",
    query=HistoryQuery,
    replies={200: HistoryPageSchema, 410: MERGED_AWAY},
)
@blueprint.get("/profiles/<braze_id>/history")
@requires(permission="users.export.ids")
def list_history_view(braze_id: str) -> ResponseReturnValue:
    """Return a page of the profile's history, including that of all profiles merged into it."""
    query = load_query(QUERY, request.args)
    braze_id = normalize_braze_id(braze_id)
    with open_transaction(pool(), g.workspace_id, snapshot=True) as tx:
        page = read_history(
            tx, braze_id=braze_id, matching=_filter_of(query), after=query.get("cursor"), limit=query["limit"]
        )
    body = {"message": "success", "braze_id": braze_id, "history": page.items, "next_cursor": page.next_after}
    return jsonify(PAGE.dump(body))


def _filter_of(query: dict[str, Any]) -> HistoryFilter:
    return HistoryFilter(
        kinds=[query["kind"]] if "kind" in query else KINDS,
        since=query.get("from", EARLIEST),
        until=query.get("to", LATEST),
    )
