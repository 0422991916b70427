"""The ledger as workers use it: attempts begin, outcomes are recorded, failures are counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from schemas.identifiers import Recorded, from_record
from schemas.outcomes import JobKind, JobState, Outcome

QUERIES = load_queries("app.ledger", "execution.sql")
#: Seconds that a job waits for its next attempt at most, however many it has behind it.
LONGEST_DELAY_S = 900.0


# Without slots, so that what was read once can be kept.
@dataclass(frozen=True, kw_only=True)
class Work:
    """A job as a worker sees it: what to do, and which attempt this is."""

    id: UUID
    batch_id: UUID
    #: The job's place in its batch.
    index: int
    kind: JobKind
    #: The identifiers as the ledger holds them.
    orphan_wire: Mapping[str, Any]
    survivor_wire: Mapping[str, Any]
    #: Attempts begun, this one included.
    attempts: int
    #: Seconds from its acceptance to the begin of this attempt, by the database's clock.
    waited_s: float = 0.0
    #: The request that made it, and where that one's trace goes on.
    request_id: str | None = None
    traceparent: str | None = None

    @cached_property
    def orphan(self) -> Recorded:
        """The identifier_to_merge, read only when it is needed: one that cannot be read fails its own job alone."""
        return from_record(self.orphan_wire)

    @cached_property
    def survivor(self) -> Recorded:
        """The identifier_to_keep, read likewise."""
        return from_record(self.survivor_wire)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Work":
        """Return the job that *row* of the table says."""
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
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A profile that took part in a job, named as it was before it."""

    id: int
    braze_id: str
    external_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a job ended with; a party is None where no profile was found."""

    job_id: UUID
    outcome: Outcome
    reason: str
    orphan: Party | None = None
    survivor: Party | None = None

    def to_row(self) -> dict[str, Any]:
        """Return it as the ledger's update takes it."""
        row: dict[str, Any] = {"id": str(self.job_id), "outcome": self.outcome, "reason": self.reason}
        for role, party in (("orphan", self.orphan), ("survivor", self.survivor)):
            if party is not None:
                row[f"{role}_id"] = party.id
                row[f"{role}_braze_id"] = party.braze_id
                row[f"{role}_external_id"] = party.external_id
        return row


def begin(tx: Transaction, *, job_ids: Sequence[UUID], task_id: UUID) -> Deferred[list[Work]]:
    """Count an attempt on each unfinished job of *job_ids*; return how to get these jobs, in the order of sending."""
    parameters = {"ids": list(job_ids), "task_id": task_id}
    return tx.defer(
        QUERIES["begin_attempt"],
        parameters,
        read=lambda cursor: sorted(map(Work.from_row, cursor.fetchall()), key=lambda work: work.id),
    )


def hold(tx: Transaction, *, work: Sequence[Work]) -> Deferred[set[UUID]]:
    """Lock the jobs of *work* in id order; return how to get the ids of those that nobody has finished meanwhile."""
    parameters = {"ids": [job.id for job in work]}
    return tx.defer(QUERIES["hold_jobs"], parameters, read=lambda cursor: {row["id"] for row in cursor.fetchall()})


def finish(tx: Transaction, *, finished: Sequence[Finished]) -> None:
    """Record the outcomes *finished*; to be called in the transaction that has their effects."""
    rows = [each.to_row() for each in finished]
    tx.execute(QUERIES["finish_jobs"], {"rows": Jsonb(rows)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often a job may be tried, and how soon again."""

    #: Failures after which it is dead.
    max_attempts: int
    #: Attempts without an end after which it is dead.
    max_strandings: int
    #: Seconds before the second attempt; doubled for each further one, up to LONGEST_DELAY_S.
    delay_s: float


def fail(tx: Transaction, *, job: Work, reason: str, gave_way: bool, limits: Limits) -> JobState | None:
    """Put *job*, whose attempt failed, back in the queue, or declare it dead; return its state.

    *gave_way* says that the attempt had to give way to others, which is not held against the job. Returns None, and
    nothing happens, when the job was finished meanwhile or another attempt at it has begun.
    """
    parameters = {
        "id": job.id,
        "attempt": job.attempts,
        "reason": reason,
        "gave_way": gave_way,
        "max_attempts": limits.max_attempts,
        "max_strandings": limits.max_strandings,
        "delay_s": limits.delay_s,
        "longest_s": LONGEST_DELAY_S,
    }
    row = tx.execute(QUERIES["fail_attempt"], parameters).fetchone()
    return None if row is None else JobState(row["state"])
