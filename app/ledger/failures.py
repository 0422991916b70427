"""The failed attempts of jobs with their errors. An attempt that succeeds writes nothing here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction

QUERIES = load_queries("app.ledger", "failures.sql")

#: Failed attempts that are kept for each job; retries of a dead job add to them.
MOST_FAILURES = 50
NOT_ENDED = "Attempt {attempt} did not end: its worker died or lost its connection."


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """A failed attempt of a job."""

    #: Its number since the job was accepted or retried.
    attempt: int
    failed_at: datetime
    #: Names the type of the error alone.
    reason: str
    #: The Celery task; None when it is not known.
    task_id: UUID | None


def add_failure(tx: Transaction, *, job_id: UUID, attempt: int, reason: str, task_id: UUID | None) -> None:
    """Add the failure of an attempt."""
    _add(tx, attempts={job_id: attempt}, reasons=[reason], task_ids=[task_id], unless_added=False)


def add_attempts_without_end(tx: Transaction, *, attempts: Mapping[UUID, int]) -> None:
    """Add *attempts*, by job id, that did not end; an attempt that failed was added then and is left out."""
    reasons = [NOT_ENDED.format(attempt=attempt) for attempt in attempts.values()]
    _add(tx, attempts=attempts, reasons=reasons, task_ids=[None] * len(attempts), unless_added=True)


def read_failures(tx: Transaction, *, job_id: UUID) -> Sequence[FailedAttempt]:
    """Return the failed attempts of a job, newest last."""
    return [FailedAttempt(**row) for row in tx.execute(QUERIES["read_failures"], {"job_id": job_id})]


def _add(
    tx: Transaction,
    *,
    attempts: Mapping[UUID, int],
    reasons: Sequence[str],
    task_ids: Sequence[UUID | None],
    unless_added: bool,
) -> None:
    parameters = {
        "job_ids": list(attempts),
        "attempts": list(attempts.values()),
        "task_ids": task_ids,
        "reasons": reasons,
        "unless_added": unless_added,
    }
    tx.execute(QUERIES["add_failures"], parameters)
    tx.execute(QUERIES["drop_old_failures"], {"job_ids": list(attempts), "most": MOST_FAILURES})
