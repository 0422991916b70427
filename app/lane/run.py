"""Execute a lane: begin its jobs, decide them in order, and record their outcomes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from time import perf_counter
from uuid import UUID

import psycopg
from psycopg.errors import LockNotAvailable

from app.config import Settings
from app.db.connections import Pool
from app.db.errors import CONTENTION_ERRORS, to_unavailable
from app.db.transaction import Transaction, run_in_transaction
from app.errors import DatabaseRefuses, DatabaseUnavailable, ResolutionUnsettled
from app.lane.decide import Decision
from app.lane.lock_and_decide import lock_and_decide, resolve_pairs, to_result
from app.lane.observer import LaneObserver
from app.lane.planned import load_plan_checks
from app.lane.save import save_decisions
from app.ledger import execution as ledger
from app.ledger.execution import ClaimedJob, JobResult, RetryLimits
from app.ledger.failures import add_attempts_without_end
from app.undo.execute import execute_undo
from schemas.outcomes import JobKind

#: Errors of an attempt that lost to a concurrent transaction: they do not count as failures of its job.
LOST_RACES = (ResolutionUnsettled, *CONTENTION_ERRORS)
#: Transactions that may find their profiles changed before the attempt fails.
MAX_RESOLUTIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The content of one Celery message: jobs of one workspace, in order, and the id of the task."""

    workspace_id: int
    job_ids: Sequence[UUID]
    task_id: UUID
    #: Attempts by job id that an earlier delivery of this message began, and PostgreSQL refused.
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Progress:
    """The number of jobs that a transaction has settled, and the results of the jobs that it finished itself."""

    settled: int
    results: Sequence[JobResult] = ()


def execute_lane(pool: Pool, settings: Settings, lane: Lane) -> Mapping[str, int]:
    """Finish every unfinished job of *lane* or count a failed attempt on it; return the number of jobs per outcome.

    A repeated, late or concurrent delivery has no effect beyond the first: the job row says whether the job is
    finished, and a job finishes in the transaction of its effect. Raises DatabaseUnavailable when PostgreSQL does not
    answer.
    """
    observer = LaneObserver(workspace_id=lane.workspace_id, task_id=lane.task_id)
    return _LaneRun(pool, settings, lane, observer).execute()


class _LaneRun:
    """One execution of a lane."""

    def __init__(self, pool: Pool, settings: Settings, lane: Lane, observer: LaneObserver) -> None:
        self._pool = pool
        self._settings = settings
        self._lane = lane
        self._observer = observer

    def execute(self) -> Mapping[str, int]:
        """Begin all jobs, then finish them in order, as many per transaction as possible."""
        jobs = self._begin()
        self._observer.on_begun(jobs)
        try:
            while jobs:
                jobs = jobs[self._finish_some(jobs) :]
        except (KeyboardInterrupt, SystemExit):
            # A signal ended this process: the jobs are not the cause.
            self._withdraw(jobs)
            raise
        except DatabaseRefuses as error:
            if not self._withdraw(jobs):
                error.attempts = {str(job.id): job.attempts for job in jobs}
            raise
        finally:
            self._observer.on_finished()
        return self._observer.jobs_by_end

    def _begin(self) -> list[ClaimedJob]:
        lane = self._lane
        begun = run_in_transaction(
            self._pool,
            lane.workspace_id,
            ledger.begin_attempts,
            job_ids=lane.job_ids,
            task_id=lane.task_id,
            refused=lane.refused,
        )
        # Read after COMMIT was sent, so that both share a round trip.
        jobs = begun.result()
        if unended := {job.id: job.attempts - 1 for job in jobs if job.has_stalled and job.attempts > 1}:
            run_in_transaction(self._pool, lane.workspace_id, add_attempts_without_end, attempts=unended)
        return jobs

    def _finish_some(self, jobs: Sequence[ClaimedJob]) -> int:
        """Finish the first of *jobs* in one transaction; return their number.

        When the transaction fails, run the jobs one by one, so that a failing job does not fail the others.
        """
        try:
            return self._settle(jobs)
        except DatabaseUnavailable:
            raise
        except LockNotAvailable as error:
            raise _to_refusal(error) from error
        except Exception as error:  # noqa: BLE001  any error of a job is counted on it, and the other jobs continue
            if len(jobs) == 1:
                self._fail(jobs[0], error)
                return 1
            self._observer.on_split(jobs, error)
        for job in jobs:
            self._finish_alone(job)
        return len(jobs)

    def _finish_alone(self, job: ClaimedJob) -> None:
        """Finish *job* in its own transaction; count a failed attempt when that raises."""
        try:
            self._settle([job])
        except DatabaseUnavailable:
            raise
        except LockNotAvailable as error:
            raise _to_refusal(error) from error
        except Exception as error:  # noqa: BLE001  as above
            self._fail(job, error)

    def _settle(self, jobs: Sequence[ClaimedJob]) -> int:
        """Settle the first of *jobs* in one transaction; return their number, at least 1.

        Raises ResolutionUnsettled when the profiles of the first job keep changing before they are locked.
        """
        for _ in range(MAX_RESOLUTIONS):
            began = perf_counter()
            progress = run_in_transaction(self._pool, self._lane.workspace_id, settle_jobs, self._settings, jobs=jobs)
            if progress.settled:
                self._observer.on_committed(progress.results, seconds=perf_counter() - began)
                return progress.settled
        message = f"The profiles of job {jobs[0].id} changed {MAX_RESOLUTIONS} times before they could be locked."
        raise ResolutionUnsettled(message)

    def _withdraw(self, jobs: Sequence[ClaimedJob]) -> bool:
        """Uncount the attempts at *jobs*, which did not finish; return whether PostgreSQL accepted that."""
        with suppress(DatabaseUnavailable, psycopg.Error):
            run_in_transaction(self._pool, self._lane.workspace_id, ledger.withdraw_attempts, jobs=jobs)
            return True
        return False

    def _fail(self, job: ClaimedJob, error: Exception) -> None:
        """Count a failed attempt of *job*. The reason names the error's type alone: its text may have personal data."""
        state = run_in_transaction(
            self._pool,
            self._lane.workspace_id,
            ledger.fail_attempt,
            job=job,
            reason=f"Attempt {job.attempts} failed with {type(error).__name__}; the worker's log has the details.",
            stalled=isinstance(error, LOST_RACES),
            limits=_retry_limits(self._settings),
        )
        self._observer.on_failed(job, error, state=state)


def settle_jobs(tx: Transaction, settings: Settings, *, jobs: Sequence[ClaimedJob]) -> _Progress:
    """Settle the first of *jobs*: the merges before the first undo, or one undo.

    An undo runs alone, because it reads rows that the merges before it have written.
    """
    if jobs[0].kind is JobKind.UNDO:
        return _settle_undo(tx, settings, job=jobs[0])
    return _settle_merges(tx, settings, jobs=list(takewhile(lambda job: job.kind is not JobKind.UNDO, jobs)))


def _settle_merges(tx: Transaction, settings: Settings, *, jobs: Sequence[ClaimedJob]) -> _Progress:
    """Resolve, lock, decide, save and finish. Jobs that another delivery has finished count as settled."""
    # The statements are sent before the first answer is read: they share a round trip.
    unfinished = ledger.lock_running_jobs(tx, jobs=jobs)
    checks = load_plan_checks(tx, jobs=jobs)
    resolved = resolve_pairs(tx, jobs=jobs)
    unfinished_ids = unfinished.result()
    plan_checks = checks.result()
    pairs = [pair for pair in resolved.result() if pair.job.id in unfinished_ids]
    if not pairs:
        return _Progress(len(jobs))
    working_set, decisions = lock_and_decide(tx, settings, pairs=pairs, checks=plan_checks)
    results = [to_result(decision) for decision in decisions]
    if decisions:
        save_decisions(tx, working_set=working_set, decisions=decisions)
        ledger.record_results(tx, results=results)
    all_decided = len(decisions) == len(pairs)
    return _Progress(len(jobs) if all_decided else _count_settled(jobs, decisions), results)


def _settle_undo(tx: Transaction, settings: Settings, *, job: ClaimedJob) -> _Progress:
    """Execute the undo *job*, unless another delivery has finished it."""
    unfinished = ledger.lock_running_jobs(tx, jobs=[job]).result()
    return _Progress(1, [execute_undo(tx, settings, job=job)] if unfinished else [])


def _count_settled(jobs: Sequence[ClaimedJob], decisions: Sequence[Decision]) -> int:
    """Return the number of *jobs* up to the last decided one: jobs between decided ones were finished already."""
    if not decisions:
        return 0
    last = decisions[-1].job.id
    return next(place for place, job in enumerate(jobs, start=1) if job.id == last)


def _to_refusal(error: LockNotAvailable) -> DatabaseRefuses:
    """Return the error of a lane whose tables or rows stay locked, as by VACUUM FULL: it waits, at no attempt."""
    return DatabaseRefuses(str(to_unavailable(error)))


def _retry_limits(settings: Settings) -> RetryLimits:
    return RetryLimits(
        max_attempts=settings.max_attempts, max_stalled_attempts=settings.max_strandings, delay_s=settings.retry_delay_s
    )
