"""Pruning: finished batches and run-out idempotency keys are forgotten after their time."""

from datetime import datetime
from uuid import UUID

from app.db import Connection, Later
from app.ledger.execution import QUERIES


def workspaces(connection: Connection) -> list[int]:
    """Return every workspace."""
    return [row["workspace_id"] for row in connection.execute(QUERIES["all_workspaces"])]


def prune_batches(connection: Connection, *, workspace_id: int, before: datetime, limit: int) -> Later[int]:
    """Delete up to *limit* finished batches accepted *before* that time, with jobs and audit; return how many, later.

    PostgreSQL has counted them when the transaction ends, which must have been told the workspace.
    """
    return _prune("prune_batches", connection, workspace_id=workspace_id, before=before, limit=limit)


def prune_audit(connection: Connection, *, workspace_id: int, before: datetime, limit: int) -> Later[int]:
    """Delete up to *limit* entries of the audit that are older and hang on no batch; return how many, later."""
    return _prune("prune_audit_entries", connection, workspace_id=workspace_id, before=before, limit=limit)


def prune_idempotency(connection: Connection, *, workspace_id: int, hours: float) -> Later[int]:
    """Forget idempotency keys older than *hours*; return how many, later."""
    cursor = connection.execute(QUERIES["prune_idempotency"], {"workspace_id": workspace_id, "hours": hours})
    return lambda: cursor.rowcount


def _prune(query: str, connection: Connection, *, workspace_id: int, before: datetime, limit: int) -> Later[int]:
    """Run one of the functions that alone may prune; return how many rows it deleted, later."""
    parameters = {"workspace_id": workspace_id, "before": earliest_id_at(before), "limit": limit}
    cursor = connection.execute(QUERIES[query], parameters)

    def count() -> int:
        (row,) = cursor.fetchall()
        pruned: int = row["pruned"]
        return pruned

    return count


def earliest_id_at(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 that could have been made at *moment*: ids sort by time and need no index for it."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80)
