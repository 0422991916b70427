"""Reads batches and jobs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import NotFound
from app.ledger.profile_ref import ProfileRef
from schemas.outcomes import SETTLED, BatchSource, JobKind, JobState, Outcome
from schemas.urgency import DEFAULT_PRIORITY

QUERIES = load_queries("app.ledger", "queries.sql")

NO_BATCH = "There is no batch with this id."
NO_JOB = "There is no job with this id."


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job and its current state."""

    id: UUID
    batch_id: UUID
    index: int
    kind: JobKind
    state: JobState
    #: Its urgency, from 0, the most urgent, to 7.
    priority: int
    outcome: Outcome | None
    reason: str | None
    #: The identifiers as the client wrote them.
    orphan_identifier: Mapping[str, Any]
    survivor_identifier: Mapping[str, Any]
    #: None before they are resolved, and when no profile has the identifier.
    orphan: ProfileRef | None
    survivor: ProfileRef | None
    attempts: int
    task_id: UUID | None
    #: The id of the request that created its batch, from the client or from web.
    request_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    #: When it was undone, and by which job.
    undone_at: datetime | None
    undone_by: UUID | None
    #: Of an undo: the job that it undoes, and `[{identifier, why}]`, the identifiers that were not restored.
    undoes: UUID | None
    not_restored: Sequence[Mapping[str, Any]] | None
    #: Whether it merged a pair that had been recorded as not a match.
    excluded: bool = False
    #: Set by app.ledger.undo_time: None if it cannot be undone.
    undoable_until: datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Job":
        """Return the job of a table row."""
        own = {name: row[name] for name in cls.__slots__ if name in row}
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        own |= {"kind": JobKind(row["kind"]), "state": JobState(row["state"]), "outcome": outcome}
        return cls(**own, orphan=ProfileRef.from_row(row, "orphan_"), survivor=ProfileRef.from_row(row, "survivor_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """The number of jobs of a batch with one state and outcome, and when the last of them ended."""

    state: JobState
    outcome: Outcome | None
    jobs: int
    finished_at: datetime | None
    #: Those of them that were undone.
    undone: int = 0
    priority: int = DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch and its current state; its jobs, when they are read, are in the order of the request."""

    id: UUID
    request_id: str | None
    created_at: datetime
    source: BatchSource
    #: The run that it belongs to.
    run_id: UUID | None
    status_counts: Sequence[StatusCount]
    jobs: Sequence[Job] = ()

    @property
    def state(self) -> JobState:
        """Finished when every job is finished or dead, queued while no job has started, else running."""
        states = {each.state for each in self.status_counts}
        if states <= SETTLED:
            return JobState.FINISHED
        return JobState.QUEUED if states == {JobState.QUEUED} else JobState.RUNNING

    @property
    def finished_at(self) -> datetime | None:
        """When the last job ended; when the batch is empty, its creation. None while a job is unfinished."""
        if self.state != JobState.FINISHED:
            return None
        return max((each.finished_at for each in self.status_counts if each.finished_at), default=self.created_at)

    @property
    def priority(self) -> int:
        """The urgency of the jobs, which have the same."""
        return min((each.priority for each in self.status_counts), default=DEFAULT_PRIORITY)

    @property
    def undone(self) -> int:
        """The number of jobs whose merges were undone since."""
        return sum(each.undone for each in self.status_counts)

    @property
    def counts(self) -> dict[str, int]:
        """The number of jobs by outcome, or by state for jobs without an outcome."""
        counts: Counter[str] = Counter()
        for each in self.status_counts:
            counts[(each.outcome or each.state).value] += each.jobs
        return dict(sorted(counts.items()))


def read_batch(tx: Transaction, *, batch_id: UUID) -> Batch:
    """Return a batch with its jobs; raise NotFound when the workspace has none of that id."""
    parameters = {"batch_id": batch_id}
    rows = tx.execute(QUERIES["read_batch"], parameters).fetchall()
    if not rows:
        raise NotFound(NO_BATCH)
    jobs = [Job.from_row(row) for row in rows if row["id"] is not None]
    counts = [
        StatusCount(
            state=job.state,
            outcome=job.outcome,
            jobs=1,
            finished_at=job.finished_at,
            undone=job.undone_at is not None,
            priority=job.priority,
        )
        for job in jobs
    ]
    return Batch(
        id=batch_id,
        request_id=rows[0]["request_id"],
        created_at=rows[0]["batch_created_at"],
        source=BatchSource(rows[0]["source"]),
        run_id=rows[0]["run_id"],
        status_counts=counts,
        jobs=jobs,
    )


def find_unfinished_batches(tx: Transaction, *, batch_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the batches that have a job that is neither finished nor dead."""
    return {row["batch_id"] for row in tx.execute(QUERIES["find_unfinished_batches"], {"batch_ids": list(batch_ids)})}


def read_batches(tx: Transaction, *, batch_ids: Sequence[UUID]) -> list[Batch]:
    """Return those of the batches that exist, without their jobs."""
    return with_counts(tx, tx.execute(QUERIES["read_batches"], {"batch_ids": list(batch_ids)}).fetchall())


def read_job(tx: Transaction, *, job_id: UUID) -> Job:
    """Return a job; raise NotFound when the workspace has none of that id."""
    jobs = read_jobs(tx, job_ids=[job_id])
    if not jobs:
        raise NotFound(NO_JOB)
    return jobs[0]


def read_jobs(tx: Transaction, *, job_ids: Sequence[UUID]) -> list[Job]:
    """Return those of the jobs that exist, in the order of their ids."""
    return [Job.from_row(row) for row in tx.execute(QUERIES["read_jobs"], {"ids": list(job_ids)})]


def with_counts(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[Batch]:
    """Return the batches of *rows*, with the status counts of their jobs."""
    counts = _status_counts(tx.execute(QUERIES["count_jobs_of_batches"], {"batch_ids": [row["id"] for row in rows]}))
    return [
        Batch(**{**row, "source": BatchSource(row["source"])}, status_counts=counts.get(row["id"], ())) for row in rows
    ]


def _status_counts(rows: Iterable[Mapping[str, Any]]) -> dict[UUID, list[StatusCount]]:
    """Return the status counts of *rows*, by batch."""
    counts: dict[UUID, list[StatusCount]] = {}
    for row in rows:
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        count = StatusCount(
            state=JobState(row["state"]),
            outcome=outcome,
            jobs=row["jobs"],
            finished_at=row["finished_at"],
            undone=row["undone"],
            priority=row["priority"],
        )
        counts.setdefault(row["batch_id"], []).append(count)
    return counts
