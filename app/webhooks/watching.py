"""Watched batches: checked until they have finished, and then turned into deliveries.

Merges never wait for this: workers do not know of it, and no row of the ledger is locked. The transaction that accepts
a batch starts its watch, and the transaction that creates the deliveries ends it, so that no failure loses one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict
from app.ledger.queries import Batch, read_batches
from app.ledger.runs import read_merge_runs
from app.webhooks.deliveries import Delivery, lock_delivery
from app.webhooks.outbox import delivery_rows, format_event, insert_deliveries, lock_webhooks_of_type
from app.webhooks.store import read_webhook
from schemas.outcomes import JobState
from schemas.webhooks import BatchFinishedSchema, EventType, RunFinishedSchema, RunPausedSchema

QUERIES = load_queries("app.webhooks", "watching.sql")

#: Seconds until the next check of an unfinished batch: a SHARE of its age, between two bounds.
SHORTEST_S = 0.2
LONGEST_S = 30.0
SHARE = 0.1
DISABLED = "This webhook is disabled, so that nothing is sent to it; enable it first."

DATA = BatchFinishedSchema()
#: The data of notices about runs.
RUN_DATA = {EventType.RUN_FINISHED: RunFinishedSchema(), EventType.RUN_PAUSED: RunPausedSchema()}


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
    body = format_event(EventType.TEST, tx.now(), {"webhook_id": webhook_id})
    (row,) = delivery_rows([webhook_id], event=EventType.TEST, body=body)
    insert_deliveries(tx, [row])
    return lock_delivery(tx, webhook_id=webhook_id, notice_id=UUID(row["id"]))


def create_run_deliveries(tx: Transaction, event: EventType, *, run_ids: Sequence[UUID]) -> None:
    """Create the deliveries of runs that have finished or were paused, in the transaction of this event."""
    webhook_ids = lock_webhooks_of_type(tx, event=event)
    if not webhook_ids:
        return
    rows: list[Mapping[str, Any]] = []
    for run in read_merge_runs(tx, run_ids=run_ids):
        at = run.finished_at if event is EventType.RUN_FINISHED else run.paused_at
        body = format_event(event, at, RUN_DATA[event].dump(run))
        rows += delivery_rows(webhook_ids, event=event, body=body)
    insert_deliveries(tx, rows)


def _create_deliveries(tx: Transaction, finished: Sequence[tuple[Batch, str]]) -> None:
    """Create the deliveries of *finished* batches, each with the kind of its jobs."""
    if not finished:
        return
    webhook_ids = lock_webhooks_of_type(tx, event=EventType.BATCH_FINISHED)
    rows = [row for batch, kind in finished for row in _delivery_rows(webhook_ids, batch, kind)]
    insert_deliveries(tx, rows)


def _delivery_rows(webhook_ids: Sequence[UUID], batch: Batch, kind: str) -> list[Mapping[str, Any]]:
    body = format_event(EventType.BATCH_FINISHED, batch.finished_at, {**DATA.dump(batch), "kind": kind})
    return delivery_rows(webhook_ids, event=EventType.BATCH_FINISHED, body=body, batch_id=batch.id)


def _postpone(tx: Transaction, batch_ids: Sequence[UUID]) -> None:
    values = {
        "batch_ids": list(batch_ids),
        "longest_s": LONGEST_S,
        "shortest_s": SHORTEST_S,
        "share": SHARE,
    }
    tx.execute(QUERIES["postpone_checks"], values)
