"""The execution of jobs, for workers: attempts start, outcomes are recorded, failures are counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.ledger.failures import add_failure
from app.ledger.profile_ref import ProfileRef
from schemas.identifiers import Recorded, from_record
from schemas.outcomes import JobKind, JobState, Outcome

QUERIES = load_queries("app.ledger", "execution.sql")
#: The most seconds between two attempts.
LONGEST_DELAY_S = 900.0
NOTHING_REFUSED: Mapping[str, int] = MappingProxyType({})


# Without slots: cached_property needs a __dict__.
@dataclass(frozen=True, kw_only=True)
class ClaimedJob:
    """A job whose attempt has started."""

    id: UUID
    batch_id: UUID
    #: The index of the job in its batch.
    index: int
    kind: JobKind
    #: The identifiers as the ledger stores them.
    orphan_wire: Mapping[str, Any]
    survivor_wire: Mapping[str, Any]
    #: Started attempts, this one included.
    attempts: int
    #: Seconds from its acceptance to the start of this attempt, by PostgreSQL's clock.
    waited_s: float = 0.0
    #: The id and the trace of the request that created it.
    request_id: str | None = None
    traceparent: str | None = None
    #: Whether it executes an update of an applied plan.
    planned: bool = False
    #: Whether an earlier attempt did not end, or gave way to a concurrent transaction.
    has_stalled: bool = False

    @cached_property
    def orphan(self) -> Recorded:
        """The identifier_to_merge, parsed when it is needed: a malformed one fails only its own job."""
        return from_record(self.orphan_wire)

    @cached_property
    def survivor(self) -> Recorded:
        """The identifier_to_keep, parsed when it is needed."""
        return from_record(self.survivor_wire)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "ClaimedJob":
        """Return the job of a table row."""
        return cls(
            id=row["id"],
            batch_id=row["batch_id"],
            index=row["index"],
            kind=JobKind(row["kind"]),
            orphan_wire=row["orphan_identifier"],
            survivor_wire=row["survivor_identifier"],
            attempts=row["attempts"],
            waited_s=row["waited_s"],
            request_id=row["request_id"],
            traceparent=row["traceparent"],
            planned=row["planned"],
            has_stalled=row["has_stalled"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """The outcome of a job; a profile is None when none was found."""

    job_id: UUID
    outcome: Outcome
    reason: str
    orphan: ProfileRef | None = None
    survivor: ProfileRef | None = None
    #: Further search keys: the aliases and addresses of a merged-away orphan.
    held_keys: Sequence[str] = ()

    def to_row(self) -> dict[str, Any]:
        """Return the parameters of the update."""
        row: dict[str, Any] = {"id": str(self.job_id), "outcome": self.outcome, "reason": self.reason}
        if self.held_keys:
            row["held_keys"] = self.held_keys
        for role, profile in (("orphan", self.orphan), ("survivor", self.survivor)):
            if profile is not None:
                row[f"{role}_id"] = profile.id
                row[f"{role}_braze_id"] = profile.braze_id
                row[f"{role}_external_id"] = profile.external_id
        return row


def begin_attempts(
    tx: Transaction, *, job_ids: Sequence[UUID], task_id: UUID, refused: Mapping[str, int] = NOTHING_REFUSED
) -> Deferred[list[ClaimedJob]]:
    """Count an attempt on each unfinished job of *job_ids*; return these jobs in the order of their request.

    A job stays as it is if its lane has an earlier unfinished job outside *job_ids*, or if it is not published and the
    relay would not publish it now.

    *refused* are running attempts by job id that PostgreSQL refused: they are continued, and not counted again.
    """
    parameters = {"ids": list(job_ids), "task_id": task_id, "refused": Jsonb(dict(refused))}
    return tx.defer(
        QUERIES["begin_attempts"],
        parameters,
        read=lambda cursor: sorted(map(ClaimedJob.from_row, cursor.fetchall()), key=lambda job: job.id),
    )


def withdraw_attempts(tx: Transaction, *, jobs: Sequence[ClaimedJob]) -> None:
    """Uncount the running attempts at *jobs* and leave the jobs to the repetition of their message."""
    parameters = {"ids": [job.id for job in jobs], "attempts": [job.attempts for job in jobs]}
    tx.execute(QUERIES["withdraw_attempts"], parameters)


def lock_running_jobs(tx: Transaction, *, jobs: Sequence[ClaimedJob]) -> Deferred[set[UUID]]:
    """Lock *jobs* in id order; return the ids of the jobs that are still running."""
    parameters = {"ids": [job.id for job in jobs]}
    return tx.defer(
        QUERIES["lock_running_jobs"], parameters, read=lambda cursor: {row["id"] for row in cursor.fetchall()}
    )


def record_results(tx: Transaction, *, results: Sequence[JobResult]) -> None:
    """Record the outcomes of jobs, in the transaction of their effects."""
    rows = [each.to_row() for each in results]
    tx.execute(QUERIES["record_results"], {"rows": Jsonb(rows)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """The limits of attempts at one job."""

    #: Failed attempts after which it is dead.
    max_attempts: int
    #: Stalled attempts after which it is dead: the worker died, or contention ended the attempt.
    max_stalled_attempts: int
    #: Seconds before the second attempt; doubled for each further attempt, up to LONGEST_DELAY_S.
    delay_s: float


def fail_attempt(
    tx: Transaction, *, job: ClaimedJob, reason: str, stalled: bool, limits: RetryLimits
) -> JobState | None:
    """Requeue *job* after a failed attempt, or declare it dead; return its state.

    An attempt counts as *stalled* instead of failed when it ended because of contention. Returns None without any
    effect when the job has finished or another attempt has started.
    """
    parameters = {
        "id": job.id,
        "attempt": job.attempts,
        "reason": reason,
        "stalled": stalled,
        "max_attempts": limits.max_attempts,
        "max_stalled_attempts": limits.max_stalled_attempts,
        "delay_s": limits.delay_s,
        "longest_s": LONGEST_DELAY_S,
    }
    row = tx.execute(QUERIES["fail_attempt"], parameters).fetchone()
    if row is None:
        return None
    add_failure(tx, job_id=job.id, attempt=job.attempts, reason=reason, task_id=row["task_id"])
    return JobState(row["state"])
