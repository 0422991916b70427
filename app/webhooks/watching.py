"""Watched batches: checked until they have finished, and then turned into deliveries.

Merges never wait for this: workers do not know of it, and no row of the ledger is locked. The transaction that accepts
a batch starts its watch, and the transaction that creates the deliveries ends it, so that no failure loses one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict
from app.ledger.queries import Batch, read_batches
from app.ledger.runs import read_merge_runs
from app.webhooks.deliveries import Delivery, lock_delivery
from app.webhooks.store import read_webhook
from schemas.base import Instant
from schemas.outcomes import JobState
from schemas.webhooks import BatchFinishedSchema, EventType, RunFinishedSchema

QUERIES = load_queries("app.webhooks", "watching.sql")

#: Seconds until the next check of an unfinished batch: a SHARE of its age, between two bounds.
SHORTEST_S = 0.2
LONGEST_S = 30.0
SHARE = 0.1
DISABLED = "This webhook is disabled, so that nothing is sent to it; enable it first."

DATA = BatchFinishedSchema()
RUN_DATA = RunFinishedSchema()
INSTANT = Instant()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBatches:
    """How many watched batches were due, and how many of them had finished."""

    due: int = 0
    finished: int = 0


def check_watched_batches(tx: Transaction, *, limit: int) -> CheckedBatches:
    """Check up to *limit* due batches. A finished batch becomes a delivery for each webhook of its event type."""
    scope = {"limit": limit, "longest_s": LONGEST_S}
    kinds = {row["batch_id"]: row["kind"] for row in tx.execute(QUERIES["claim_watches"], scope)}
    if not kinds:
        return CheckedBatches()
    # Read after the watches are locked: an earlier retry of a job is visible, and a later one waits for the lock.
    batches = read_batches(tx, batch_ids=list(kinds))
    finished = [batch for batch in batches if batch.state is JobState.FINISHED]
    _create_deliveries(tx, [(batch, kinds[batch.id]) for batch in finished])
    ended = [batch.id for batch in finished]
    tx.execute(QUERIES["end_watches"], {"batch_ids": ended})
    _postpone(tx, [batch_id for batch_id in kinds if batch_id not in set(ended)])
    return CheckedBatches(due=len(kinds), finished=len(finished))


def create_test_delivery(tx: Transaction, *, webhook_id: UUID) -> Delivery:
    """Create a delivery of the type `webhook.test` and return it.

    Raises NotFound if the workspace has no such webhook, and Conflict if it is disabled.
    """
    if not read_webhook(tx, webhook_id=webhook_id).enabled:
        raise Conflict(DISABLED)
    body = _body(EventType.TEST, tx.now(), {"webhook_id": webhook_id})
    row = {"id": str(new_id()), "webhook_id": str(webhook_id), "type": EventType.TEST, "body": body}
    _insert(tx, [row])
    return lock_delivery(tx, webhook_id=webhook_id, notice_id=UUID(row["id"]))


def create_run_deliveries(tx: Transaction, *, run_ids: Sequence[UUID]) -> None:
    """Create the deliveries of runs that have finished, in the transaction that finishes them."""
    webhook_ids = _lock_webhooks(tx, EventType.RUN_FINISHED)
    if not webhook_ids:
        return
    rows = []
    for run in read_merge_runs(tx, run_ids=run_ids):
        body = _body(EventType.RUN_FINISHED, run.finished_at, RUN_DATA.dump(run))
        rows += [
            {"id": str(new_id()), "webhook_id": str(each), "type": EventType.RUN_FINISHED, "body": body}
            for each in webhook_ids
        ]
    _insert(tx, rows)


def _lock_webhooks(tx: Transaction, event: EventType) -> list[UUID]:
    """Return the ids of the enabled webhooks of an event, locked against deletion."""
    return [row["id"] for row in tx.execute(QUERIES["lock_webhooks_of_type"], {"type": event})]


def _create_deliveries(tx: Transaction, finished: Sequence[tuple[Batch, str]]) -> None:
    """Create the deliveries of *finished* batches, each with the kind of its jobs."""
    if not finished:
        return
    webhook_ids = _lock_webhooks(tx, EventType.BATCH_FINISHED)
    _insert(tx, list(_delivery_rows(webhook_ids, finished)))


def _delivery_rows(webhook_ids: Sequence[UUID], finished: Sequence[tuple[Batch, str]]) -> Iterator[Mapping[str, Any]]:
    for batch, kind in finished:
        data = {**DATA.dump(batch), "kind": kind}
        body = _body(EventType.BATCH_FINISHED, batch.finished_at, data)
        for webhook_id in webhook_ids:
            yield {
                "id": str(new_id()),
                "webhook_id": str(webhook_id),
                "type": EventType.BATCH_FINISHED,
                "batch_id": str(batch.id),
                "body": body,
            }


def _body(event: EventType, at: datetime | None, data: Mapping[str, Any]) -> str:
    """Return the JSON text of an *event* that happened *at* that time."""
    moment = INSTANT.serialize("at", {"at": at}, accessor=lambda each, *_: each["at"])
    return orjson.dumps({"type": event, "timestamp": moment, "data": data}).decode()


def _insert(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.execute(QUERIES["insert_deliveries"], {"rows": Jsonb(rows)})


def _postpone(tx: Transaction, batch_ids: Sequence[UUID]) -> None:
    values = {
        "batch_ids": list(batch_ids),
        "longest_s": LONGEST_S,
        "shortest_s": SHORTEST_S,
        "share": SHARE,
    }
    tx.execute(QUERIES["postpone_checks"], values)
