"""Requests that become a batch: taken into the ledger, and answered with where to poll."""

import hashlib
import logging
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from flask import Response, g, jsonify, request

from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable, Rejected
from app.ledger import queries
from app.ledger.accept import Accepted, accept
from app.ledger.idempotency import IdempotencyKey
from app.web.prefer_wait import preferred_wait, wait_for_batch
from app.web.resources import pool, settings
from app.web.shedding import backlogs
from schemas.identifiers import Recorded
from schemas.jobs import BatchSchema
from schemas.merge import Update
from schemas.outcomes import JobKind

LOG = logging.getLogger(__name__)

#: Seconds after which a look at an unfinished batch is worth while.
RETRY_AFTER = 1
VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
WRONG_KEY = "The Idempotency-Key header must have from 1 to 255 visible ASCII characters."

BATCH = BatchSchema()


def accept_batch(
    kind: JobKind,
    updates: Sequence[Update[Recorded]],
    *,
    body: Any,
    places: Sequence[int] | None = None,
    key: str | None = None,
) -> Accepted:
    """Return the batch that *updates*, read from the parsed *body* of this request, became.

    *places* are their places in the request, where not all of its objects became updates; *key* is the Idempotency-Key,
    where it is not a header.
    """
    return accept(
        pool(),
        workspace_id=g.workspace_id,
        api_key_id=g.api_key_id,
        path=request.path,
        kind=kind,
        updates=updates,
        places=places,
        idempotency=idempotency_key(body, given=key),
        backlogs=backlogs(),
    )


def idempotency_key(body: Any, *, given: str | None = None) -> IdempotencyKey | None:
    """Return the key that the client gave this request, or None; raise Rejected when it cannot be one.

    A key that is *given* otherwise counts instead of the header's. Bodies are the same when they say the same: white
    space and the order of an object's keys do not count.
    """
    key = request.headers.get("Idempotency-Key") if given is None else given
    if key is None:
        return None
    if not VISIBLE.fullmatch(key):
        raise Rejected(WRONG_KEY)
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
    return IdempotencyKey(key=key, body_digest=digest, hours=settings().idempotency_hours)


def accepted_response(accepted: Accepted, *, status: int, **vendors: Any) -> Response:
    """Return the answer to a request that became a batch: the *vendors* members, and ours beside them.

    A client that would rather wait gets it when the batch has finished or its time is up, with the batch in it.
    """
    g.batch_id = batch_id = accepted.batch_id
    body = {**vendors, "batch_id": str(batch_id), "status_url": status_url(batch_id)}
    headers = {"Location": status_url(batch_id), "Retry-After": str(RETRY_AFTER)}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    seconds = preferred_wait()
    batch = None if seconds is None else _waited_for(batch_id, seconds)
    if batch is not None:
        headers["Preference-Applied"] = f"wait={seconds}"
        body["batch"] = batch
    response = jsonify(body)
    response.status_code = status
    response.headers.update(headers)
    return response


def _waited_for(batch_id: UUID, seconds: int) -> dict[str, Any] | None:
    """Return the batch after up to *seconds* of waiting, or None when the wish cannot be granted.

    The batch is durable already: when the database goes away now, the answer must not seem to say that it is not.
    """
    try:
        return dump_batch(batch_id) if wait_for_batch(batch_id, seconds=seconds) else None
    except DatabaseUnavailable:
        LOG.warning("PostgreSQL went away while a request waited for its batch", extra={"batch_id": str(batch_id)})
        return None


def status_url(batch_id: UUID) -> str:
    """Return where a batch is polled."""
    return f"/merge/batches/{batch_id}"


def dump_batch(batch_id: UUID) -> dict[str, Any]:
    """Return the batch as its own URL shows it; raise NotFound when the key's workspace has none of that id."""
    with open_transaction(pool(), g.workspace_id) as tx:
        batch = queries.read_batch(tx, batch_id=batch_id)
    shown: dict[str, Any] = BATCH.dump(batch)
    return shown
