"""The ledger as pollers read it: batches, jobs, and what a merge changed. Every query stays in one workspace."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import NotFound
from schemas.identifiers import fold_email, phone_key
from schemas.outcomes import SETTLED, BatchSource, JobKind, JobState, Outcome

QUERIES = load_queries("app.ledger", "queries.sql")

NO_BATCH = "There is no batch with this id."
NO_JOB = "There is no job with this id."


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The profile that one side of a job was resolved to, as it was before the job."""

    braze_id: str
    external_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands."""

    id: UUID
    batch_id: UUID
    index: int
    kind: JobKind
    state: JobState
    outcome: Outcome | None
    reason: str | None
    #: The identifiers as the client wrote them.
    orphan_identifier: Mapping[str, Any]
    survivor_identifier: Mapping[str, Any]
    #: None while they are not resolved, or when nothing answered to the identifier.
    orphan: Side | None
    survivor: Side | None
    attempts: int
    task_id: UUID | None
    #: The request that made its batch, as its client or the front door named it.
    request_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    #: When it was undone, and by which job.
    undone_at: datetime | None
    undone_by: UUID | None
    #: Of an undo: the job that it takes back, and `[{identifier, why}]`, what could not be restored.
    undoes: UUID | None
    not_restored: Sequence[Mapping[str, Any]] | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Job":
        """Return the job that *row* says."""
        own = {name: row[name] for name in cls.__slots__ if name in row}
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        own |= {"kind": JobKind(row["kind"]), "state": JobState(row["state"]), "outcome": outcome}
        return cls(**own, orphan=_side(row, "orphan"), survivor=_side(row, "survivor"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many jobs of a batch ended in one way, or stand in one state, and when the last of them ended."""

    state: JobState
    outcome: Outcome | None
    jobs: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as it stands, with its jobs in the order of the request, or without them."""

    id: UUID
    request_id: str | None
    created_at: datetime
    source: BatchSource
    #: The run over duplicates that made it, if one did.
    run_id: UUID | None
    tallies: Sequence[Tally]
    jobs: Sequence[Job] = ()

    @property
    def state(self) -> JobState:
        """Finished when every job is finished or dead, queued while none has begun, running in between."""
        states = {tally.state for tally in self.tallies}
        if states <= SETTLED:
            return JobState.FINISHED
        return JobState.QUEUED if states == {JobState.QUEUED} else JobState.RUNNING

    @property
    def finished_at(self) -> datetime | None:
        """When the last job ended; an empty batch ended as it began. None while a job is unfinished."""
        if self.state != JobState.FINISHED:
            return None
        return max((tally.finished_at for tally in self.tallies if tally.finished_at), default=self.created_at)

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs have which outcome, or are in which state if they have none."""
        counts: Counter[str] = Counter()
        for tally in self.tallies:
            counts[(tally.outcome or tally.state).value] += tally.jobs
        return dict(sorted(counts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs a page shows; None wants any."""

    state: JobState | None = None
    outcome: Outcome | None = None
    #: A plain value: external_id, alias name, email, phone or braze_id of either side.
    identifier: str | None = None


def read_batch(tx: Transaction, *, batch_id: UUID) -> Batch:
    """Return a batch with its jobs; raise NotFound when the workspace has none of that id."""
    parameters = {"batch_id": batch_id}
    rows = tx.execute(QUERIES["read_batch"], parameters).fetchall()
    if not rows:
        raise NotFound(NO_BATCH)
    jobs = [Job.from_row(row) for row in rows if row["id"] is not None]
    tallies = [Tally(state=job.state, outcome=job.outcome, jobs=1, finished_at=job.finished_at) for job in jobs]
    return Batch(
        id=batch_id,
        request_id=rows[0]["request_id"],
        created_at=rows[0]["batch_created_at"],
        source=BatchSource(rows[0]["source"]),
        run_id=rows[0]["run_id"],
        tallies=tallies,
        jobs=jobs,
    )


def is_finished(tx: Transaction, *, batch_id: UUID) -> bool:
    """Return whether every job of a batch is finished or dead."""
    parameters = {"batch_id": batch_id}
    (row,) = tx.execute(QUERIES["has_unfinished_jobs"], parameters)
    return not row["unfinished"]


# The pages' queries are not prepared: which filters are given decides about the plan.


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBatches:
    """Which batches a page shows; None wants any."""

    source: BatchSource | None = None
    run_id: UUID | None = None

    @property
    def of_runs(self) -> bool:
        """Whether they are all of runs over duplicates, for which there is an index."""
        return self.source is BatchSource.DUPLICATES or (self.run_id is not None and self.source is None)


def list_batches(
    tx: Transaction,
    *,
    wanted: WantedBatches = WantedBatches(),
    limit: int,
    before: UUID | None = None,
) -> list[Batch]:
    """Return up to *limit* batches that are *wanted*, newest first, older than the batch *before*; without jobs."""
    page = {
        "source": wanted.source,
        "run_id": wanted.run_id,
        "limit": limit,
        "before": before,
    }
    query = "list_batches_of_runs" if wanted.of_runs else "list_batches"
    rows = tx.execute(QUERIES[query], page, prepare=False).fetchall()
    return _with_tallies(tx, rows)


def read_batches(tx: Transaction, *, batch_ids: Sequence[UUID]) -> list[Batch]:
    """Return the batches of *batch_ids* that there are, without their jobs."""
    wanted = {"batch_ids": list(batch_ids)}
    return _with_tallies(tx, tx.execute(QUERIES["read_batches"], wanted).fetchall())


def list_jobs(tx: Transaction, *, wanted: Wanted, limit: int, before: UUID | None = None) -> list[Job]:
    """Return up to *limit* jobs that are *wanted*, newest first, older than the job *before*."""
    page: dict[str, Any] = {
        "state": wanted.state,
        "outcome": wanted.outcome,
        "limit": limit,
        "before": before,
    }
    if wanted.identifier is None:
        return [Job.from_row(row) for row in tx.execute(QUERIES["list_jobs"], page, prepare=False)]
    page |= {
        "identifier": wanted.identifier,
        "email_key": fold_email(wanted.identifier),
        "phone_key": phone_key(wanted.identifier),
    }
    return [Job.from_row(row) for row in tx.execute(QUERIES["find_jobs"], page, prepare=False)]


def read_job(tx: Transaction, *, job_id: UUID) -> Job:
    """Return a job; raise NotFound when the workspace has none of that id."""
    row = tx.execute(QUERIES["read_job"], {"job_id": job_id}).fetchone()
    if row is None:
        raise NotFound(NO_JOB)
    return Job.from_row(row)


def read_changes(tx: Transaction, *, job_id: UUID) -> list[dict[str, Any]]:
    """Return `[{field, before, after, rule}]`, what a job changed on its survivor; empty when it merged nothing."""
    row = tx.execute(QUERIES["read_changes"], {"job_id": job_id}).fetchone()
    changes: list[dict[str, Any]] = [] if row is None else row["changes"]
    return changes


def _side(row: Mapping[str, Any], role: str) -> Side | None:
    """Return the profile of *role* that *row* says, or None."""
    braze_id = row[f"{role}_braze_id"]
    return None if braze_id is None else Side(braze_id=braze_id, external_id=row[f"{role}_external_id"])


def _with_tallies(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[Batch]:
    """Return the batches that *rows* say, with how their jobs stand."""
    found = {"batch_ids": [row["id"] for row in rows]}
    tallies = _tallies(tx.execute(QUERIES["tally_batches"], found))
    return [Batch(**{**row, "source": BatchSource(row["source"])}, tallies=tallies.get(row["id"], ())) for row in rows]


def _tallies(rows: Iterable[Mapping[str, Any]]) -> dict[UUID, list[Tally]]:
    """Return the tallies that *rows* say, by batch."""
    tallies: dict[UUID, list[Tally]] = {}
    for row in rows:
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        tally = Tally(state=JobState(row["state"]), outcome=outcome, jobs=row["jobs"], finished_at=row["finished_at"])
        tallies.setdefault(row["batch_id"], []).append(tally)
    return tallies
