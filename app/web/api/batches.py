"""`/merge/batches`: the batches of accepted requests and the outcomes of their jobs."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction
from app.ledger import batch_lists
from app.ledger.batch_lists import BatchFilter, BatchPage
from app.web.accepted import RETRY_AFTER, dump_batch
from app.web.auth import POLLING, pool, requires
from app.web.long_polling import respond_when_changed
from app.web.openapi.describe import LONG_POLLED, LONG_POLLING, Tag, describe, reply
from schemas.jobs import BatchPageQuery, BatchPageSchema, BatchSchema
from schemas.outcomes import JobState
from schemas.paging import Order, load_query

blueprint = Blueprint("batches", __name__, url_prefix="/merge/batches")

QUERY = BatchPageQuery()
PAGE = BatchPageSchema()


@describe(
    Tag.MERGES,
    "Poll a batch",
    headers=LONG_POLLING,
    replies={200: reply(BatchSchema, *LONG_POLLED, "Retry-After?")},
)
@blueprint.get("/<uuid:batch_id>")
@requires(permission=POLLING)
def read_batch_view(batch_id: UUID) -> ResponseReturnValue:
    """Return a batch and its jobs; 304 if they have not changed since the response of `If-None-Match`.

    With `Prefer: wait=N` the 304 is sent after N seconds without a change, and a change at once.
    """

    def read() -> Response:
        batch = dump_batch(batch_id)
        response = jsonify(batch)
        if batch["state"] != JobState.FINISHED:
            response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return respond_when_changed(read)


@describe(
    Tag.MERGES,
    "List batches, newest first, by source, run, key, time, or by the state, outcome, kind and identifier of a job",
    query=BatchPageQuery,
    replies={200: BatchPageSchema},
)
@blueprint.get("")
@requires(permission=POLLING)
def list_batches_view() -> ResponseReturnValue:
    """Return a page of batches, newest first, or oldest first with `order=oldest`, without their jobs.

    A page reads at most 10,000 batches, or 500 with a filter of jobs. When few of them match, it has less than
    `limit` batches although there are more: the list ends when `next_cursor` is null.
    """
    query = load_query(QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        page = read_batch_page(tx, query)
    return jsonify(PAGE.dump({"batches": page.batches, "next_cursor": page.next_cursor}))


def read_batch_page(tx: Transaction, query: Mapping[str, Any]) -> BatchPage:
    """Return the page of batches of a loaded query."""
    return batch_lists.list_batches(
        tx,
        matching=batch_filter_from(query),
        limit=query["limit"],
        after=query.get("cursor"),
        oldest_first=query["order"] is Order.OLDEST,
    )


def batch_filter_from(query: Mapping[str, Any]) -> BatchFilter:
    """Return the filter of a loaded query."""
    names = ("source", "run_id", "key", "state", "outcome", "kind", "identifier")
    return BatchFilter(**{name: query.get(name) for name in names}, since=query.get("from"), until=query.get("to"))
