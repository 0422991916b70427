"""Deletes finished batches, runs, audit entries and idempotency keys after their retention, by PostgreSQL's clock."""

from datetime import timedelta

from psycopg import Cursor
from psycopg.rows import DictRow

from app.db.citus.work import FINDERS
from app.db.connections import Connection
from app.db.transaction import Deferred, Transaction
from app.ledger.execution import QUERIES


def list_workspaces(connection: Connection) -> list[int]:
    """List the ids of all workspaces; on Citus without those of nodes that do not answer."""
    finder = FINDERS.of(connection)
    if finder is not None:
        return finder.reachable(connection)
    return [row["workspace_id"] for row in connection.execute(QUERIES["all_workspaces"])]


def prune_batches(tx: Transaction, *, age: timedelta, limit: int) -> Deferred[int]:
    """Delete finished batches, with jobs and audit, whose jobs all ended more than *age* ago; return their number.

    One call ends with up to *limit* jobs of them.
    """
    return _prune("prune_batches", tx, age=age, limit=limit)


def prune_runs(tx: Transaction, *, age: timedelta, limit: int) -> Deferred[int]:
    """Delete up to *limit* runs without batches that ended more than *age* ago; return their number."""
    return _prune("prune_runs", tx, age=age, limit=limit)


def prune_audit_events(tx: Transaction, *, age: timedelta, limit: int) -> Deferred[int]:
    """Delete up to *limit* audit entries older than *age* that belong to no batch; return their number."""
    return _prune("prune_audit_entries", tx, age=age, limit=limit)


def prune_idempotency_keys(tx: Transaction, *, hours: float) -> Deferred[int]:
    """Delete idempotency keys older than *hours*; return their number."""
    return tx.defer(QUERIES["prune_idempotency_keys"], {"hours": hours}, read=lambda cursor: cursor.rowcount)


def _prune(query: str, tx: Transaction, *, age: timedelta, limit: int) -> Deferred[int]:
    """Call a function of the database that prunes; the application's role has no right to delete these rows itself."""
    return tx.defer(QUERIES[query], {"age": age, "limit": limit}, read=_pruned)


def _pruned(cursor: Cursor[DictRow]) -> int:
    (row,) = cursor.fetchall()
    pruned: int = row["pruned"]
    return pruned
