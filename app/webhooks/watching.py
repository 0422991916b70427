"""Watching: the batches whose end somebody wants to be told of are looked at until they have finished.

Nothing of this stands in the way of a merge: workers do not know of it, and no row of the ledger is locked. A batch is
written down to be watched in the transaction that accepts it, and the watch ends in the one that makes the notices, so
that none is lost whenever something fails.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.queries import Batch, read_batches
from schemas.base import Instant
from schemas.outcomes import JobState
from schemas.webhooks import BatchFinishedSchema, EventType

QUERIES = load_queries("app.webhooks", "watching.sql")

#: Seconds until an unfinished batch is looked at again: a share of its age between two bounds.
SHORTEST_S = 0.2
LONGEST_S = 30.0
SHARE = 0.1

DATA = BatchFinishedSchema()
INSTANT = Instant()


def look(tx: Transaction, *, limit: int) -> tuple[int, int]:
    """Look at up to *limit* watched batches that are due; return how many were, and how many of them have finished.

    Those that have become a notice for each webhook that wants to be told, in the caller's transaction.
    """
    due = {"limit": limit}
    kinds = {row["batch_id"]: row["kind"] for row in tx.execute(QUERIES["claim_watches"], due)}
    if not kinds:
        return 0, 0
    # Asked only now: a job that was retried before the watch was locked is seen, and a later retry waits for the lock.
    batches = read_batches(tx, batch_ids=list(kinds))
    finished = [batch for batch in batches if batch.state is JobState.FINISHED]
    _tell(tx, [(batch, kinds[batch.id]) for batch in finished])
    ended = [batch.id for batch in finished]
    tx.execute(QUERIES["end_watches"], {"batch_ids": ended})
    _look_again(tx, [batch_id for batch_id in kinds if batch_id not in set(ended)])
    return len(kinds), len(finished)


def test(tx: Transaction, *, webhook_id: UUID) -> UUID:
    """Return the id of a new notice that tells a webhook nothing but that notices arrive.

    Raises NotFound when the workspace has no such webhook.
    """
    body = _body(EventType.TEST, datetime.now(UTC), {"webhook_id": webhook_id})
    notice = {"id": str(uuid7()), "webhook_id": str(webhook_id), "type": EventType.TEST, "body": body}
    _insert(tx, [notice])
    return UUID(notice["id"])


def _tell(tx: Transaction, finished: Sequence[tuple[Batch, str]]) -> None:
    """Make the notices that tell of the *finished* batches, each behind the kind of its jobs."""
    if not finished:
        return
    wanted = {"type": EventType.BATCH_FINISHED}
    webhook_ids = [row["id"] for row in tx.execute(QUERIES["hold_webhooks"], wanted)]
    _insert(tx, list(_notices(webhook_ids, finished)))


def _notices(webhook_ids: Sequence[UUID], finished: Sequence[tuple[Batch, str]]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of the notices, for each of *webhook_ids* and each of the *finished* batches."""
    for batch, kind in finished:
        data = {**DATA.dump(batch), "kind": kind}
        body = _body(EventType.BATCH_FINISHED, batch.finished_at, data)
        for webhook_id in webhook_ids:
            yield {
                "id": str(uuid7()),
                "webhook_id": str(webhook_id),
                "type": EventType.BATCH_FINISHED,
                "batch_id": str(batch.id),
                "body": body,
            }


def _body(event: EventType, at: datetime | None, data: Mapping[str, Any]) -> str:
    """Return what is sent of an *event* that happened *at* that time."""
    moment = INSTANT.serialize("at", {"at": at}, accessor=lambda each, *_: each["at"])
    return orjson.dumps({"type": event, "timestamp": moment, "data": data}).decode()


def _insert(tx: Transaction, notices: Sequence[Mapping[str, Any]]) -> None:
    """Make *notices* durable."""
    tx.execute(QUERIES["insert_notices"], {"notices": Jsonb(notices)})


def _look_again(tx: Transaction, batch_ids: Sequence[UUID]) -> None:
    """Let the batches of *batch_ids* be looked at later."""
    later = {
        "batch_ids": list(batch_ids),
        "longest_s": LONGEST_S,
        "shortest_s": SHORTEST_S,
        "share": SHARE,
    }
    tx.execute(QUERIES["look_again"], later)
