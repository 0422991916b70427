"""`/identities` and `/survivors`: changes of who a profile is, and the profile that an id leads to."""

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import NotFound
from app.identities.feed import read_end, read_feed
from app.identities.survivors import UNKNOWN, find_survivor, list_survivors
from app.web.auth import pool, requires
from app.web.openapi.describe import Tag, describe, error
from schemas.identifiers import MAX_EXTERNAL_ID_BYTES
from schemas.identities import FeedPageSchema, FeedQuery, KnownIdSchema, SurvivorPageSchema, SurvivorQuery
from schemas.paging import load_query

blueprint = Blueprint("identities", __name__)

FEED_QUERY = FeedQuery()
FEED_PAGE = FeedPageSchema()
SURVIVOR_QUERY = SurvivorQuery()
SURVIVOR_PAGE = SurvivorPageSchema()
KNOWN_ID = KnownIdSchema()
LOST = error("The changes after the cursor were deleted, or the database was restored from an earlier backup.")


@describe(
    Tag.IDENTITIES,
    "List merges and other changes of identity, in the order of their effects",
    query=FeedQuery,
    replies={200: FeedPageSchema, 410: LOST},
)
@blueprint.get("/identities")
@requires(permission="identities.read")
def read_feed_view() -> ResponseReturnValue:
    """Return the changes after the cursor: merges, undos, identifications, renamed and removed external_ids, deletions.

    A change gets its number soon after its commit, and keeps it. There are no gaps and no repetitions.
    """
    query = load_query(FEED_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        page = read_feed(tx, after=query.get("cursor"), limit=query["limit"])
    return jsonify(FEED_PAGE.dump(page))


@describe(Tag.IDENTITIES, "Find the current survivor of an id", replies={200: KnownIdSchema})
@blueprint.get("/identities/<path:identifier>")
@requires(permission="identities.read")
def find_survivor_view(identifier: str) -> ResponseReturnValue:
    """Return the live profile that has this external_id or braze_id, or that its profile was merged into.

    The survivor of a deleted person's braze_id is null.
    """
    if "\x00" in identifier or len(identifier.encode(errors="surrogatepass")) > MAX_EXTERNAL_ID_BYTES:
        raise NotFound(UNKNOWN)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = find_survivor(tx, identifier=identifier)
    return jsonify(KNOWN_ID.dump(found))


@describe(
    Tag.IDENTITIES,
    "List all ids that profiles have or had, with their current survivors",
    query=SurvivorQuery,
    replies={200: SurvivorPageSchema},
)
@blueprint.get("/survivors")
@requires(permission="identities.read")
def list_survivors_view() -> ResponseReturnValue:
    """Return a page of ids. Read the feed from the `feed_cursor` of the first page on to keep the list current."""
    query = load_query(SURVIVOR_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        end = read_end(tx)
        page = list_survivors(tx, after=query["cursor"], limit=query["limit"])
    return jsonify(SURVIVOR_PAGE.dump({"ids": page.ids, "next_cursor": page.next_place, "feed_cursor": end}))
