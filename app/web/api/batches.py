"""`/merge/batches`: the batches of accepted requests and the outcomes of their jobs."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger import queries
from app.web.accepted import RETRY_AFTER, dump_batch
from app.web.auth import POLLING, pool, requires
from app.web.long_polling import respond_when_changed
from app.web.openapi.describe import LONG_POLLED, LONG_POLLING, Tag, describe, reply
from app.web.pagination import split_page
from schemas.jobs import BatchPageQuery, BatchPageSchema, BatchSchema
from schemas.outcomes import JobState
from schemas.paging import load_query

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
    "List batches, newest first, by source or run",
    query=BatchPageQuery,
    replies={200: BatchPageSchema},
)
@blueprint.get("")
@requires(permission=POLLING)
def list_batches_view() -> ResponseReturnValue:
    """Return a page of batches, newest first, without their jobs."""
    batches, next_cursor = list_requested_batches(request.args)
    return jsonify(PAGE.dump({"batches": batches, "next_cursor": next_cursor}))


def list_requested_batches(arguments: Mapping[str, str]) -> tuple[Sequence[queries.Batch], UUID | None]:
    """Return a page of batches and the cursor of the next page, None after the last one.

    *arguments* are those of the query string. Raises ValidationError if they are invalid.
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
