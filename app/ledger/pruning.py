"""Deletes finished batches, audit entries and idempotency keys after their retention time."""

from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import DictRow

from app.db.connections import Connection
from app.db.transaction import Deferred, Transaction
from app.ledger.execution import QUERIES


def list_workspaces(connection: Connection) -> list[int]:
    """List the ids of all workspaces."""
    return [row["workspace_id"] for row in connection.execute(QUERIES["all_workspaces"])]


def prune_batches(tx: Transaction, *, before: datetime, limit: int) -> Deferred[int]:
    """Delete up to *limit* finished batches accepted *before* a time, with jobs and audit; return their number."""
    return _prune("prune_batches", tx, before=before, limit=limit)


def prune_audit_events(tx: Transaction, *, before: datetime, limit: int) -> Deferred[int]:
    """Delete up to *limit* audit entries from *before* a time that belong to no batch; return their number."""
    return _prune("prune_audit_entries", tx, before=before, limit=limit)


def prune_idempotency_keys(tx: Transaction, *, hours: float) -> Deferred[int]:
    """Delete idempotency keys older than *hours*; return their number."""
    return tx.defer(QUERIES["prune_idempotency_keys"], {"hours": hours}, read=lambda cursor: cursor.rowcount)


def _prune(query: str, tx: Transaction, *, before: datetime, limit: int) -> Deferred[int]:
    """Call a function of the database that prunes; the application's role has no right to delete these rows itself."""
    parameters = {"before": earliest_id_at(before), "limit": limit}
    return tx.defer(QUERIES[query], parameters, read=_pruned)


def _pruned(cursor: Cursor[DictRow]) -> int:
    (row,) = cursor.fetchall()
    pruned: int = row["pruned"]
    return pruned


def earliest_id_at(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of a *moment*: ids sort by time, so a time needs no index of its own."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80)
