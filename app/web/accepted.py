"""Requests that become a batch: accepting them and responding with the URL to poll."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response, g, jsonify, request

from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable
from app.ledger import queries
from app.ledger.accept import AcceptedBatch, store_batch
from app.ledger.undo_time import batch_with_undo_time
from app.web.idempotent import idempotency_key
from app.web.prefer_wait import preferred_wait, prefers_async, wait_for_batch
from app.web.proxies import with_prefix
from app.web.resources import pool, settings
from app.web.shedding import backlogs
from app.web.urgency import requested_priority
from schemas.identifiers import Recorded
from schemas.jobs import BatchSchema
from schemas.merge import Update
from schemas.outcomes import JobKind

LOG = logging.getLogger(__name__)

#: Retry-After of an unfinished batch in seconds.
RETRY_AFTER = 1

BATCH = BatchSchema()


def accept_request(
    kind: JobKind,
    updates: Sequence[Update[Recorded]],
    *,
    body: Any,
    places: Sequence[int] | None = None,
    key: str | None = None,
    run_id: UUID | None = None,
) -> AcceptedBatch:
    """Store *updates*, read from the parsed *body* of this request, as a batch.

    *places* are their indexes in the request if not all of its objects became updates; *key* is the Idempotency-Key of
    a form; *run_id* is the run that the batch joins.
    """
    return store_batch(
        pool(),
        workspace_id=g.workspace_id,
        api_key_id=g.api_key_id,
        path=request.path,
        kind=kind,
        updates=updates,
        places=places,
        priority=requested_priority(),
        idempotency=idempotency_key(body, given=key),
        run_id=run_id,
        backlogs=backlogs(),
    )


def accepted_response(
    accepted: AcceptedBatch, *, status: int, default_wait_s: float | None = None, **vendors: Any
) -> Response:
    """Return the response to an accepted batch: the *vendors* members, and ours beside them.

    With `Prefer: wait` the response is sent when the batch has finished or the time is over, and contains the batch. So
    is one without a preference that has a *default_wait_s*, in seconds, unless the request prefers `respond-async`.
    """
    g.batch_id = batch_id = accepted.batch_id
    body = {**vendors, "batch_id": str(batch_id), "status_url": status_url(batch_id)}
    headers = {"Location": with_prefix(status_url(batch_id)), "Retry-After": str(RETRY_AFTER)}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    seconds = preferred_wait()
    batch = None
    if seconds is not None:
        batch = _waited_for(accepted, seconds)
        if batch is not None:
            headers["Preference-Applied"] = f"wait={seconds}"
    elif default_wait_s is not None and prefers_async():
        headers["Preference-Applied"] = "respond-async"
    elif default_wait_s:
        batch = _waited_for(accepted, default_wait_s, without_slot=True)
    if batch is not None:
        body["batch"] = batch
    response = jsonify(body)
    response.status_code = status
    response.headers.extend(headers)
    return response


def _waited_for(accepted: AcceptedBatch, seconds: float, *, without_slot: bool = False) -> dict[str, Any] | None:
    """Return the batch after waiting up to *seconds*; None if waiting is not possible, or at once *without_slot*.

    The batch is durable already: if PostgreSQL becomes unavailable now, the request was accepted nevertheless.
    """
    batch_id = accepted.batch_id
    try:
        waited = wait_for_batch(batch_id, seconds=seconds, is_new=accepted.jobs > 0)
        return dump_batch(batch_id) if waited or without_slot else None
    except DatabaseUnavailable:
        LOG.warning("wait_without_database", extra={"batch_id": str(batch_id)})
        return None


def status_url(batch_id: UUID) -> str:
    """Return the path of the batch below the URL of the API."""
    return f"/merge/batches/{batch_id}"


def dump_batch(batch_id: UUID) -> dict[str, Any]:
    """Return the batch as `GET /merge/batches/{id}` does; raise NotFound if the workspace has none of that id."""
    with open_transaction(pool(), g.workspace_id) as tx:
        batch = queries.read_batch(tx, batch_id=batch_id)
    dumped: dict[str, Any] = BATCH.dump(batch_with_undo_time(batch, days=settings().undo_days))
    return dumped
