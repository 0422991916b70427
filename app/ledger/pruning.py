"""Pruning: finished batches and run-out idempotency keys are forgotten after their time."""

from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import DictRow

from app.db.connections import Connection
from app.db.transaction import Deferred, Transaction
from app.ledger.execution import QUERIES


def workspaces(connection: Connection) -> list[int]:
    """Return every workspace."""
    return [row["workspace_id"] for row in connection.execute(QUERIES["all_workspaces"])]


def prune_batches(tx: Transaction, *, before: datetime, limit: int) -> Deferred[int]:
    """Delete up to *limit* finished batches accepted *before* that time, with jobs and audit; return how many, later.

    PostgreSQL has counted them when the transaction ends, which must have been told the workspace.
    """
    return _prune("prune_batches", tx, before=before, limit=limit)


def prune_audit(tx: Transaction, *, before: datetime, limit: int) -> Deferred[int]:
    """Delete up to *limit* entries of the audit that are older and hang on no batch; return how many, later."""
    return _prune("prune_audit_entries", tx, before=before, limit=limit)


def prune_idempotency(tx: Transaction, *, hours: float) -> Deferred[int]:
    """Forget idempotency keys older than *hours*; return how many, later."""
    return tx.defer(QUERIES["prune_idempotency"], {"hours": hours}, read=lambda cursor: cursor.rowcount)


def _prune(query: str, tx: Transaction, *, before: datetime, limit: int) -> Deferred[int]:
    """Run one of the functions that alone may prune; return how many rows it deleted, later."""
    parameters = {"before": earliest_id_at(before), "limit": limit}
    return tx.defer(QUERIES[query], parameters, read=_pruned)


def _pruned(cursor: Cursor[DictRow]) -> int:
    (row,) = cursor.fetchall()
    pruned: int = row["pruned"]
    return pruned


def earliest_id_at(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 that could have been made at *moment*: ids sort by time and need no index for it."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80)
