"""`GET /merge/batches`: what became of accepted requests."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger import queries
from app.web.accepted import RETRY_AFTER, dump_batch
from app.web.auth import POLLING, pool, requires
from app.web.openapi.describe import CONDITIONAL, Tag, describe, reply
from app.web.pagination import split_page
from schemas.jobs import BatchPageQuery, BatchPageSchema, BatchSchema
from schemas.outcomes import JobState
from schemas.paging import load_query

blueprint = Blueprint("merge_batches", __name__, url_prefix="/merge/batches")

QUERY = BatchPageQuery()
PAGE = BatchPageSchema()


@describe(
    Tag.MERGES,
    "Poll a batch",
    headers=CONDITIONAL,
    replies={200: reply(BatchSchema, "ETag", "Retry-After?")},
)
@blueprint.get("/<uuid:batch_id>")
@requires(permission=POLLING)
def read(batch_id: UUID) -> ResponseReturnValue:
    """Answer with a batch and its jobs; 304 when the poller's `If-None-Match` knows them as they are."""
    shown = dump_batch(batch_id)
    response = jsonify(shown)
    if shown["state"] != JobState.FINISHED:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    response.add_etag()
    return response.make_conditional(request)


@describe(
    Tag.MERGES,
    "List batches, newest first, by source or duplicate run",
    query=BatchPageQuery,
    replies={200: BatchPageSchema},
)
@blueprint.get("")
@requires(permission=POLLING)
def page() -> ResponseReturnValue:
    """Answer with a page of the batches that are wanted, newest first, without their jobs."""
    shown, next_cursor = wanted_batches(request.args)
    return jsonify(PAGE.dump({"batches": shown, "next_cursor": next_cursor}))


def wanted_batches(arguments: Mapping[str, str]) -> tuple[Sequence[queries.Batch], UUID | None]:
    """Return the batches that the query string's *arguments* ask for, and where the next page begins, if there is one.

    Raises ValidationError when the arguments cannot be understood.
    """
    query = load_query(QUERY, arguments)
    wanted = queries.BatchFilter(source=query.get("source"), run_id=query.get("run_id"))
    with open_transaction(pool(), g.workspace_id) as tx:
        batches = queries.list_batches(
            tx,
            matching=wanted,
            limit=query["limit"] + 1,
            before=query.get("cursor"),
        )
    return split_page(batches, query["limit"])
