"""Retries of dead jobs, after their cause has been fixed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from app.db.connections import Connection
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.queries import NO_JOB
from schemas.outcomes import JobKind, JobState

QUERIES = load_queries("app.ledger", "retry.sql")

NOT_DEAD = "This job is {state}; only a dead job can be retried."
BLANKED = "The identifiers of this job were erased with a deleted person, so it cannot be retried."


class WorkspaceOfJob(NamedTuple):
    """The id and the name of a workspace."""

    id: int
    name: str


def retry_job(tx: Transaction, *, job_id: UUID, authorize: Callable[[JobKind], None] | None = None) -> None:
    """Queue a dead job again with a fresh count of attempts.

    *authorize* gets the kind of the job, or that of the job that it undoes, and raises when it may not be retried.
    Raises NotFound when the workspace has no such job, and Conflict when it is not dead or its identifiers were erased.
    """
    row = tx.execute(QUERIES["lock_job"], {"job_id": job_id}).fetchone()
    if row is None:
        raise NotFound(NO_JOB)
    if authorize is not None:
        authorize(JobKind(row["kind"]))
    if row["state"] != JobState.DEAD:
        raise Conflict(NOT_DEAD.format(state=row["state"]))
    if row["blanked"]:
        raise Conflict(BLANKED)
    tx.execute(QUERIES["requeue_job"], {"job_id": job_id})
    tx.execute(QUERIES["watch_again"], {"job_id": job_id})


def kinds_of_jobs(tx: Transaction, *, job_ids: Sequence[UUID]) -> dict[UUID, JobKind]:
    """Return the kind of each job by its id; of an undo, the kind of the job that it undoes."""
    rows = tx.execute(QUERIES["read_kinds"], {"ids": list(job_ids)})
    return {row["id"]: JobKind(row["kind"]) for row in rows}


def find_workspace_of_job(connection: Connection, *, job_id: UUID, name: str | None = None) -> WorkspaceOfJob:
    """Return the workspace of a job; raise NotFound when no workspace has it, or not the one called *name*."""
    workspaces = connection.execute(QUERIES["list_workspaces"], {"name": name}).fetchall()
    with connection.pipeline():
        found = [
            connection.execute(QUERIES["has_job"], {"workspace_id": row["workspace_id"], "job_id": job_id})
            for row in workspaces
        ]
    for row, cursor in zip(workspaces, found, strict=True):
        if cursor.fetchone() is not None:
            return WorkspaceOfJob(row["workspace_id"], row["name"])
    raise NotFound(NO_JOB)
