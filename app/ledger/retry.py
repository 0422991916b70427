"""Dead jobs are given another chance, once somebody has mended what they died of."""

from typing import NamedTuple
from uuid import UUID

from app.db.connections import Connection
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.queries import NO_JOB
from schemas.outcomes import JobState

QUERIES = load_queries("app.ledger", "retry.sql")

NOT_DEAD = "This job is {state}; only a dead job can be retried."
BLANKED = "What this job was asked to do was erased with a person who was deleted; there is nothing left to retry."


class Workspace(NamedTuple):
    """A workspace, as operators call it and as the tables do."""

    id: int
    name: str


def retry_job(tx: Transaction, *, job_id: UUID) -> None:
    """Put a dead job back in the queue with all its attempts before it, in the caller's transaction.

    Raises NotFound when the workspace has no such job, and Conflict when it is not dead or was blanked.
    """
    job = {"job_id": job_id}
    row = tx.execute(QUERIES["hold_job"], job).fetchone()
    if row is None:
        raise NotFound(NO_JOB)
    if row["state"] != JobState.DEAD:
        raise Conflict(NOT_DEAD.format(state=row["state"]))
    if row["blanked"]:
        raise Conflict(BLANKED)
    tx.execute(QUERIES["requeue_job"], job)


def workspace_of(connection: Connection, *, job_id: UUID, name: str | None = None) -> Workspace:
    """Return the workspace that the job is in; raise NotFound when it is in none, or not in the one called *name*."""
    row = connection.execute(QUERIES["find_workspace"], {"job_id": job_id, "name": name}).fetchone()
    if row is None:
        raise NotFound(NO_JOB)
    return Workspace(row["workspace_id"], row["name"])
