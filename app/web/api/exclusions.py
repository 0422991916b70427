"""`/duplicates/exclusions`: pairs of profiles that are not a match."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.duplicates import exclusions
from app.web.auth import current_actor, json_body, pool, requires
from app.web.idempotent import respond_once
from app.web.openapi.describe import REPEATABLE, Tag, describe
from app.web.pagination import split_page
from schemas.base import SuccessSchema
from schemas.exclusions import ExclusionPageSchema, ExclusionsSchema, StoredExclusionsSchema, load_exclusions
from schemas.paging import PageQuery, load_query

blueprint = Blueprint("exclusions", __name__, url_prefix="/duplicates/exclusions")

EXCLUDE = "duplicates.exclude"
READING = ("duplicates.preview", "duplicates.run", EXCLUDE)

PAGE_QUERY = PageQuery()
PAGE = ExclusionPageSchema()
STORED = StoredExclusionsSchema()


@describe(Tag.DUPLICATES, "List exclusions, newest first", query=PageQuery, replies={200: ExclusionPageSchema})
@blueprint.get("")
@requires(permission=READING)
def list_exclusions_view() -> ResponseReturnValue:
    """Return a page of the pairs that duplicate runs leave alone, newest first."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = exclusions.list_exclusions(tx, limit=query["limit"] + 1, before=query.get("cursor"))
    listed, next_cursor = split_page(found, query["limit"])
    return jsonify(PAGE.dump({"exclusions": listed, "next_cursor": next_cursor}))


@describe(
    Tag.DUPLICATES,
    "Exclude pairs of profiles",
    body=ExclusionsSchema,
    headers=REPEATABLE,
    replies={201: StoredExclusionsSchema, 404: "An identifier names no profile."},
)
@blueprint.post("")
@requires(permission=EXCLUDE)
def add_exclusions_view() -> ResponseReturnValue:
    """Record pairs of profiles that are not a match, at most 50; all or none. Duplicate runs do not merge them.

    Repeating the request changes nothing. A merge that a request names explicitly is not refused.
    """
    body = json_body()
    requested = load_exclusions(body)
    return respond_once(
        lambda once: exclusions.add_exclusions(
            pool(), workspace_id=g.workspace_id, requested=requested, asker=current_actor(), once=once
        ),
        lambda stored: (jsonify(STORED.dump({"exclusions": stored})), HTTPStatus.CREATED),
        body=body,
    )


@describe(Tag.DUPLICATES, "Delete an exclusion", replies={200: SuccessSchema})
@blueprint.delete("/<uuid:exclusion_id>")
@requires(permission=EXCLUDE)
def delete_exclusion_view(exclusion_id: UUID) -> ResponseReturnValue:
    """Delete an exclusion, so that duplicate runs may merge the pair again."""
    run_in_transaction(
        pool(), g.workspace_id, exclusions.delete_exclusion, exclusion_id=exclusion_id, asker=current_actor()
    )
    return jsonify(message="success")
